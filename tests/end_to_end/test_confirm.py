"""The best trials run again when the search is done. Their order is turned round: what was best is the worst then."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from optuna.trial import FrozenTrial

from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import finished, trials_of
from tests.tracked import PLAIN, SEARCH, joblib, n_trials

pytestmark = pytest.mark.slow

CONFIRM = "hydra.sweeper.confirm={top: 3, key: slope, values: [-1.0, -3.0]}"
REPORT = "hydra.sweeper.report=true"


def confirming(trials: Sequence[FrozenTrial]) -> dict[int, tuple[int, str]]:
    """Return what each finished trial confirms, and with what."""
    done = [trial for trial in finished(trials) if "confirms" in trial.user_attrs]
    return {t.number: (t.user_attrs["confirms"]["trial"], t.user_attrs["confirms"]["override"]) for t in done}


@pytest.mark.parametrize("workers", [[], joblib(2)], ids=["one worker", "two workers"])
def test_best_mean_of_the_best_trials_wins_everywhere_and_a_resume_runs_only_what_is_missing(
    run_app: RunApp, tmp_path: Path, sweep: Path, workers: Sequence[str]
) -> None:
    done = run_app("tracked.py", *SEARCH, CONFIRM, REPORT, n_trials(5), *workers)
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    searched = [trial for trial in trials if "confirms" not in trial.user_attrs]
    top = sorted(searched, key=lambda trial: -trial.params["x"])[:3]
    runs = {(trial.number, f"slope={slope}") for trial in top for slope in (-1.0, -3.0)}
    assert len(searched) == 5 and set(confirming(trials).values()) == runs and len(trials) == 11
    for number, (of, override) in confirming(trials).items():
        assert trials[number].value == pytest.approx(float(override.partition("=")[2]) * trials[of].params["x"])

    winner = top[-1]
    mean, std = -2.0 * winner.params["x"], 2**0.5 * winner.params["x"]
    results = yaml.safe_load((sweep / "optimization_results.yaml").read_text())
    assert (results["best_trial"], results["best_value"]) == (winner.number, winner.value)
    assert (results["confirmed_mean"], results["confirmed_std"]) == (pytest.approx(mean), pytest.approx(std))
    assert "Confirmed with slope=-1.0, slope=-3.0: mean ± standard deviation of the runs" in done.stdout
    assert f"    Trial {winner.number}: " in done.stdout
    assert f"The first place of trial {winner.number} is " in done.stdout
    assert f"Best trial: {winner.number}, " in done.stdout and "Ended by: n_trials" in done.stdout
    best = (sweep / "best.txt").read_text()
    assert best == f"x={winner.params['x']}\n"

    summary, page = (sweep / "summary.md").read_text(), (sweep / "report.html").read_text()
    assert "5 finished, 6 confirming, of 5 wanted" in summary and f"| {winner.number} | {mean:.6g} ± " in summary
    assert '<h2 id="confirmation">Confirmation</h2>' in page
    rows = {int(row["number"]): row for row in csv.DictReader((sweep / "trials.csv").read_text().splitlines())}
    assert {number: int(row["confirms"]) for number, row in rows.items() if row["confirms"]} == {
        number: of for number, (of, _) in confirming(trials).items()
    }
    assert float(rows[winner.number]["confirmed_mean"]) == pytest.approx(mean)

    recorded = Recorded(tmp_path)
    metrics = recorded.parent.data.metrics
    told = metrics["confirmed_score_mean"], metrics["confirmed_score_std"]
    assert told == (pytest.approx(mean), pytest.approx(std))
    assert metrics["best_value"] == winner.value and metrics["best_score"] == top[0].value, "the curve is the search's"
    assert recorded.parent.data.tags["best.trial"] == f"trial-{winner.number}"
    tagged = {name: run.data.tags.get("confirms") for name, run in recorded.children.items()}
    assert {name: of for name, of in tagged.items() if of} == {
        f"trial-{number}": str(of) for number, (of, _) in confirming(trials).items()
    }

    again = run_app("tracked.py", *SEARCH, CONFIRM, REPORT, n_trials(7), *workers)
    assert again.returncode == 0 and "Resuming with 5 finished trials of 7" in again.stdout, again.stderr
    after = trials_of(sweep)
    assert len([trial for trial in after if "confirms" not in trial.user_attrs]) == 7
    pairs = list(confirming(after).values())
    assert len(set(pairs)) == len(pairs) and set(pairs) >= runs
    best_now = sorted((t for t in after if "confirms" not in t.user_attrs), key=lambda trial: -trial.params["x"])[:3]
    assert {number for number, _ in pairs} == {trial.number for trial in [*top, *best_now]}


def test_confirming_run_whose_worker_dies_is_run_again(run_app: RunApp, sweep: Path) -> None:
    done = run_app("tracked.py", *PLAIN, CONFIRM, n_trials(3), "bad_job=4", "bad=kill", *joblib(2))
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    lost = trials[4]
    assert lost.state.name == "FAIL" and lost.user_attrs["lost"] == "worker lost"
    assert len(confirming(trials)) == len(set(confirming(trials).values())) == 6
    (retry,) = [trial for trial in trials if trial.user_attrs.get("retry_of") == 4]
    assert retry.user_attrs["confirms"] == lost.user_attrs["confirms"] and retry.params == lost.params


def test_trial_of_which_a_confirming_run_fails_is_not_confirmed(run_app: RunApp, sweep: Path) -> None:
    done = run_app("tracked.py", *PLAIN, CONFIRM, n_trials(3), "bad_job=3")
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    first = trials[3].user_attrs["confirms"]["trial"]
    assert trials[3].state.name == "FAIL" and f"    Trial {first}: " not in done.stdout
    assert done.stdout.count("    Trial ") == 2 and f"Best trial: {first}, " not in done.stdout


def test_search_that_fails_confirms_nothing(run_app: RunApp, sweep: Path) -> None:
    done = run_app("tracked.py", *PLAIN, CONFIRM, n_trials(4), "bad_job=1", "hydra.sweeper.max_failure_rate=0.1")
    assert done.returncode == 1 and "max_failure_rate" in done.stderr
    assert [trial.state.name for trial in trials_of(sweep)][:2] == ["COMPLETE", "FAIL"]
    assert not any("confirms" in trial.user_attrs for trial in trials_of(sweep))
