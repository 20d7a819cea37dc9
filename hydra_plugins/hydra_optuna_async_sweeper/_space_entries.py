"""Reads the entries of `hydra.sweeper.params` into a space: each in Hydra's grammar, typed, or choosing a branch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ._domain import as_written, categorical, grammar_domain, stored_text
from ._search_space import BadInput, bad_input
from ._space import Parameter, Path, Space
from ._typed_form import checked_fields, typed_domain


@dataclass(frozen=True)
class Constant:
    """An entry that the command line fixed inside a branch: it reaches the branch's jobs and is no parameter."""

    text: str


def parse_space(entries: Mapping[str, object]) -> Space:
    """Read a space, and name its parameters.

    A parameter is named as its key. A key that stands under several options with different distributions is named with
    the options that lead to it, like `svm/model.C` or `svm/rbf/model.gamma`, in each of its places.

    Raises:
        BadInput: an entry makes no sense, or a job could meet a key twice.
    """
    space = _read(entries)
    _check_keys(space)
    return _named(space, _ambiguous(space))


def options_of(entry: object) -> Mapping[object, object] | None:
    """Return the sub-spaces of a branching choice by option, None for any other entry."""
    choices = entry.get("choices") if isinstance(entry, Mapping) else None
    return choices if isinstance(choices, Mapping) else None


def _read(entries: Mapping[str, object]) -> Space:
    constants = {key: value for key, value in entries.items() if isinstance(value, Constant)}
    parameters = tuple(_parameter(str(key), value) for key, value in entries.items() if key not in constants)
    return Space(parameters, tuple(f"{key}={constant.text}" for key, constant in constants.items()))


def _parameter(key: str, entry: object) -> Parameter:
    if not isinstance(entry, Mapping):
        return Parameter(key, key, grammar_domain(key, entry))
    options = options_of(entry)
    return Parameter(key, key, typed_domain(key, entry)) if options is None else _branching(key, entry, options)


def _branching(key: str, entry: Mapping[str, object], options: Mapping[object, object]) -> Parameter:
    checked_fields(key, entry)
    if not options:
        raise bad_input(key, entry, "choices must not be empty", "Write choices: {a: {...}, b: {...}}.")
    domain = categorical(key, list(options), map(as_written, options))
    if len(domain.choices) < len(options):
        raise bad_input(key, list(options), "two options are the same", "Leave each in once.")
    spaces = [
        _branch(f"{key}={choice.text}", spec) for choice, spec in zip(domain.choices, options.values(), strict=True)
    ]
    stored = [choice.stored for choice in domain.choices]
    return Parameter(key, key, domain, dict(zip(stored, spaces, strict=True)))


def _branch(option: str, entries: object) -> Space:
    if entries is not None and not isinstance(entries, Mapping):
        remedy = f"Write {option.split('=')[-1]}: {{key: range(1, 6)}}, or {{}} for an option without parameters."
        raise bad_input(option, entries, "the space of an option must be a mapping", remedy)
    try:
        return _read(entries or {})
    except BadInput as error:
        raise BadInput(f"{option}, {error}") from error


def _check_keys(space: Space, path: Path = ()) -> None:
    """Refuse a key that could reach one job twice; under two options of one choice it can't. Raises BadInput."""
    places: dict[str, Path] = {}
    for parameter in space.parameters:
        found = {inner.config_key: place for place, inner in Space((parameter,)).walk(path)}
        if found[parameter.config_key] != path:
            raise _twice(parameter.config_key, path, found[parameter.config_key])
        for key, place in found.items():
            if key in places:
                raise _twice(key, places[key], place)
        places |= found
        for option, branch in parameter.branches.items():
            _check_keys(branch, (*path, (parameter.config_key, stored_text(option))))


def _twice(key: str, *paths: Path) -> BadInput:
    places = [", ".join(f"{owner}={option}" for owner, option in path) or "the top level" for path in paths]
    remedy = "Leave it in one of them; only the options of one choice may repeat a key."
    return bad_input(key, " and ".join(places), "stands in two places that meet in one job", remedy)


def _ambiguous(space: Space) -> set[str]:
    walk = [(parameter.key, parameter.domain.distribution) for _, parameter in space.walk()]
    first = dict(reversed(walk))
    return {key for key, distribution in walk if distribution != first[key]}


def _named(space: Space, ambiguous: set[str], path: Path = ()) -> Space:
    return replace(space, parameters=tuple(_renamed(parameter, ambiguous, path) for parameter in space.parameters))


def _renamed(parameter: Parameter, ambiguous: set[str], path: Path) -> Parameter:
    options = [option for _, option in path] if parameter.key in ambiguous else []
    name = "/".join([*options, parameter.key])
    branches = {
        option: _named(space, ambiguous, (*path, (parameter.config_key, stored_text(option))))
        for option, space in parameter.branches.items()
    }
    return replace(parameter, name=name, branches=branches)
