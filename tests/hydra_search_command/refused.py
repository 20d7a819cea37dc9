"""What every refusal of `hydra-search` is: one line, status 2, and nothing else."""

import pytest

from hydra_plugins.hydra_search_command.__main__ import main


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the line by which the command refuses its arguments."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    said = capsys.readouterr()
    assert left.value.code == 2
    assert said.err.startswith("hydra-search") and said.err.count("\n") == 1 and not said.out
    return said.err
