import csv
import io
import re
from dataclasses import replace
from pathlib import Path

from optuna.trial import TrialState

from hydra_plugins.hydra_search.files import JOB_RECORD
from hydra_plugins.hydra_search_report._trials import counts_text
from hydra_plugins.hydra_search_report.report import write_report
from tests.searches import FACTS, made_up

from .cases import CASES, after_an_interruption, job, plain


def test_table_holds_all_that_is_known_of_a_trial(tmp_path: Path) -> None:
    trials = after_an_interruption()
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / JOB_RECORD).write_text('{"run_id": "abc"}')
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / JOB_RECORD).write_text("half a li")
    write_report(FACTS, trials, tmp_path, "running")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text())))
    assert rows[1] == {
        "number": "1", "state": "COMPLETE", "value": "0.1", "params.x": "0.1", "duration_seconds": "2.0",
        "start": "2026-03-01T12:00:02.500000", "end": "2026-03-01T12:00:04.500000", "worker": "node:7",
        "directory": "1/", "run_id": "abc", "reason": "", "retry_of": "", "retried_as": "", "intermediate_values": "0",
        "confirms": "", "confirmed_mean": "", "confirmed_std": "",
    }  # fmt: skip
    assert (rows[2]["directory"], rows[2]["run_id"]) == ("2/", "")
    assert (rows[3]["state"], rows[3]["reason"], rows[3]["retried_as"]) == ("FAIL", "worker lost", "5")
    assert (rows[4]["state"], rows[4]["duration_seconds"]) == ("RUNNING", "")
    assert (rows[5]["state"], rows[5]["start"], rows[5]["retry_of"]) == ("WAITING", "", "3")


def test_table_of_a_conditional_space_has_one_column_for_a_key(tmp_path: Path) -> None:
    write_report(*CASES["two objectives"], tmp_path, "")
    head, *_ = csv.reader(io.StringIO((tmp_path / "trials.csv").read_text()))
    assert head[2:8] == [
        "accuracy",
        "seconds",
        "params.preprocessor",
        "params.model",
        "params.model.C",
        "params.model.gamma",
    ]
    assert len(head) == len(set(head))


def test_summary_reads_as_markdown(tmp_path: Path) -> None:
    job(tmp_path, 2, ["x=0.2"])
    write_report(FACTS, plain(3), tmp_path, "ended by n_trials")
    assert (tmp_path / "summary.md").read_text() == (
        "**demo**: maximize accuracy. Searched: dataset digits, model svm. Status: ended by n_trials.\n\n"
        "Trials: 3 finished, of 20 wanted.\n\n"
        "Best: trial 2 with accuracy 0.2, in `multirun/demo/2`.\n\n"
        "Run it again:\n\n```bash\npython train.py $(cat multirun/demo/best.txt)\n```\n\n"
        "| trial | accuracy | parameters | directory |\n| --- | --- | --- | --- |\n"
        "| 2 | 0.2 | `x=0.2` | multirun/demo/2 |\n| 1 | 0.1 | `x=0.1` | multirun/demo/1 |\n"
        "| 0 | 0 | `x=0` | multirun/demo/0 |\n\n"
        "Report: `multirun/demo/report.html`\n"
    )


def test_trials_that_wait_are_said_to_be_queued() -> None:
    assert counts_text(*CASES["interrupted"], "").endswith("1 running, 1 waiting (queued, not begun), of 20 wanted")


def test_lost_trial_with_its_retries_used_up_is_failed_and_says_why(tmp_path: Path) -> None:
    lost = [made_up(3 + n, TrialState.FAIL, lost="killed by signal 9", retries=n) for n in range(3)]
    write_report(replace(FACTS, max_retries=2), [*plain(3), *lost], tmp_path, "ended by n_trials")
    assert "Trials: 3 finished, 1 failed, 2 lost, of 20 wanted." in (tmp_path / "summary.md").read_text()
    rows = re.findall(r'<tr data-state="(\w+)".*?</tr>', (tmp_path / "report.html").read_text())
    assert rows == ["finished"] * 3 + ["lost", "lost", "failed"]
    last = list(csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text())))[-1]
    assert (last["state"], last["reason"]) == ("FAIL", "killed by signal 9")
