"""The command that delivers the records of a search later."""

from pathlib import Path

import pytest

from hydra_plugins.hydra_mlflow_callback.__main__ import main


def test_help_says_what_it_sends_and_from_where(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert left.value.code == 0
    assert "python -m hydra_plugins.hydra_mlflow_callback" in said and "Send what is not sent yet" in said


def test_directory_without_a_recorded_search_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"holds no recorded search; name a sweep directory$"):
        main([str(tmp_path)])
