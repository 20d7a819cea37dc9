"""A search that starts with the best trials of earlier ones: which it takes, which it leaves out, what it refuses."""

from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.studies import trials_of
from tests.tracked import PLAIN, joblib, n_trials

pytestmark = pytest.mark.slow

WARM = "hydra.sweeper.warm_start"


def named(name: str) -> list[str]:
    return [f"hydra.sweeper.study_name={name}", f"hydra.sweep.dir=multirun/{name}"]


def points(*xs: float) -> str:
    return f"hydra.sweeper.enqueue=[{','.join(f'{{x: {x}}}' for x in xs)}]"


def origins(where: Path | str, name: str = "search") -> list[tuple[float, str | None]]:
    """Return each trial's x, and which earlier trial it repeats."""
    return [(trial.params["x"], trial.user_attrs.get("warm_start_of")) for trial in trials_of(where, name)]


EARLIER = (*named("first"), points(0.25, 0.75, 0.75, 0.5), "hydra.sweeper.duplicates=run", n_trials(4))


@pytest.fixture
def first(run_app: RunApp, tmp_path: Path) -> Path:
    """The directory of an earlier search over x, the higher the better."""
    done = run_app("tracked.py", *PLAIN, *EARLIER)
    assert done.returncode == 0, done.stderr
    return tmp_path / "multirun/first"


@pytest.mark.parametrize("study", ["first", "multirun/first", "{first}"])
@pytest.mark.parametrize("workers", [1, 2])
def test_best_distinct_trials_of_an_earlier_search_run_first_and_once(
    run_app: RunApp, first: Path, sweep: Path, study: str, workers: int
) -> None:
    arguments = [*PLAIN, f"{WARM}=[{{study: '{study.format(first=first)}', top: 2}}]", points(0.1)]
    arguments += joblib(workers) if workers > 1 else []
    done = run_app("tracked.py", *arguments, n_trials(4))
    assert done.returncode == 0, done.stderr
    assert f"Warm start from first ({first}/optuna_journal.log) with trials 1, 3" in done.stdout
    taken = origins(sweep)
    assert taken[:3] == [(0.1, None), (0.75, "first/1"), (0.5, "first/3")] and taken[3][1] is None
    assert [trial.value for trial in trials_of(sweep)[:3]] == [0.1, 0.75, 0.5]
    assert run_app("tracked.py", *arguments, n_trials(6)).returncode == 0
    assert origins(sweep)[:4] == taken and [origin for _, origin in origins(sweep)[4:]] == [None, None]


@pytest.mark.parametrize("storage", ["sqlite", "postgresql"])
def test_earlier_search_is_found_in_a_storage_its_own_or_one_that_is_named(
    run_app: RunApp, request: pytest.FixtureRequest, tmp_path: Path, sweep: Path, storage: str
) -> None:
    database = storage == "postgresql" and request.getfixturevalue("postgresql").new_database()
    url = database or f"sqlite:///{tmp_path}/study.db"
    kept = f"hydra.sweeper.storage={url}"
    assert run_app("tracked.py", *PLAIN, *EARLIER, kept).returncode == 0
    done = run_app("tracked.py", *PLAIN, f"{WARM}=[{{study: first, top: 1, storage: '{url}'}}]", n_trials(1))
    assert done.returncode == 0, done.stderr
    assert origins(sweep) == [(0.75, "first/1")]
    (tmp_path / "multirun/first").rename(tmp_path / "elsewhere")
    for number, study in enumerate(("first", "elsewhere")):
        name = f"next{number}"
        done = run_app("tracked.py", *PLAIN, *named(name), kept, f"{WARM}=[{{study: {study}, top: 1}}]", n_trials(1))
        assert done.returncode == 0, done.stderr
        assert origins(url, name) == [(0.75, "first/1")]


def test_trial_that_does_not_fit_is_left_out_with_the_reason_and_the_next_best_is_taken(
    run_app: RunApp, first: Path, sweep: Path
) -> None:
    done = run_app("tracked.py", *PLAIN, f"{WARM}=[{{study: first, top: 2}}]", "x=interval(0, 0.6)", n_trials(2))
    assert done.returncode == 0, done.stderr
    assert "Left out: trial 1, x: not in the search space of this key, got 0.75." in done.stdout
    assert "trial 2" not in done.stdout  # the same as trial 1
    assert origins(sweep) == [(0.5, "first/3"), (0.25, "first/0")]


def test_key_that_is_not_searched_any_more_fits_if_every_job_has_its_value_and_a_new_one_is_drawn(
    run_app: RunApp, sweep: Path
) -> None:
    listed = "hydra.sweeper.enqueue=[{x: 0.1, slope: 1.0}, {x: 0.2, slope: 2.0}]"
    done = run_app("tracked.py", *PLAIN, *named("first"), "slope=choice(1.0, 2.0)", listed, n_trials(2))
    assert done.returncode == 0, done.stderr
    done = run_app("tracked.py", *PLAIN, f"{WARM}=[{{study: first}}]", "size=range(1, 9)", n_trials(2))
    assert done.returncode == 0, done.stderr
    assert "Left out: trial 1, slope: not a key of the search space, got 2.0." in done.stdout
    assert origins(sweep)[0] == (0.1, "first/0") and origins(sweep)[1][1] is None
    assert trials_of(sweep)[0].params["size"] in range(1, 9)


