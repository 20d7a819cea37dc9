"""Whether a search may go on with the study of its name: it must be the same search, over the same kinds of space.

Asked twice: before anything is made, of what can be read, and again of the study that was opened, which another
command may have begun meanwhile.
"""

import json
import logging
import shlex
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from omegaconf import DictConfig
from optuna.distributions import BaseDistribution, CategoricalDistribution, check_distribution_compatibility
from optuna.exceptions import ExperimentalWarning

from hydra_plugins.hydra_search.errors import BadInput, as_sentence, bad_input, shown
from hydra_plugins.hydra_search.files import FINGERPRINT, FINGERPRINT_KEY, read_object, write_aside
from hydra_plugins.hydra_search.settings import Setting, read_setting

from ..enqueue import SPACE
from ..space._tree import Parameter
from ._fingerprint import Difference, Fingerprint, described, differences, space_differences
from ._spec import WARN, Search

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

STUDY_NAME, METRIC = "hydra.sweeper.study_name", "hydra.sweeper.metric"
LONGEST = 8  # differences in a message


@dataclass(frozen=True)
class Known:
    """What a study was begun with."""

    directions: tuple[str, ...] = ()  # empty: only its directory is left
    fingerprint: Fingerprint | None = None
    # every distribution from which a parameter was drawn
    drawn: Mapping[str, Sequence[BaseDistribution]] = field(default_factory=dict)


def check_resume(search: Search, config: DictConfig) -> None:
    """Look whether the study is there already, and may go on. Nothing is made.

    Raises:
        BadInput: it was begun with another direction, distribution or configuration.
    """
    with search.storage.look() as storage:
        known = _in_storage(storage, search.study_name) if storage else None
    of_directory = _in_directory(search)
    if known is None and of_directory is None:
        return
    known = known or Known()
    if known.fingerprint is None:
        known = Known(known.directions, of_directory, known.drawn)
    _check(known, search, config)


def open_study(search: Search, storage: "BaseStorage") -> optuna.Study:
    """Make the study, or open the one of this name.

    Raises:
        BadInput: nobody has chosen the name, and still it is another search's.
    """
    directions = [optuna.study.StudyDirection[direction.upper()] for direction in search.directions]
    try:
        return optuna.create_study(
            study_name=search.study_name, storage=storage, directions=directions, load_if_exists=search.shares
        )
    except optuna.exceptions.DuplicatedStudyError as error:
        rule, remedy = "is the name of a study that another command began in the same second", "Start again."
        raise bad_input(STUDY_NAME, search.study_name, rule, remedy) from error


def go_on(study: optuna.Study, search: Search, config: DictConfig) -> None:
    """Say how the search has changed since the study was begun; leave the fingerprint with study and directory.

    Raises:
        BadInput: see `check_resume`; another command may have begun the study meanwhile.
    """
    known = _known(study.directions, study.user_attrs, study.get_trials(deepcopy=False))
    _check(known, search, config)
    if known.fingerprint is None:
        if known.drawn:
            log.info("The study does not say what it was begun with; from now on it does.")
        study.set_user_attr(FINGERPRINT_KEY, json.loads(search.fingerprint.as_json()))
    elif found := _differences(known.fingerprint, search, config):
        log.warning(f"The study holds trials of another configuration, which may not compare: {_listed(found)}")
    if lines := _changes_of_space(known, search):
        log.info(f"The search goes on in another space: {_listed(lines)}")
    entries = json.loads(json.dumps(search.space.entries(), default=str))
    if study.user_attrs.get(SPACE) != entries:
        study.set_user_attr(SPACE, entries)
    _name_metrics(study, search.metrics)
    fingerprint = known.fingerprint or search.fingerprint
    content = {"study_name": search.study_name, FINGERPRINT_KEY: json.loads(fingerprint.as_json())}
    write_aside(Path(search.sweep_dir, FINGERPRINT), json.dumps(content, indent=1))


def _changes_of_space(known: Known, search: Search) -> list[str]:
    now = search.fingerprint.space
    if known.fingerprint:
        return space_differences(known.fingerprint.space, now)
    # a branch that was never chosen has drawn nothing, and `custom_search_space` draws what is not in the space
    drawn = {name: described(found[-1]) for name, found in known.drawn.items() if name in now}
    return space_differences(drawn, {name: now[name] for name in drawn})


