import pytest

from hydra_plugins.hydra_search.errors import bad_input, raised_in

FRAME = 'Traceback (most recent call last):\n  File "a.py", line 1, in main\n    fail()\n    ^^^^^^\n'
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


@pytest.mark.parametrize(
    ("traceback", "expected"),
    [
        (f"{FRAME}ValueError: no\n", "ValueError: no"),
        (f"{FRAME}KeyError: no such\n    full_key: a.b\n    object_type=dict\n", "KeyError: no such"),
        (f"{FRAME}ValueError: two lines\nof one message\n", "ValueError: two lines"),
        (f"{FRAME}KeyError: 1\n\nDuring handling of the above ...:\n\n{FRAME}ValueError: no\n", "ValueError: no"),
        ("KeyError: no such\n    full_key: a.b\n    object_type=dict", "KeyError: no such"),
        ("the job ended without a result", "the job ended without a result"),
        ("", ""),
    ],
)
def test_what_was_raised_is_told_from_where_and_from_the_rest_of_its_message(traceback: str, expected: str) -> None:
    assert raised_in(traceback) == expected
