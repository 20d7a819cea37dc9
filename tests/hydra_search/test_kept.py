import pytest

from hydra_plugins.hydra_search.errors import BadInput
from hydra_plugins.hydra_search.files import n_kept


@pytest.mark.parametrize(
    ("value", "number"), [("all", None), ("none", 0), ("best 10", 10), (" best  3 ", 3), ({"best": 4}, 4)]
)
def test_setting_says_of_how_many_jobs_files_are_kept(value: object, number: int | None) -> None:
    assert n_kept(value, "keep_artifacts") == number


@pytest.mark.parametrize(
    "value", ["best 0", "best -1", "best", "best 1.5", "some", "", 5, 0, True, None, {"best": 0}, {"top": 3}, ["all"]]
)
def test_what_is_no_such_setting_is_refused_in_one_line(value: object) -> None:
    with pytest.raises(BadInput, match=r"^k: must be all, none, or best and a number above 0, got .*Write 'k=best 10'"):
        n_kept(value, "k")
