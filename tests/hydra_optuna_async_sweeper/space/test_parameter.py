"""One parameter: Hydra's grammar as Optuna's distribution, held beside upstream's own step; suggested, looked up."""

import random
from collections.abc import Callable
from decimal import Decimal

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler

from hydra_plugins.hydra_optuna_async_sweeper.space._parameter import Domain, grammar_domain
from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from tests.conftest import NO_UPSTREAM

from .spaces import distribution, parsed, points_of, same, space_of, suggested

BESIDE_UPSTREAM = pytest.mark.only_on_hydra_1_4(NO_UPSTREAM)

Draw = Callable[[random.Random], str]
WORDS = ("gini", "entropy", "'x y'", "[50]", "[100,50]", "{a:1}", "true", "false", "2", "3", "-7", "2.5", "1e-05")


def upstreams(override: Override) -> BaseDistribution:
    from hydra_plugins.hydra_optuna_sweeper._impl import create_optuna_distribution_from_override

    made: BaseDistribution = create_optuna_distribution_from_override(override)
    return made


def whole_range(draw: random.Random) -> str:
    start, step = draw.randint(-50, 50), draw.choice([1, 2, 3, 7, -1, -2, -5])
    return f"range({start}, {start + step * draw.randint(1, 9) + draw.choice([0, step // abs(step)])}, {step})"


def decimal_range(draw: random.Random) -> str:
    """Decimals of up to 20 digits, so that some ranges can't be told by floats."""
    digits, size = draw.choice([1, 2, 3, 5, 15, 19]), draw.randint(1, 19)
    start, step = draw.randint(-(10**size), 10**size), draw.choice([1, 3, 7, 25, -1, -10]) * 10 ** max(0, size - 15)
    stop = start + step * draw.randint(1, 9) + draw.choice([0, 0, 0, 1, -1]) * (abs(step) > 1)
    start, stop, step = (Decimal(number).scaleb(-digits) for number in (start, stop, step))
    return draw.choice(["range({:f}, {:f}, {:f})", "range({:e}, {:e}, {:e})"]).format(start, stop, step)


def interval(draw: random.Random) -> str:
    low = draw.choice([draw.randint(1, 90), round(draw.uniform(0.001, 90), 3), draw.uniform(1e-9, 1e-3)])
    return f"interval({low}, {low + draw.choice([0, 1, 2.5, draw.uniform(0, 1e6)])})"


def log_interval(draw: random.Random) -> str:
    return draw.choice(["tag(log, {})", "tag(log, int({}))", "int(tag(log, {}))"]).format(
        f"interval({draw.randint(1, 9)}, {draw.choice([draw.randint(9, 10**6), draw.uniform(9, 1e6)])})"
    )


def choice(draw: random.Random) -> str:
    words = draw.sample(WORDS, draw.randint(2, 6))
    return draw.choice(["choice({})", "{}"]).format(", ".join(words))


def numbers(draw: random.Random) -> str:
    return ", ".join(str(draw.choice([draw.randint(2, 99), draw.uniform(2, 99)])) for _ in range(4))


GENERATORS: dict[str, Draw] = {
    "range of whole numbers": whole_range,
    "range of decimals": decimal_range,
    "range cast": lambda draw: f"float({draw.choice([whole_range, decimal_range])(draw)})",
    "range cast to whole numbers": lambda draw: f"int({whole_range(draw)})",
    "range sorted": lambda draw: f"sort({whole_range(draw)}, reverse={draw.choice(['true', 'false'])})",
    "range shuffled": lambda draw: f"shuffle({draw.choice([whole_range, decimal_range])(draw)})",
    "interval": interval,
    "interval of whole numbers": lambda draw: f"int({interval(draw)})",
    "interval tagged": log_interval,
    "choice": choice,
    "choice cast": lambda draw: f"{draw.choice(['float', 'int'])}({numbers(draw)})",
    "choice sorted": lambda draw: f"sort({numbers(draw)})",
    "choice shuffled": lambda draw: f"shuffle({choice(draw)})",
}