def test_trials_of_branches_fit_whose_branch_is_there(run_app: RunApp, sweep: Path) -> None:
    both = "{choices: {a: {size: 'int(interval(1, 9))'}, b: {size: 'choice(small, large)'}}}"
    listed = "hydra.sweeper.enqueue=[{branch: a, size: 3}, {branch: b, size: large}]"
    branch = "+hydra.sweeper.params.branch="
    done = run_app("tracked.py", *PLAIN, *named("first"), f"{branch}{both}", listed, n_trials(2))
    assert done.returncode == 0, done.stderr
    one = "{choices: {a: {size: 'int(interval(1, 9))'}, c: {}}}"
    done = run_app("tracked.py", *PLAIN, f"{branch}{one}", f"{WARM}=[{{study: first}}]", n_trials(2))
    assert done.returncode == 0, done.stderr
    assert "Left out: trial 1, branch: not in the search space of this key, got b." in done.stdout
    warm, drawn = trials_of(sweep)
    assert (warm.params["size"], warm.params["branch"], warm.user_attrs["warm_start_of"]) == (3, "a", "first/0")
    assert "warm_start_of" not in drawn.user_attrs


def test_search_of_which_nothing_fits_starts_cold_and_says_so(run_app: RunApp, first: Path, sweep: Path) -> None:
    space = ["x=0.5", "size=range(1, 9)"]
    done = run_app("tracked.py", *PLAIN, *space, f"{WARM}=[{{study: first}}]", n_trials(1))
    assert done.returncode == 0, done.stderr
    assert "with none of its trials" in done.stdout and "Left out: trial 3: has no parameter" in done.stdout
    assert "warm_start_of" not in trials_of(sweep)[0].user_attrs


REFUSED = {
    "5": "hydra.sweeper.warm_start: must be a list",
    "[5]": "hydra.sweeper.warm_start[0]: must be a mapping",
    "[{top: 5}]": "hydra.sweeper.warm_start[0]: must be a mapping that names a study",
    "[{study: first, tops: 5}]": "hydra.sweeper.warm_start[0].tops: is no key of an entry, got 5. Did you mean top?",
    "[{study: first, top: 0}]": "hydra.sweeper.warm_start[0].top: must be a number of trials, 1 or more, got 0.",
    "[{study: first, top: true}]": "hydra.sweeper.warm_start[0].top: must be a number of trials, 1 or more, got true.",
    "[{study: first}, {study: frist}]": "hydra.sweeper.warm_start[1].study: there is no study 'frist'",
    "[{study: first, storage: 'sqlite:///absent.db'}]": "hydra.sweeper.warm_start[0].study: there is no study 'first'",
    "[{study: first, storage: 'file://x'}]": "hydra.sweeper.warm_start[0].storage: ",
    "[{study: search}]": "hydra.sweeper.warm_start[0].study: is this search itself",
}


@pytest.mark.parametrize("value", REFUSED)
def test_entry_that_can_not_be_used_is_refused_in_one_line_before_anything_is_made(
    run_app: RunApp, first: Path, sweep: Path, value: str
) -> None:
    before = sorted(first.parent.parent.rglob("*"))
    done = run_app("tracked.py", *PLAIN, f"{WARM}={value}")
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith(REFUSED[value]) and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert sorted(first.parent.parent.rglob("*")) == before


@pytest.mark.parametrize("direction", ["minimize", "[maximize,minimize]"])
def test_study_with_other_objectives_is_refused(run_app: RunApp, first: Path, sweep: Path, direction: str) -> None:
    done = run_app("tracked.py", *PLAIN, f"{WARM}=[{{study: first}}]", f"hydra.sweeper.direction={direction}")
    assert done.returncode == 1 and not sweep.exists()
    assert "hydra.sweeper.warm_start[0].study: has the objectives [maximize]" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_front_of_a_search_with_several_objectives_is_taken(run_app: RunApp, sweep: Path) -> None:
    two = ["objectives=2", "hydra.sweeper.direction=[maximize,minimize]"]
    listed = points(0.1, 0.5, 0.9)  # the first is beaten in both
    done = run_app("tracked.py", *PLAIN, *two, *named("first"), listed, n_trials(3))
    assert done.returncode == 0, done.stderr
    done = run_app("tracked.py", *PLAIN, *two, f"{WARM}=[{{study: first}}]", n_trials(3))
    assert done.returncode == 0, done.stderr
    assert origins(sweep)[:2] == [(0.5, "first/1"), (0.9, "first/2")] and origins(sweep)[2][1] is None
