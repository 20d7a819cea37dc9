"""Files travel without secrets, and stay as they are where they lie."""

from pathlib import Path

import pytest
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from hydra_plugins.hydra_mlflow_callback._upload import secrets_left_in, send_without, sent_at_once

CONFIG = "api:\n  token: tok-12345\nmine: x-9876\nother: ${oc.env:MINE}\n"
HYDRA = "hydra:\n  overrides:\n    task:\n    - api.token=tok-12345\n    - lr=0.1\n  job:\n    config_name: config\n"


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINE", "hunter-two")
    (tmp_path / ".hydra").mkdir()
    for name, text in {"config": CONFIG, "hydra": HYDRA, "overrides": "- api.token=tok-12345\n- lr=0.1\n"}.items():
        (tmp_path / f".hydra/{name}.yaml").write_text(text)
    (tmp_path / "job.log").write_text("tok-12345, hunter-two and x-9876")
    (tmp_path / "weights.bin").write_bytes(b"tok-12345")
    return tmp_path


def sent(job: Path, *redact: str) -> dict[str, str]:
    found: dict[str, str] = {}
    secrets = secrets_left_in(job, redact)
    for path in (*job.glob(".hydra/*"), job / "job.log", job / "weights.bin"):
        send_without(secrets, path, lambda p: found.update({Path(p).name: Path(p).read_text()}))
    return found


def test_hydras_files_and_texts_travel_without_secrets(job: Path) -> None:
    before = {path: path.read_bytes() for path in job.rglob("*") if path.is_file()}
    assert sent(job, "mine") == {
        "config.yaml": "api:\n  token: '***'\nmine: '***'\nother: ${oc.env:MINE}\n",
        "hydra.yaml": HYDRA.replace("tok-12345", "***"),
        "overrides.yaml": "- api.token=***\n- lr=0.1\n",
        "job.log": "***, *** and ***",
        "weights.bin": "tok-12345",
    }
    assert before == {path: path.read_bytes() for path in job.rglob("*") if path.is_file()}


def test_files_travel_themselves_where_nothing_is_secret(job: Path) -> None:
    (job / ".hydra/config.yaml").write_text("x: 1\n")
    paths: list[str] = []
    send_without(secrets_left_in(job, ()), job / ".hydra/config.yaml", paths.append)
    assert paths == [str(job / ".hydra/config.yaml")]


def below(folder: Path) -> dict[str, tuple[bytes, float]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_files_that_are_copied_at_once_are_those_that_are_sent_one_by_one(
    job: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job / "sub").mkdir()
    (job / "sub/last.ckpt").write_bytes(b"weights")
    (job / "best.ckpt").symlink_to("sub/last.ckpt")
    (job / "left").write_text("is not wanted")
    files = [path for path in job.rglob("*") if path.is_file() and path.name != "left"]
    together, each = tmp_path_factory.mktemp("together"), tmp_path_factory.mktemp("each")
    for path in files:
        folder = path.parent.relative_to(job).as_posix()
        get_artifact_repository(str(each)).log_artifact(str(path), None if folder == "." else folder)
    monkeypatch.chdir(job.parent)
    for _ in range(2):  # again over what is there
        assert sent_at_once(
            get_artifact_repository(str(together)), Path(job.name), [Path(job.name, p.relative_to(job)) for p in files]
        )
    assert below(together) == below(each) and len(below(each)) == len(files)


def test_files_are_not_copied_at_once_where_one_can_not_be_or_to_a_server(job: Path, tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts/.hydra").write_text("no folder")
    assert not sent_at_once(get_artifact_repository(str(tmp_path / "artifacts")), job, [job / ".hydra/config.yaml"])
    assert not sent_at_once(
        get_artifact_repository("mlflow-artifacts:/1/x", "http://127.0.0.1:1"), job, [job / "job.log"]
    )
    assert not sent_at_once(get_artifact_repository(str(tmp_path / "artifacts")), job, [job / "gone"])
