"""Joins the entries of a search space with the overrides on the command line."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from hydra.core.override_parser.types import Override

from hydra_plugins.hydra_search.errors import bad_input, shown, suggestion
from hydra_plugins.hydra_search.grammar import constant_text, is_constant, refuse_sign

from ._parameter import grammar_domain
from ._tree import Constant
from ._typed import choice_of, options_of

log = logging.getLogger(__name__)

Entries = dict[str, object]
Owners = tuple[str, ...]  # the branching keys above a level of the space, outermost first
Change = Callable[[Entries, Owners, str, Override], Entries]  # makes a new level of one that has the override's key


def with_overrides(entries: Mapping[str, object], overrides: Iterable[Override]) -> tuple[Entries, list[str]]:
    """Return the entries that are left, and the overrides that every job takes as they are.

    A sweep replaces the entry of its key wherever it stands; of a branching choice it keeps the options it names.
    A constant takes its key out of the space; of a branching choice it leaves the entries of that option.
    A constant below a branching key (`model.C` below `model`) reaches only the jobs of the branches that have the key.

    Raises:
        BadInput: an option that a branching choice does not have, or a key of the space with a sign before it.
    """
    space: Entries = dict(entries)
    fixed: list[str] = []
    for key, override in {override.get_key_element(): override for override in overrides}.items():
        for name, _ in _walk(space):
            refuse_sign(name, {key: override})
        places = [owners for name, owners in _walk(space) if name == key]
        if override.is_sweep_override():
            space = _at_each(space, key, override, _swept) if places else _replaced(space, key, override)
            continue
        if places:
            log.info(f"{override.input_line} on the command line takes {key} out of the search space.")
            space = _at_each(space, key, override, _fixed)
        if not places or not all(_is_below(key, owners) for owners in places):
            fixed.append(str(override.input_line))
    return space, fixed


def without_constants(entries: Mapping[str, object], overrides: Iterable[Override]) -> tuple[Entries, list[str]]:
    """Return the entries that vary, and the others as overrides that every job takes, as hydra-optuna-sweeper has it.

    What the command line says of the same key goes before.
    """
    constants = {key: value for key, value in entries.items() if is_constant(key, value)}
    if constants:
        log.info(f"Constants of the search space, the same in every trial: {', '.join(constants)}")
    given = {override.get_key_element().lstrip("+") for override in overrides}
    left = {key: value for key, value in entries.items() if key not in constants}
    return left, [f"{key}={constant_text(value)}" for key, value in constants.items() if key.lstrip("+") not in given]


def _swept(level: Entries, _: Owners, key: str, override: Override) -> Entries:
    options = options_of(level[key])
    if options is None:
        return _replaced(level, key, override)
    domain = grammar_domain(key, override.get_value_string())
    values = [choice.value for choice in domain.choices] or domain.values() or [override.get_value_string()]
    return {**level, key: {"choices": _chosen(key, options, values)}}


def _fixed(level: Entries, owners: Owners, key: str, override: Override) -> Entries:
    left = {name: entry for name, entry in level.items() if name != key}
    options = options_of(level[key])
    branch = {} if options is None else next(iter(_chosen(key, options, [override.value()]).values()))
    inner: Entries = dict(branch) if isinstance(branch, Mapping) else {}
    for name in sorted({name for name, _ in _walk(inner)} & {name for name, _ in _walk(left)}):
        places = f"an entry beside {key} and one under {override.input_line}"
        raise bad_input(name, places, "stands in two places that meet in one job", "Leave it in one of them.")
    constant = {key: Constant(override.get_value_string())} if _is_below(key, owners) else {}
    return {**constant, **left, **inner}


def _replaced(level: Entries, key: str, override: Override) -> Entries:
    return {**level, key: override.get_value_string()}


def _chosen(key: str, options: Mapping[object, object], values: Iterable[object]) -> dict[object, object]:
    """Return the options that the values name, with their spaces. Raises BadInput."""
    domain = choice_of(key, options)
    names = dict(zip((choice.stored for choice in domain.choices), options, strict=False))
    chosen: dict[object, object] = {}
    for value in values:
        try:
            name = names[domain.find(value)]
        except LookupError:
            known = [choice.text for choice in domain.choices]
            raise bad_input(key, value, "no option of this choice", suggestion(shown(value), known)) from None
        chosen[name] = options[name]
    return chosen


def _at_each(level: Entries, key: str, override: Override, change: Change, owners: Owners = ()) -> Entries:
    """Change every level of the space that has the key, the inner ones first."""

    def inside(name: str, entry: object) -> object:
        options = options_of(entry)
        if options is None or not isinstance(entry, Mapping):
            return entry
        above = (*owners, name)
        choices = {
            option: _at_each(dict(space), key, override, change, above) if isinstance(space, Mapping) else space
            for option, space in options.items()
        }
        return {**entry, "choices": choices}

    changed = {name: inside(name, entry) for name, entry in level.items()}
    return change(changed, owners, key, override) if key in changed else changed


def _walk(entries: Mapping[str, object], owners: Owners = ()) -> Iterator[tuple[str, Owners]]:
    """Yield every key of the space with the branching keys above it."""
    for key, entry in entries.items():
        yield key, owners
        for branch in (options_of(entry) or {}).values():
            if isinstance(branch, Mapping):
                yield from _walk(branch, (*owners, key))


def _is_below(key: str, owners: Owners) -> bool:
    return any(key.lstrip("+").startswith(f"{owner}.") for owner in owners)
