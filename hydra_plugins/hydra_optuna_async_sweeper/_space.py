"""The search space: parameters, some of which choose between sub-spaces; suggested, enumerated, and looked up."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, product
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import Trial

from ._domain import Domain, Stored, stored_text
from ._search_space import BadInput, bad_input, shown, suggestion

Path = tuple[tuple[str, str], ...]  # the (key, option) pairs that lead to a branch


@dataclass(frozen=True)
class Parameter:
    """One key that varies; each option of a branching choice has its own space."""

    key: str  # as written, with the `+` of an appended key
    name: str  # in Optuna, see `parse_space`
    domain: Domain
    branches: Mapping[Stored, "Space"] = field(default_factory=dict)

    @property
    def config_key(self) -> str:
        """The key without `+`."""
        return self.key.lstrip("+")

    def line(self, stored: Stored) -> str:
        """Return the override that sets this value."""
        return f"{self.key}={stored_text(stored)}"

    def branch(self, stored: Stored) -> "Space":
        """Return what this value adds to the space."""
        return self.branches.get(stored, Space())

    def jobs(self) -> list[list[str]]:
        """Return the override lines of each of its branches; a plain parameter has one."""
        options = list(self.branches) or [self.domain.first()]
        return [[self.line(option), *lines] for option in options for lines in self.branch(option).branches()]

    def points(self) -> list[dict[str, object]]:
        """Return every value, each with every point of its branch.

        Raises:
            BadInput: the parameter is continuous.
        """
        values = self.domain.values()
        if values is None:
            typed = isinstance(self.domain.written, Mapping)
            rule = "the grid sampler tries every value and can't draw from an interval"
            remedy = "Add a step" if typed else "Write range(low, high, step), its end excluded, or choice(a, b)"
            raise bad_input(self.key, self.domain.written, rule, f"{remedy}, or choose another hydra/sweeper/sampler.")
        return [{self.name: value, **point} for value in values for point in self.branch(value).grid()]


@dataclass(frozen=True)
class Space:
    """What a search varies. Picklable; a value is always what Optuna stores, see `Choice`."""

    parameters: tuple[Parameter, ...] = ()
    fixed: tuple[str, ...] = ()  # override lines of every job of this space

    def suggest(self, trial: Trial) -> list[str]:
        """Suggest every active parameter; return the job's override lines, a branching key before its children."""
        return list(self._job(lambda parameter: [trial._suggest(parameter.name, parameter.domain.distribution)]))

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Return the override lines for parameters of a trial.

        A missing parameter has no line. Parameters that the space does not know, as those of a `custom_search_space`,
        come last, under their names.
        """
        lines = self._job(lambda parameter: [params[parameter.name]] if parameter.name in params else [])
        known = self.distributions()
        return [*lines, *(f"{name}={stored_text(value)}" for name, value in params.items() if name not in known)]

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return all parameters' distributions by name, those of inactive branches included."""
        return {parameter.name: parameter.domain.distribution for _, parameter in self.walk()}

    def grid(self) -> list[dict[str, object]]:
        """Return each point of a discrete space once, as Optuna parameters.

        Raises:
            BadInput: a parameter is continuous.
        """
        parts = product(*(parameter.points() for parameter in self.parameters))
        return [{name: value for part in point for name, value in part.items()} for point in parts]

    def branches(self) -> list[list[str]]:
        """Return the override lines of a few jobs that take every option of every branching choice at least once.

        Everything else has its first or lowest value; of two choices side by side, one varies at a time.
        """
        jobs = [parameter.jobs() for parameter in self.parameters]
        first = [variants[0] for variants in jobs]
        rows = [first]
        for place, variants in enumerate(jobs):
            rows += [[*first[:place], lines, *first[place + 1 :]] for lines in variants[1:]]
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
        params: dict[str, object] = dict(self._taken(left, where))
        if left:
            raise self._stray(*next(iter(left.items())), where)
        return params

    def defaults(self, value_of: Callable[[str], object]) -> tuple[dict[str, object], list[str]]:
        """Return the point of the config's own values, and the keys whose value is not in the space.

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

    def walk(self, path: Path = ()) -> Iterator[tuple[Path, Parameter]]:
        """Yield every parameter with the path to its branch, a branching one before its children."""
        for parameter in self.parameters:
            yield path, parameter
            for option, space in parameter.branches.items():
                yield from space.walk((*path, (parameter.config_key, stored_text(option))))

    def _job(self, pick: Callable[[Parameter], list[Any]]) -> Iterator[str]:
        yield from self.fixed
        for parameter in self.parameters:
            for stored in pick(parameter):
                yield parameter.line(stored)
                yield from parameter.branch(stored)._job(pick)

    def _taken(self, left: dict[str, object], where: str) -> Iterator[tuple[str, Stored]]:
        """Yield name and value of what the point says about this space, and take it out of `left`."""
        for parameter in self.parameters:
            if parameter.config_key not in left:
                continue
            value = left.pop(parameter.config_key)
            try:
                stored = parameter.domain.find(value)
            except LookupError:
                rule = "not in the search space of this key"
                remedy = f"Choose from {shown(parameter.domain.written)}, or widen the space."
                raise bad_input(f"{where}, {parameter.config_key}", value, rule, remedy) from None
            yield parameter.name, stored
            yield from parameter.branch(stored)._taken(left, where)

    def _stray(self, key: str, value: object, where: str) -> BadInput:
        paths = [path for path, parameter in self.walk() if parameter.config_key == key]
        name = f"{where}, {key}"
        if not paths:
            known = {parameter.config_key for _, parameter in self.walk()}
            return bad_input(name, value, "not a key of the search space", suggestion(key, known))
        ways = [", ".join(f"{owner}: {option}" for owner, option in path) for path in paths]
        remedy = f"Write {' or '.join(ways)} into the point, or leave {key} out."
        return bad_input(name, value, "belongs to a branch that the point does not choose", remedy)
