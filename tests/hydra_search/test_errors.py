import pytest

from hydra_plugins.hydra_search.errors import bad_input

ADDRESS, HIDDEN = "postgresql://me:s3cret@host/db", "postgresql://me:***@host/db"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (ADDRESS, HIDDEN),
        ({"study": "first", "storage": ADDRESS}, f"{{study: first, storage: {HIDDEN}}}"),
        ([{"storage": ADDRESS}, {"storage": ADDRESS}], f"[{{storage: {HIDDEN}}}, {{storage: {HIDDEN}}}]"),
        (
            {"engine_kwargs": {"connect_args": {"password": "s3cret"}}},
            "{engine_kwargs: {connect_args: {password: ***}}}",
        ),
        ({"a": "https://h/x@y", "b": [1, None, True]}, "{a: https://h/x@y, b: [1, null, true]}"),
    ],
)
def test_message_shows_the_value_without_its_passwords(value: object, shown: str) -> None:
    assert str(bad_input("the.key", value, "must be another", "Do this.")) == (
        f"the.key: must be another, got {shown}. Do this."
    )
