"""`clean` deletes a search with its study and its runs, and nothing else."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import mlflow
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from hydra_plugins.hydra_mlflow_callback._record import SearchRecord
from hydra_plugins.hydra_mlflow_callback.config import Settings
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search_command.__main__ import main
from tests.searches import FACTS

from .refused import refused
from .test_found import in_database, in_journal


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    in_journal(Path("multirun/demo"))
    FACTS.save(Path("multirun/demo"))
    return tmp_path


def studies(url: str) -> list[str]:
    with database_at(url).opened() as storage:
        return sorted(study.study_name for study in storage.get_all_studies())


def test_search_goes_with_its_directory_and_others_stay(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_journal(Path("multirun/other"), "other")
    (here / "outside").mkdir()
    (here / "outside/file").touch()
    Path("multirun/demo/link").symlink_to(here / "outside")
    main(["clean", "demo", "--yes"])
    assert capsys.readouterr().out == "demo: deleted the directory multirun/demo\n"
    assert sorted(path.name for path in Path("multirun").iterdir()) == ["other"]
    assert (here / "outside/file").exists()


def test_study_in_a_shared_database_goes_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = in_database(here)
    in_database(here, "other")
    replace(FACTS, storage=url).save(Path("multirun/demo"))
    main(["clean", "multirun/demo", "--yes", "--json"])
    expected = {
        "study_name": "demo", "directory": "multirun/demo", "storage": url, "mlflow_runs": 0, "problem": None,
    }  # fmt: skip
    assert json.loads(capsys.readouterr().out) == [expected]
    assert studies(url) == ["other"] and not Path("multirun/demo").exists()
    main(["clean", "other", "--storage", url, "--yes"])
    assert studies(url) == []


def test_directory_goes_whose_study_has_been_deleted_before(here: Path) -> None:
    url = in_database(here, "other")
    replace(FACTS, storage=url).save(Path("multirun/demo"))
    main(["clean", "demo", "--yes"])
    assert studies(url) == ["other"] and not Path("multirun/demo").exists()


def test_directory_stays_whose_study_is_where_nobody_sees_it_from_here(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("multirun/demo/optuna_journal.log").unlink()
    replace(FACTS, storage="optuna.storages.JournalStorage").save(Path("multirun/demo"))
    assert "is in optuna.storages.JournalStorage; name its place with --storage" in refused(
        capsys, "clean", "demo", "--yes"
    )
    assert Path("multirun/demo").exists()


def test_runs_of_the_search_are_deleted_at_any_depth_and_no_other(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = f"sqlite:///{here}/mlflow.db"
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("e")
    tag = "mlflow.parentRunId"
    parent, other = (client.create_run(experiment).info.run_id for _ in range(2))
    child = client.create_run(experiment, tags={tag: parent}).info.run_id
    inner = client.create_run(experiment, tags={tag: child}).info.run_id
    settings = Settings(uri, "e", "demo", metrics=("v",), directions=("maximize",), experiment_id=experiment)
    SearchRecord(parent, settings, status="FINISHED").save(Path("multirun/demo"))
    main(["clean", "demo", "--yes"])
    assert capsys.readouterr().out.startswith("demo: deleted 3 runs in MLflow, which keeps them until `mlflow gc`, the")
    stages = {run: client.get_run(run).info.lifecycle_stage for run in (parent, child, inner, other)}
    assert stages == {parent: "deleted", child: "deleted", inner: "deleted", other: "active"}


def test_search_whose_runs_can_not_be_deleted_is_left_as_it_is_with_status_1(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings("http://127.0.0.1:9", "e", "demo", metrics=("v",), directions=("maximize",), experiment_id="1")
    SearchRecord("run", settings, status="FINISHED").save(Path("multirun/demo"))
    in_journal(Path("multirun/other"), "other")
    with pytest.raises(SystemExit) as left:
        main(["clean", "demo", "other", "--yes"])
    said = capsys.readouterr().out
    assert left.value.code == 1 and "demo: nothing is deleted; NOT deleted: MLflow at http://127.0.0.1:9" in said
    assert Path("multirun/demo/.search.json").exists() and not Path("multirun/other").exists()


def test_search_that_runs_is_refused_and_so_are_those_beside_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = in_database(here, "busy")
    with database_at(url).opened() as storage:
        running = create_trial(state=TrialState.RUNNING, user_attrs={"worker": Owner.me().as_attribute()})
        optuna.load_study(study_name="busy", storage=storage).add_trial(running)
    shutil.copytree("multirun/demo", "multirun/busy")
    replace(FACTS, study_name="busy", storage=url).save(Path("multirun/busy"))
    assert "'busy' runs; stop it first" in refused(capsys, "clean", "demo", "busy", "--yes")
    assert studies(url) == ["busy"] and Path("multirun/demo").exists() and Path("multirun/busy").exists()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("demo", "there is no terminal to ask at; to delete without a question: --yes"),
        ("absent", "there is no search 'absent'"),
        ("link", "'link' is a link"),
        ("foreign", "not a directory of these searches"),
        (".", "holds the directory from which you call"),
        ("project", "holds a repository too"),
        ("around", "holds around/multirun/inner too"),
        ("two", "holds other studies too: other"),
    ],
)
def test_what_must_not_be_deleted_is_refused_and_stays(
    here: Path, capsys: pytest.CaptureFixture[str], argument: str, message: str
) -> None:
    (here / "link").symlink_to(here / "multirun/demo")
    (here / "foreign").mkdir()
    (here / "foreign/multirun.yaml").touch()
    for folder in (".", "project", "around", "around/multirun/inner"):
        in_journal(Path(folder))
    (here / "project/.git").mkdir()
    in_journal(Path("two"), "demo", "other")
    FACTS.save(Path("two"))
    before = sorted(here.rglob("*"))
    assert message in refused(capsys, "clean", argument, *(["--yes"] if argument != "demo" else []))
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(("answer", "goes"), [("y\n", True), ("\n", False), ("no\n", False)])
def test_question_says_what_goes_and_only_yes_deletes(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str, goes: bool
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr("sys.stdin", Terminal())
    if goes:
        main(["clean", "demo"])
    else:
        with pytest.raises(SystemExit) as left:
            main(["clean", "demo"])
        assert left.value.code == 1
    assert "directory multirun/demo, with all that is in it\nDelete all of this? [y/N]" in capsys.readouterr().err
    assert Path("multirun/demo").exists() is not goes
