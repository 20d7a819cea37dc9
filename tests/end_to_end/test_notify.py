"""The word at the end of a search: what is posted, that nothing goes wrong by it, and that its address is a secret."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RunApp, StartApp, environment
from tests.studies import trials_of
from tests.tracked import PLAIN, SEARCH, joblib, n_trials, wait_for_jobs
from tests.webhook import PATH, webhook

pytestmark = pytest.mark.slow

KEY = "hydra.sweeper.notify_url"


@pytest.mark.parametrize("workers", [1, 2])
def test_status_and_best_are_posted_once_when_the_search_ends(run_app: RunApp, sweep: Path, workers: int) -> None:
    launcher = joblib(workers) if workers > 1 else []
    with webhook() as hook:
        listed = "hydra.sweeper.enqueue=[{x: 0.25}, {x: 0.75}, {x: 0.5}]"
        done = run_app("tracked.py", *PLAIN, *launcher, f"{KEY}={hook.url}", listed, "bad_job=2", n_trials(3))
    assert done.returncode == 0, done.stderr
    (word,) = hook.words
    assert hook.requests == [f"POST /{PATH}"] and word.pop("type") == "application/json"
    text, seconds = word.pop("text"), word.pop("seconds")
    assert word == {
        "status": "finished", "reason": "n_trials", "study_name": "search", "metric": "value",
        "best": {"value": 0.75, "trial": 1, "params": {"x": 0.75}},
        "counts": {"finished": 2, "pruned": 0, "failed": 1, "repeated": 0, "running": 0, "waiting": 0},
        "directory": str(sweep),
    }  # fmt: skip
    assert text.startswith("Search search finished (n_trials): best value 0.75 in trial 1 (x=0.75); 2 finished")
    assert seconds > 0


def test_front_is_posted_for_several_objectives(run_app: RunApp) -> None:
    two = ["objectives=2", "hydra.sweeper.direction=[maximize,minimize]", "hydra.sweeper.metric=[a,b]"]
    listed = "hydra.sweeper.enqueue=[{x: 0.1}, {x: 0.5}, {x: 0.9}]"
    with webhook() as hook:
        done = run_app("tracked.py", *PLAIN, *two, f"{KEY}={hook.url}", listed, n_trials(3))
    assert done.returncode == 0, done.stderr
    (word,) = hook.words
    assert word["metric"] == ["a", "b"]
    assert word["best"] == [
        {"values": [0.5, 0.0], "trial": 1, "params": {"x": 0.5}},
        {"values": [0.9, 0.4], "trial": 2, "params": {"x": 0.9}},
    ]


FRAGILE = ["hydra.sweeper.max_failure_rate=0"]


def test_failed_search_is_told_too(run_app: RunApp) -> None:
    with webhook() as hook:
        done = run_app("tracked.py", *PLAIN, f"{KEY}={hook.url}", "bad_job=all", *FRAGILE, n_trials(3))
    assert done.returncode == 1
    (word,) = hook.words
    assert word["status"] == "failed" and "broke on purpose" in word["reason"] and word["best"] is None
    assert word["counts"]["failed"] == 1 and "no trial has finished" in word["text"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_search_is_told_too(
    start_app: StartApp, sweep: Path, tmp_path: Path, number: int, status: int
) -> None:
    with webhook() as hook:
        search = start_app("tracked.py", *PLAIN, f"{KEY}={hook.url}", f"wait_for={tmp_path}/gate")
        wait_for_jobs(sweep, 1)
        search.send_signal(number)
        assert search.wait(60) == status
    (word,) = hook.words
    assert word["status"] == "interrupted" and word["best"] is None and word["study_name"] == "search"


@pytest.mark.parametrize(("verb", "status"), [("stop", "stopped"), ("cancel", "cancelled")])
def test_search_that_somebody_ends_is_told_too(
    start_app: StartApp, sweep: Path, tmp_path: Path, verb: str, status: str
) -> None:
    gate = tmp_path / "gate"
    with webhook() as hook:
        search = start_app("tracked.py", *PLAIN, f"{KEY}={hook.url}", f"wait_for={gate}")
        wait_for_jobs(sweep, 1)
        asked = [sys.executable, "-m", "hydra_plugins.hydra_search_command", verb, str(sweep)]
        subprocess.run(asked, cwd=tmp_path, env=environment(), check=True)
        if verb == "stop":
            gate.touch()
        search.wait(120)
    (word,) = hook.words
    assert (word["status"], word["reason"]) == (status, verb)


@pytest.mark.parametrize(
    ("answers", "said", "n_requests"),
    [((404,), "it answered 404", 1), ((503,), "it answered 503", 2), ((302,), "it answered 302", 1),
     ((307,), "it answered 307", 1), ((0,), "no answer in time", 2)],
)  # fmt: skip
def test_word_that_is_not_taken_is_a_warning_and_the_search_has_ended_well(
    run_app: RunApp, answers: tuple[int, ...], said: str, n_requests: int
) -> None:
    with webhook(*answers) as hook:
        done = run_app("tracked.py", *PLAIN, f"{KEY}={hook.url}", n_trials(1))
        assert done.returncode == 0, done.stderr
    assert hook.requests == [f"POST /{PATH}"] * n_requests
    output = done.stdout + done.stderr
    assert f"The end of the search could not be told to http://127.0.0.1/***: {said}\n" in output
    assert PATH not in output and output.count("could not be told") == 1 and "Traceback" not in output


def test_failure_that_passes_is_tried_again_once(run_app: RunApp) -> None:
    with webhook(500, 200) as hook:
        done = run_app("tracked.py", *PLAIN, f"{KEY}={hook.url}", n_trials(1))
    assert done.returncode == 0 and len(hook.requests) == 2
    assert "could not be told" not in done.stdout + done.stderr


def test_nobody_who_listens_is_a_warning_and_a_failed_search_keeps_its_status(run_app: RunApp) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/{PATH}"
        done = run_app("tracked.py", *PLAIN, f"{KEY}={url}", "bad_job=all", n_trials(1))
    assert done.returncode == 1 and "Connection refused" in done.stdout + done.stderr
    assert PATH not in done.stdout + done.stderr


REPORT = "hydra.sweeper.report=true"


@pytest.mark.parametrize("way", ["key", "environment", "application"])
def test_address_stands_in_no_file_and_no_line(start_app: StartApp, tmp_path: Path, way: str) -> None:
    with webhook() as hook:
        variable = {"HOOK": hook.url} if way == "environment" else {}
        given = {
            "key": [f"{KEY}={hook.url}"],
            "environment": [f"{KEY}=${{oc.env:HOOK}}"],
            "application": [f"+hook={hook.url}", f"{KEY}=${{hook}}"],
        }[way]
        search = start_app("tracked.py", *SEARCH, *given, REPORT, n_trials(2), env=variable or None)
        output, _ = search.communicate(timeout=120)
    assert search.returncode == 0, output
    assert len(hook.words) == 1 and hook.words[0]["best"]
    assert PATH not in output
    holding = {path for path in tmp_path.rglob("*") if path.is_file() and PATH.encode() in path.read_bytes()}
    # a key of the application's own is what its jobs are given
    assert {path.name for path in holding} <= (
        {"config.yaml", "overrides.yaml", "hydra.yaml"} if way == "application" else set()
    )
    assert all(path.parent.name == ".hydra" and path.is_relative_to(tmp_path / "multirun") for path in holding)


def test_secret_parameters_are_masked(run_app: RunApp, sweep: Path) -> None:
    redact = "+hydra.callbacks.mlflow.redact=[size]"
    with webhook() as hook:
        done = run_app("tracked.py", *PLAIN, f"{KEY}={hook.url}", "size=choice(4711,4712)", redact, n_trials(1))
    assert done.returncode == 0, done.stderr
    assert trials_of(sweep)[0].params["size"] in (4711, 4712)
    assert hook.words[0]["best"]["params"]["size"] == "***" and "471" not in str(hook.words)


BAD = ["ftp://host/s3cr3t", "host/s3cr3t", "'http://'", "http:///s3cr3t", "'http://me:s3cr3t@host/x'", "5", "true",
       "'http://host:s3cr3t/x'", "'http://host/s3cr3t x'"]  # fmt: skip


@pytest.mark.parametrize("url", BAD)
def test_address_that_can_not_be_posted_to_is_refused_in_one_line_without_it(
    run_app: RunApp, tmp_path: Path, url: str
) -> None:
    done = run_app("tracked.py", *PLAIN, f"{KEY}={url}")
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"{KEY}: must be an address by http or https") and "s3cr3t" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_command_that_was_printed_asks_for_the_address(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("tracked.py", *PLAIN, f"{KEY}=???")
    assert done.returncode == 1 and not list(tmp_path.iterdir())
    assert done.stderr.strip() == f"{KEY}: must be given, got ???. Set {KEY}."


def test_search_goes_on_under_another_address(run_app: RunApp, sweep: Path) -> None:
    with webhook() as hook:
        for total in (1, 2):
            arguments = [f"+hook={hook.url}/{total}", f"{KEY}=${{hook}}", n_trials(total)]
            done = run_app("tracked.py", *PLAIN, *arguments)
            assert done.returncode == 0, done.stderr
    assert [word["counts"]["finished"] for word in hook.words] == [1, 2]
