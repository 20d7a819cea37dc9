"""What a search leaves to a program that goes on."""

from pathlib import Path

from tests.conftest import RunApp
from tests.studies import states, trials_of
from tests.tracked import PLAIN, n_trials


def test_search_in_the_own_process_leaves_no_connection_to_its_database(run_app: RunApp, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    done = run_app("afterwards.py", *PLAIN, f"hydra.sweeper.storage={url}", n_trials(2))
    assert done.returncode == 0, done.stderr
    assert states(trials_of(url)) == dict.fromkeys(range(2), "COMPLETE")
    assert "study.db" not in done.stdout.rpartition("Still open:")[2], done.stdout
