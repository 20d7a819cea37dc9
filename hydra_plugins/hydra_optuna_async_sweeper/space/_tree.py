"""The search space as a tree: parameters, some of which choose between sub-spaces; suggested, looked up."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from optuna.trial import Trial

from hydra_plugins.hydra_search.errors import BadInput, bad_input, shown, suggestion

from ._parameter import Domain, Stored, grammar_domain, stored_text
from ._typed import checked_fields, choice_of, options_of, typed_domain

BranchPath = tuple[tuple[str, str], ...]  # the (key, option) pairs that lead to a branch


@dataclass(frozen=True)
class Parameter:
    """One key that varies; each option of a branching choice has its own space."""

    key: str  # as in YAML, with the `+` of an appended key
    name: str  # in Optuna, see `parse_space`
    domain: Domain
    branches: Mapping[Stored, "Space"] = field(default_factory=dict)

    @property
    def config_key(self) -> str:
        """The key without `+`."""
        return self.key.lstrip("+")

    def override(self, stored: Stored) -> str:
        """Return the override that sets this value."""
        return f"{self.key}={stored_text(stored)}"

    def branch(self, stored: Stored) -> "Space":
        """Return what this value adds to the space."""
        return self.branches.get(stored, Space())

    def spaces(self) -> dict[str, object]:
        """Return the entries of each of its branches, by the option that leads there."""
        return {choice.text: self.branch(choice.stored).entries() for choice in self.domain.choices}

    def variants(self) -> list[list[str]]:
        """Return the overrides of each of its branches; a plain parameter has one."""
        options = list(self.branches) or [self.domain.first()]
        return [[self.override(option), *inner] for option in options for inner in self.branch(option).branches()]


@dataclass(frozen=True)
class Space:
    """What a search varies. Picklable; a value is always what Optuna stores, see `Choice`."""

    parameters: tuple[Parameter, ...] = ()
    fixed: tuple[str, ...] = ()  # overrides of every job of this space

    def suggest(self, trial: Trial) -> list[str]:
        """Suggest every active parameter; return the job's overrides, a branching key before its children."""
        overrides = list(self.fixed)
        for parameter in self.parameters:
            stored = parameter.domain.suggest(trial, parameter.name)
            overrides += [parameter.override(stored), *parameter.branch(stored).suggest(trial)]
        return overrides

    def branches(self) -> list[list[str]]:
        """Return the overrides of a few jobs that take every option of every branching choice at least once.

        Everything else has its first or lowest value; of two choices side by side, one varies at a time.
        """
        variants = [parameter.variants() for parameter in self.parameters]
        first = [each[0] for each in variants]
        rows = [first]
        for place, each in enumerate(variants):
            rows += [[*first[:place], variant, *first[place + 1 :]] for variant in each[1:]]
        return [[*self.fixed, *chain.from_iterable(row)] for row in rows]

    def point(self, values: object, where: str) -> dict[str, object]:
        """Turn a point given by config keys into Optuna parameters; what it leaves out is sampled.

        Args:
            values: a mapping of config keys to config values.
            where: what the messages call the point, like `enqueue[0]`.

        Raises:
            BadInput: no mapping, an unknown key, a value outside its range, a key of a branch that is not chosen.
        """
        if not isinstance(values, Mapping):
            remedy = "Write {model.C: 1.0}, the config keys with their values."
            raise bad_input(where, values, "a point must be a mapping", remedy)
        left = {str(key).lstrip("+"): value for key, value in values.items()}
        params = self._taken(left, where)
        if left:
            raise self._stray(*next(iter(left.items())), where)
        return params

    def entries(self) -> dict[str, object]:
        """Return what `parse_space` reads as these parameters, all of it JSON; what is fixed is none."""
        return {p.key: {"choices": p.spaces()} if p.branches else p.domain.entry for p in self.parameters}

    def defaults(self, value_of: Callable[[str], object]) -> tuple[dict[str, object], list[str]]:
        """Return the parameters of the config's own values, and the keys whose value is not in the space.

        Args:
            value_of: returns the plain config value of a key, for a config group the chosen option.
        """
        params: dict[str, object] = {}
        left_out: list[str] = []
        for parameter in self.parameters:
            try:
                stored = parameter.domain.find(value_of(parameter.config_key))
            except LookupError:
                left_out.append(parameter.config_key)
                continue
            inner, inner_left_out = parameter.branch(stored).defaults(value_of)
            params |= {parameter.name: stored, **inner}
            left_out += inner_left_out
        return params, left_out

    def walk(self, path: BranchPath = ()) -> Iterator[tuple[BranchPath, Parameter]]:
        """Yield every parameter with the path to its branch, a branching one before its children."""
        for parameter in self.parameters:
            yield path, parameter
            for option, space in parameter.branches.items():
                yield from space.walk((*path, (parameter.config_key, stored_text(option))))

    def _taken(self, left: dict[str, object], where: str) -> dict[str, object]:
        """Return the parameters of this space that the point sets, and take their keys out of `left`."""
        params: dict[str, object] = {}
        for parameter in self.parameters:
            if parameter.config_key not in left:
                continue
            value = left.pop(parameter.config_key)
            try:
                stored = parameter.domain.find(value)
            except LookupError:
                rule = "not in the search space of this key"
                remedy = f"Choose from {shown(parameter.domain.entry)}, or widen the space."
                raise bad_input(f"{where}, {parameter.config_key}", value, rule, remedy) from None
            params |= {parameter.name: stored, **parameter.branch(stored)._taken(left, where)}
        return params

    def _stray(self, key: str, value: object, where: str) -> BadInput:
        paths = [path for path, parameter in self.walk() if parameter.config_key == key]
        name = f"{where}, {key}"
        if not paths:
            known = {parameter.config_key for _, parameter in self.walk()}
            return bad_input(name, value, "not a key of the search space", suggestion(key, known))
        ways = [", ".join(f"{owner}: {option}" for owner, option in path) for path in paths]
        remedy = f"Write {' or '.join(ways)} into the point, or leave {key} out."
        return bad_input(name, value, "belongs to a branch that the point does not choose", remedy)


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
    return _read(entries, ambiguous=_ambiguous(space))


