"""What jobs leave that no tracking server takes costs that part only: the rest of the record, and all others, go."""

from pathlib import Path

import pytest

from tests.apps.odd import ODDITIES
from tests.conftest import RunApp
from tests.recorded import Recorded

pytestmark = pytest.mark.slow


def test_every_job_is_recorded_whatever_one_of_them_has_left(run_app: RunApp, tmp_path: Path) -> None:
    names = ["plain", *(name for name in ODDITIES if name not in ("plain", "main"))]
    done = run_app("odd.py", "--multirun", f"oddity={','.join(names)}")
    assert done.returncode == 0, done.stdout + done.stderr
    recorded = Recorded(tmp_path)
    assert recorded.parent.info.status == "FINISHED"
    recorded.runs = [run for run in recorded.runs if run.info.lifecycle_stage == "active"]
    living = recorded.children
    assert {name: run.info.status for name, run in living.items()} == {
        f"trial-{number}": "FINISHED" for number in range(len(names))
    }
    for number, name in enumerate(names):
        run = living[f"trial-{number}"]
        assert run.data.metrics["score"] == 0.75, name
        assert run.data.params["oddity"] == ("another" if name == "param_of_the_job_itself" else name)
        assert ".hydra/config.yaml" in recorded.artifacts(run), name
    assert done.stdout.count("Left out: ") == done.stdout.count("[WARNING]") - 1 > 5, "each is said once"
