"""The command that repeats a trial, from the overrides that Hydra kept of its job."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Sweep
from hydra.errors import HydraException
from omegaconf import OmegaConf
from yaml import YAMLError

from ._facts import SearchFacts


def rerun_overrides(job_directory: Path, facts: SearchFacts) -> list[str] | None:
    """Return the override lines of a trial's job without those that only the search reads; None if they are gone."""
    try:
        kept_by_hydra = OmegaConf.load(job_directory / ".hydra" / "overrides.yaml")
    except (OSError, YAMLError):
        return None
    lines = OmegaConf.to_container(kept_by_hydra)
    if not isinstance(lines, list):
        return None
    kept = [str(line) for line in lines if key_of(str(line)) not in facts.search_keys]
    return [without_blanks(line) for line in kept]


def key_of(line: str) -> str:
    """Return the key of an override line, without `+`."""
    return line.partition("=")[0].lstrip("+~")


def without_blanks(line: str) -> str:
    """Write an override without blanks, if it means the same: `[1, 2]` is `[1,2]`, but `'a b'` needs its blank.

    A shell splits what `$(cat best.txt)` gives at every blank, quoted or not, and Hydra's grammar has no other way to
    write one.
    """
    if not has_blank(line):
        return line
    try:
        override = OverridesParser.create().parse_override(line)
        if isinstance(override._value, Sweep):
            return line
        text = override._get_value_element_as_str(override._value, space_after_sep=False)
        shorter = f"{line.partition('=')[0]}={text}"
        same = OverridesParser.create().parse_override(shorter).value() == override.value()
    except (HydraException, AttributeError, AssertionError):  # a function of the grammar has no text
        return line
    return shorter if same and not has_blank(shorter) else line


def has_blank(line: str) -> bool:
    """Tell whether a shell would split the line."""
    return any(blank in line for blank in " \t\n")


def one_line(lines: Sequence[str]) -> str:
    """Return the content of best.txt."""
    return " ".join(lines) + "\n"


def short_command(facts: SearchFacts) -> str:
    """Return the command that reads best.txt; it serves where no value has a blank."""
    return f"{facts.program} $(cat {shlex.quote(f'{facts.directory}/best.txt')})"


def full_command(lines: Sequence[str], facts: SearchFacts) -> str:
    """Return the command with every override, quoted for a shell: it serves always."""
    return " ".join([facts.program, shlex.join(lines)]).strip()