def _check(known: Known, search: Search, config: DictConfig) -> None:
    if known.directions and known.directions != search.directions:
        setting = read_setting(config, "hydra.sweeper.direction") or Setting("hydra.sweeper.direction", None)
        remedy = f"Set {setting.source}={_typed(known.directions)}, or {_another_name(config)}."
        rule = f"the study {search.study_name!r} was begun with {shown(list(known.directions))}"
        raise bad_input(setting.name, list(search.directions), rule, remedy)
    _check_distributions(known, search, config)
    if known.fingerprint is None or search.on_mismatch == WARN:
        return
    found = _differences(known.fingerprint, search, config)
    if found:
        setting = read_setting(config, STUDY_NAME) or Setting(STUDY_NAME, None)
        rule = f"the study {search.study_name!r} holds trials of another configuration ({_listed(found)})"
        again = shlex.join(override for one in found[:LONGEST] if (override := one.override()))
        remedy = (
            f"Write {again or 'the old configuration'}, or {_another_name(config)}; if you know that the results "
            "compare: hydra.sweeper.on_mismatch=warn."
        )
        raise bad_input(setting.name, search.study_name, rule, remedy)


def _differences(known: Fingerprint, search: Search, config: DictConfig) -> list[Difference]:
    found = differences(known, search.fingerprint)
    if list(known.metrics) != list(search.metrics):
        key = _key_of_metric(search, config)
        before, now = (names[0] if len(names) == 1 else list(names) for names in (known.metrics, search.metrics))
        found.insert(0, Difference(key, before, now))
    return found


def _key_of_metric(search: Search, config: DictConfig) -> str:
    """Return the key by which the user names the metric, to the sweeper or to preflight."""
    for key in METRIC, "hydra.callbacks.preflight.metric":
        setting = read_setting(config, key)
        if setting and setting.source != key and setting.value in (list(search.metrics), search.metrics[0]):
            return setting.source
    return METRIC


def _check_distributions(known: Known, search: Search, config: DictConfig) -> None:
    """Refuse what Optuna refuses of every trial: another kind of distribution under a name."""
    for _, parameter in search.space.walk():
        for drawn in known.drawn.get(parameter.name, ()):
            try:
                check_distribution_compatibility(drawn, parameter.domain.distribution)
            except ValueError:
                raise _other_kind(parameter, drawn, search.study_name, _another_name(config)) from None


def _other_kind(parameter: Parameter, drawn: BaseDistribution, study_name: str, another_name: str) -> BadInput:
    before = described(drawn)
    if before == described(parameter.domain.distribution):  # null as a text, from hydra-optuna-sweeper for example
        rule = f"the study {study_name!r} keeps these choices in another form, as another sweeper writes them"
        return bad_input(parameter.key, parameter.domain.entry, rule, f"{as_sentence(another_name)}.")
    what = "these choices, in this order" if isinstance(drawn, CategoricalDistribution) else "this kind and scale"
    rule = f"the study {study_name!r} has drawn it from {before}, and Optuna keeps to {what}"
    return bad_input(parameter.key, parameter.domain.entry, rule, f"Write {before}, or {another_name}.")


def _in_storage(storage: "BaseStorage", name: str) -> Known | None:
    try:
        study_id = storage.get_study_id_from_name(name)
    except KeyError:
        return None
    trials = storage.get_all_trials(study_id, deepcopy=False)
    return _known(storage.get_study_directions(study_id), storage.get_study_user_attrs(study_id), trials)


def _known(
    directions: Sequence[optuna.study.StudyDirection], attributes: Mapping[str, object], trials: Sequence["FrozenTrial"]
) -> Known:
    drawn: dict[str, list[BaseDistribution]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            if distribution not in drawn.setdefault(name, []):
                drawn[name].append(distribution)
    names = tuple(direction.name.lower() for direction in directions)
    return Known(names, _read(attributes.get(FINGERPRINT_KEY)), drawn)


def _in_directory(search: Search) -> Fingerprint | None:
    """Return what the sweep directory tells of this study: it may be another one's, and the study may be gone."""
    content = read_object(Path(search.sweep_dir, FINGERPRINT))
    return _read(content.get(FINGERPRINT_KEY)) if content.get("study_name") == search.study_name else None


def _read(value: object) -> Fingerprint | None:
    """Read a fingerprint; None for what is not one, as another program may have left."""
    fields = Fingerprint.__dataclass_fields__
    if not isinstance(value, Mapping) or set(value) != set(fields):
        return None
    return Fingerprint(**value)


def _name_metrics(study: optuna.Study, metrics: Sequence[str]) -> None:
    """Tell Optuna's dashboard the objectives' names."""
    if study.metric_names == list(metrics):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(list(metrics))


def _another_name(config: DictConfig) -> str:
    setting = read_setting(config, STUDY_NAME)
    return f"set another {setting.source if setting else STUDY_NAME}"


def _typed(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"'[{','.join(values)}]'"


def _listed(lines: Sequence[object]) -> str:
    left = len(lines) - LONGEST
    return "; ".join(map(str, lines[:LONGEST])) + (f"; and {left} more" if left > 0 else "")