def _read(entries: Mapping[str, object], path: BranchPath = (), ambiguous: Collection[str] = ()) -> Space:
    constants = {key: value for key, value in entries.items() if isinstance(value, Constant)}
    left = {str(key): entry for key, entry in entries.items() if key not in constants}
    parameters = tuple(_parameter(key, entry, path, ambiguous) for key, entry in left.items())
    return Space(parameters, tuple(f"{key}={constant.text}" for key, constant in constants.items()))


def _parameter(key: str, entry: object, path: BranchPath, ambiguous: Collection[str]) -> Parameter:
    name = "/".join([*(option for _, option in path if key in ambiguous), key])
    options = options_of(entry)
    if not isinstance(entry, Mapping):
        return Parameter(key, name, grammar_domain(key, entry))
    if options is None:
        return Parameter(key, name, typed_domain(key, entry))
    checked_fields(key, entry)
    if not options:
        raise bad_input(key, entry, "choices must not be empty", "Write choices: {a: {...}, b: {...}}.")
    domain = choice_of(key, options)
    if len(domain.choices) < len(options):
        raise bad_input(key, list(options), "two options are the same", "Leave each in once.")
    spaces = {
        choice.stored: _branch(key, choice.text, entries, path, ambiguous)
        for choice, entries in zip(domain.choices, options.values(), strict=True)
    }
    return Parameter(key, name, domain, spaces)


def _branch(key: str, option: str, entries: object, path: BranchPath, ambiguous: Collection[str]) -> Space:
    if entries is not None and not isinstance(entries, Mapping):
        remedy = f"Write {option}: {{key: range(1, 6)}}, or {{}} for an option without parameters."
        raise bad_input(f"{key}={option}", entries, "the space of an option must be a mapping", remedy)
    try:
        return _read(entries or {}, (*path, (key.lstrip("+"), option)), ambiguous)
    except BadInput as error:
        raise BadInput(f"{key}={option}, {error}") from error


def _check_keys(space: Space, path: BranchPath = ()) -> None:
    """Refuse a key that could reach one job twice; under two options of one choice it can't. Raises BadInput."""
    places: dict[str, BranchPath] = {}
    for parameter in space.parameters:
        found = {inner.config_key: place for place, inner in Space((parameter,)).walk(path)}
        if found[parameter.config_key] != path:
            raise _twice(parameter.config_key, path, found[parameter.config_key])
        for key in filter(places.__contains__, found):
            raise _twice(key, places[key], found[key])
        places |= found
        for option, branch in parameter.branches.items():
            _check_keys(branch, (*path, (parameter.config_key, stored_text(option))))


def _twice(key: str, *paths: BranchPath) -> BadInput:
    places = [", ".join(f"{owner}={option}" for owner, option in path) or "the top level" for path in paths]
    remedy = "Leave it in one of them; only the options of one choice may repeat a key."
    return bad_input(key, " and ".join(places), "stands in two places that meet in one job", remedy)


def _ambiguous(space: Space) -> set[str]:
    walk = [(parameter.key, parameter.domain.distribution) for _, parameter in space.walk()]
    first = dict(reversed(walk))
    return {key for key, distribution in walk if distribution != first[key]}
