"""The commands that go on with a search, for the user to type."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from hydra_plugins.hydra_search.claims import STUDY_NAME
from hydra_plugins.hydra_search.commands import interpreter
from hydra_plugins.hydra_search.grammar import override_text
from hydra_plugins.hydra_search.settings import read_setting

if TYPE_CHECKING:
    from ._spec import Search


def resume_command(argv: Sequence[str], search: "Search", *, has_study_name: bool) -> str:
    """Return the command that goes on with this study.

    Args:
        argv: the program's own arguments, itself first.
        search: what was interrupted.
        has_study_name: whether the application's config has a `study_name`; otherwise the sweeper's own is set.
    """
    given = [key for key in ("study_name", STUDY_NAME) if any(a.startswith(f"{key}=") for a in argv)]
    fixed = {given[-1] if given else "study_name" if has_study_name else STUDY_NAME: search.study_name}
    if Path(search.sweep_dir).name != search.study_name:  # it may have the time in its name
        fixed["hydra.sweep.dir"] = search.sweep_dir
    kept = [argument for argument in argv if argument.partition("=")[0] not in fixed]
    return shlex.join([interpreter(), *kept, *(f"{key}={override_text(value)}" for key, value in fixed.items())])


def extend_command(argv: Sequence[str], search: "Search", config: DictConfig) -> str:
    """Return the command that goes on with this study for as many trials again, once all that it wanted are over."""
    more = with_n_trials(argv, 2 * search.n_trials, config)
    return resume_command(more, search, has_study_name="study_name" in config)


def with_n_trials(argv: Sequence[str], n_trials: int, config: DictConfig) -> list[str]:
    """Return the program's arguments with this budget in place of what they have."""
    setting = read_setting(config, "hydra.sweeper.n_trials")
    key = setting.source if setting else "hydra.sweeper.n_trials"
    kept = [argument for argument in argv if argument.partition("=")[0] not in (key, "hydra.sweeper.n_trials")]
    return [*kept, f"{key}={n_trials}"]