def generated(kind: str, count: int = 60) -> list[str]:
    draw = random.Random(kind)
    return [GENERATORS[kind](draw) for _ in range(count)]


def upstream(text: str) -> optuna.distributions.BaseDistribution:
    """Upstream's distribution, each choice once, and a shuffled sweep in its order."""
    text = text.removeprefix("shuffle(").removesuffix(")") if text.startswith("shuffle(") else text
    made = upstreams(OverridesParser.create().parse_override(f"x={text}"))
    return CategoricalDistribution(list(dict.fromkeys(made.choices))) if hasattr(made, "choices") else made


@BESIDE_UPSTREAM
@pytest.mark.parametrize(
    "text",
    [
        "range(3, 13)",
        "range(13, 3, -2)",
        "range(0, 1, 0.25)",
        "range(0.1, 0.5, 0.1)",
        "float(range(1, 4))",
        "interval(1, 5)",
        "int(interval(50, 300))",
        "tag(log, interval(1e-4, 1e-1))",
        "tag(log, int(interval(1, 100)))",
        "choice(gini, entropy)",
        "b, a",
        "1, 2.5",
        "true, false",
        "sort(3, 1, 2)",
        "'x y', plain",
        "range(1, 10, 3)",
    ],
)
def test_grammar_means_what_it_means_upstream(text: str) -> None:
    override = OverridesParser.create().parse_override(f"x={text}")
    assert distribution(text) == upstreams(override)


@BESIDE_UPSTREAM
@pytest.mark.parametrize(
    "text",
    [
        "range(0.12345678901234567891, 1, 0.1)",  # more digits than a float holds
        "range(0, 1.0, 0.12345678901234567891)",
        "range(10000000000000008.0, 1e16, -0.5)",
        "range(9007199254740994.0, 9007199254740989.0, -1.0)",  # both ends are floats, the second number is none
    ],
)
def test_a_range_that_floats_cant_hold_is_a_choice_as_upstream(text: str) -> None:
    assert distribution(text) == upstream(text)
    assert isinstance(distribution(text), CategoricalDistribution)


@BESIDE_UPSTREAM
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("range of whole numbers", {IntDistribution}),
        ("range of decimals", {FloatDistribution, CategoricalDistribution}),
        ("range cast", {CategoricalDistribution}),
        ("range sorted", {IntDistribution}),
        ("interval", {FloatDistribution}),
        ("interval of whole numbers", {IntDistribution}),
        ("interval tagged", {FloatDistribution, IntDistribution}),
        ("choice", {CategoricalDistribution}),
        ("choice cast", {CategoricalDistribution}),
        ("choice sorted", {CategoricalDistribution}),
    ],
)
def test_generated_entries_mean_what_they_mean_upstream(kind: str, expected: set[type]) -> None:
    texts = generated(kind)
    made = {text: distribution(text) for text in texts}
    assert made == {text: upstream(text) for text in texts}
    assert {type(value) for value in made.values()} == expected


def test_a_shuffled_sweep_makes_the_same_distribution_each_time() -> None:
    assert {str(distribution("shuffle(range(1, 9))")) for _ in range(20)} == {
        str(CategoricalDistribution(list(range(1, 9))))
    }
    assert len({str(distribution("shuffle(a, b, c, d, e)")) for _ in range(20)}) == 1


@pytest.mark.parametrize(
    ("entry", "lines"),
    [
        ("sqrt, null", ["x=sqrt", "x=null"]),
        ("'null', null", ["x='null'", "x=null"]),
        ("'x y', \"q\"", ["x='x y'", 'x="q"']),
        ("choice([50], [100, 50])", ["x=[50]", "x=[100,50]"]),
        ("choice({a: 1}, {a: 2})", ["x={a:1}", "x={a:2}"]),
        ("true, false", ["x=true", "x=false"]),
        ("a, 'a', b, \"a\"", ["x=a", "x=b"]),
        ("1, 1.0, true, 1", ["x=1", "x=1.0", "x=true"]),
        ("a\\,b, ${seed}", ["x='a,b'", "x=${seed}"]),
        ({"choices": [None, "null", "'null'", "a", "a"]}, ["x=null", "x='null'", "x=a"]),
        ({"choices": {True: {}, "null": None, "[1, 2]": {}}}, ["x=true", "x=null", "x=[1,2]"]),
    ],
)
def test_choices_reach_the_job_as_they_are(entry: object, lines: list[str]) -> None:
    space = parse_space({"x": entry})
    assert [line for point in points_of(space) for line in suggested(space, point)] == lines
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    drawn = {line for _ in range(60) for line in space.suggest(study.ask())}
    assert drawn == set(lines)


