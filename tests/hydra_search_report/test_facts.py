import json
import subprocess
import sys
from pathlib import Path

from hydra_plugins.hydra_search.files import SEARCH_FACTS
from hydra_plugins.hydra_search_report._facts import git_state, program_of, versions
from hydra_plugins.hydra_search_report.report import SearchFacts
from tests.searches import CONDITIONAL, FACTS


def test_facts_are_read_back_as_they_were(tmp_path: Path) -> None:
    CONDITIONAL.save(tmp_path)
    assert SearchFacts.load(tmp_path) == CONDITIONAL


def test_program_keeps_what_chooses_the_configuration() -> None:
    argv = ["my app.py", "-m", "--config-name", "other", "--config-dir=x", "a=1"]
    assert program_of(argv) == "python 'my app.py' --config-name other --config-dir=x"


def test_surroundings_are_known(tmp_path: Path) -> None:
    assert {"python", "hydra", "optuna"} <= set(versions())
    assert git_state(tmp_path) == (None, False)
    calm = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    (tmp_path / "a").write_text("1")
    for words in (["init", "-q"], ["add", "a"], [*calm, "commit", "-qm", "a"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    commit, dirty = git_state(tmp_path)
    assert len(str(commit)) == 40
    assert not dirty
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path) == (commit, True)


def test_facts_of_a_search_before_a_field_was_added_are_read_with_its_default(tmp_path: Path) -> None:
    FACTS.save(tmp_path)
    content = json.loads((tmp_path / SEARCH_FACTS).read_text())
    del content["n_jobs_key"]
    (tmp_path / SEARCH_FACTS).write_text(json.dumps(content))
    assert SearchFacts.load(tmp_path).n_jobs_key == "hydra.sweeper.n_jobs"


def test_facts_with_surroundings_hold_no_password_and_keep_the_rest() -> None:
    argv = ["app.py", "-m", "-cn", "other", "storage=postgresql://me:secret@db/x"]
    facts = FACTS.with_surroundings(argv, "/a b/python")
    assert "secret" not in facts.command and "app.py -m -cn other" in facts.command
    assert facts.program == "'/a b/python' app.py -cn other"
    assert facts.versions == versions() and facts.started > FACTS.started
    assert (facts.study_name, facts.max_retries) == (FACTS.study_name, FACTS.max_retries)


def test_facts_of_an_unknown_program_name_no_program() -> None:
    fields = {"directions": ("maximize",), "metrics": ("m",), "n_trials": 1, "n_jobs": 1, "directory": "d"}
    assert SearchFacts("s", **fields).program == ""  # type: ignore[arg-type]  # of several types


def test_front_door_loads_nothing_heavy() -> None:
    loaded = "import hydra_plugins.hydra_search_report.report, hydra_plugins.hydra_search_report.__main__, sys\n"
    heavy = "print(*{'mlflow', 'numpy', 'optuna', 'pandas', 'plotly', 'psutil', 'sqlalchemy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded + heavy], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
