"""Joins the entries of a search space with the overrides on the command line."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from hydra.core.override_parser.types import Override

from ._domain import as_written, categorical, grammar_domain
from ._search_space import bad_input, shown, suggestion
from ._space_entries import Constant, options_of

log = logging.getLogger(__name__)

Entries = dict[str, object]
Owners = tuple[str, ...]  # the branching keys above a level of the space, outermost first
Change = Callable[[Entries, Owners], Entries]  # makes a new level of one that has the key


def with_overrides(entries: Mapping[str, object], overrides: Iterable[Override]) -> tuple[Entries, list[str]]:
    """Return the entries that are left, and the override lines that every job takes as they are.

    A sweep replaces the entry of its key wherever it stands; of a branching choice it keeps the options it names.
    A constant takes its key out of the space; of a branching choice it leaves the entries of that option.
    A constant below a branching key (`model.C` below `model`) reaches only the jobs of the branches that have the key.

    Raises:
        BadInput: an option that a branching choice does not have, or a key of the space with a sign before it.
    """
    space: Entries = dict(entries)
    fixed: list[str] = []
    for key, override in {override.get_key_element(): override for override in overrides}.items():
        places = list(_places(space, key))
        _refuse_sign(space, key, override)
        if override.is_sweep_override():
            space = _at_each(space, key, _sweep(key, override)) if places else _replaced(space, key, override)
            continue
        if places:
            log.info(f"{override.input_line} on the command line takes {key} out of the search space.")
            space = _at_each(space, key, _fix(key, override))
        if not places or not all(_is_below(key, owners) for owners in places):
            fixed.append(str(override.input_line))
    return space, fixed


def _sweep(key: str, override: Override) -> Change:
    def change(level: Entries, _: Owners) -> Entries:
        options = options_of(level[key])
        if options is None:
            return _replaced(level, key, override)
        domain = grammar_domain(key, override.get_value_string())
        values = [choice.value for choice in domain.choices] or domain.values() or [override.get_value_string()]
        return {**level, key: {"choices": _chosen(key, options, values)}}

    return change


def _fix(key: str, override: Override) -> Change:
    def change(level: Entries, owners: Owners) -> Entries:
        left = {name: entry for name, entry in level.items() if name != key}
        options = options_of(level[key])
        branch = {} if options is None else next(iter(_chosen(key, options, [override.value()]).values()))
        inner: Entries = dict(branch) if isinstance(branch, Mapping) else {}
        for name in sorted(set(_keys(inner)) & set(_keys(left))):
            places = f"an entry beside {key} and one under {override.input_line}"
            raise bad_input(name, places, "stands in two places that meet in one job", "Leave it in one of them.")
        constant = {key: Constant(override.get_value_string())} if _is_below(key, owners) else {}
        return {**constant, **left, **inner}

    return change


def _replaced(level: Entries, key: str, override: Override) -> Entries:
    return {**level, key: override.get_value_string()}


def _chosen(key: str, options: Mapping[object, object], values: Iterable[object]) -> dict[object, object]:
    domain = categorical(key, list(options), map(as_written, options))
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


def _at_each(level: Entries, key: str, change: Change, owners: Owners = ()) -> Entries:
    """Change every level of the space that has the key, the inner ones first."""

    def inside(name: str, entry: object) -> object:
        options = options_of(entry)
        if options is None or not isinstance(entry, Mapping):
            return entry
        above = (*owners, name)
        choices = {
            option: _at_each(dict(space), key, change, above) if isinstance(space, Mapping) else space
            for option, space in options.items()
        }
        return {**entry, "choices": choices}

    changed = {name: inside(name, entry) for name, entry in level.items()}
    return change(changed, owners) if key in changed else changed


def _places(entries: Mapping[str, object], key: str) -> Iterator[Owners]:
    return (owners for name, owners in _walk(entries) if name == key)


def _keys(entries: Mapping[str, object]) -> Iterator[str]:
    return (name for name, _ in _walk(entries))


def _walk(entries: Mapping[str, object], owners: Owners = ()) -> Iterator[tuple[str, Owners]]:
    for key, entry in entries.items():
        yield key, owners
        for branch in (options_of(entry) or {}).values():
            if isinstance(branch, Mapping):
                yield from _walk(branch, (*owners, key))


def _is_below(key: str, owners: Owners) -> bool:
    return any(key.lstrip("+").startswith(f"{owner}.") for owner in owners)


def _refuse_sign(entries: Mapping[str, object], key: str, override: Override) -> None:
    for name in _keys(entries):
        if name != key and name.lstrip("+") == key.lstrip("+~"):
            rule = f"is in the search space, so {key} on the command line would undo every trial's own value"
            raise bad_input(name, override.input_line, rule, f"Write {name}=<value> to fix it.")