def test_suggested_overrides_hold_the_trials_values() -> None:
    space = space_of(
        "{a: 'interval(-1, 1)', b: 'tag(log, interval(1e-9, 1e9))', c: 'range(0, 1, 0.1)', d: '1, b, null'}"
    )
    study = optuna.create_study(sampler=RandomSampler(seed=3))
    for _ in range(200):
        trial = study.ask()
        job = parsed(space.suggest(trial))
        assert all(same(job[name], value) for name, value in trial.params.items())


def test_points_find_choices_by_value_or_by_text() -> None:
    space = parse_space({"x": "choice([50], [100, 50])", "y": "'null', null", "z": "0, false", "w": "1.0, 2.0"})
    assert space.point({"x": [100, 50], "y": "null", "z": False, "w": 1}, "p") == {
        **{"x": "[100,50]", "y": "'null'", "z": "false", "w": 1.0}
    }
    assert space.point({"x": "[50]", "y": None, "z": 0}, "p") == {"x": "[50]", "y": None, "z": 0}


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_domain_is_suggested_as_its_own_distribution(kind: str) -> None:
    ours, optunas = (optuna.create_study(sampler=RandomSampler(seed=1)) for _ in range(2))
    for text in generated(kind):
        domain, trial = grammar_domain("x", text), ours.ask()
        value = domain.suggest(trial, text)
        assert trial.distributions == {text: domain.distribution}
        assert same(value, optunas.ask({text: domain.distribution}).params[text])


@pytest.mark.parametrize(
    "numbers",
    [
        IntDistribution(3, 12),
        IntDistribution(-7, 28, step=5),
        IntDistribution(2, 1024, log=True),
        FloatDistribution(0, 1),
        FloatDistribution(1e-9, 1e9, log=True),
        FloatDistribution(0, 0.3, step=0.1),
        FloatDistribution(-1.7, 2.5, step=0.7),
        FloatDistribution(1e-5, 9e-5, step=1e-5),
        FloatDistribution(0, 1e6, step=0.001),
        FloatDistribution(2.5, 2.5),
    ],
)
def test_find_takes_what_optuna_contains(numbers: IntDistribution | FloatDistribution) -> None:
    draw, domain = random.Random(0), Domain("", numbers)
    step, span = numbers.step or 1, numbers.high - numbers.low
    on_step = [numbers.low + step * draw.randint(0, int(span / step)) for _ in range(200)]
    near = [value + step * draw.choice([-1, 1]) * 10 ** draw.uniform(-12, 0) for value in on_step]
    anywhere = [draw.uniform(numbers.low - span, numbers.high + span) for _ in range(200)]
    odd = [numbers.low, numbers.high, 0, -1, numbers.high + step, float("inf"), float("-inf"), float("nan")]
    found = []
    for value in [*on_step, *near, *anywhere, *map(round, anywhere), *odd]:
        is_inside = numbers._contains(value) and (isinstance(numbers, FloatDistribution) or float(value).is_integer())
        try:
            stored = domain.find(value)
        except LookupError:
            assert not is_inside, value
            continue
        assert is_inside, value
        assert same(stored, int(value) if isinstance(numbers, IntDistribution) else float(value))
        found.append(stored)
    assert {numbers.low, numbers.high} <= set(found) and len(found) < 4 * 200


def test_a_whole_number_that_no_float_holds_is_outside_the_domain() -> None:
    with pytest.raises(LookupError):
        grammar_domain("x", "int(interval(1, 5))").find(10**400)
