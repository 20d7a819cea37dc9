"""Files travel without secrets, and stay as they are where they lie."""

from pathlib import Path

import pytest

from hydra_plugins.hydra_mlflow_callback._upload import secrets_left_in, send_without

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
