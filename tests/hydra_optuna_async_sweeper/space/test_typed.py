"""The typed form of an entry, as a distribution or as a message that says what is wrong with it."""

import pytest
from omegaconf import OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_search.errors import BadInput

from .spaces import distribution, entries_of


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{type: int, low: 3, high: 12}", IntDistribution(3, 12)),
        ("{type: int, low: 3.0, high: 12}", IntDistribution(3, 12)),
        ("{type: int, low: 0, high: 10, step: 5}", IntDistribution(0, 10, step=5)),
        ("{type: int, low: 0, high: 11, step: 5}", IntDistribution(0, 10, step=5)),
        ("{type: int, low: 1, high: 64, log: true}", IntDistribution(1, 64, log=True)),
        ("{type: float, low: 0, high: 1}", FloatDistribution(0, 1)),
        ("{type: float, low: 1e-4, high: 1, log: true, step: null}", FloatDistribution(1e-4, 1, log=True)),
        ("{type: float, low: 0, high: 1, step: 0.1}", FloatDistribution(0, 1, step=0.1)),
        ("{type: float, low: 0.1, high: 1, step: 0.4}", FloatDistribution(0.1, 0.9, step=0.4)),
        ("{low: 1, high: 5}", IntDistribution(1, 5)),
        ("{low: 1, high: 5.0}", FloatDistribution(1, 5)),
        ("{low: 0, high: 1, step: 0.5}", FloatDistribution(0, 1, step=0.5)),
        ("{type: categorical, choices: [a, b]}", CategoricalDistribution(["a", "b"])),
        ("{choices: [1, 2.5, null, true]}", CategoricalDistribution([1, 2.5, None, "true"])),
        ("{choices: [[50], [100, 50], '[1]']}", CategoricalDistribution(["[50]", "[100,50]", "[1]"])),
    ],
)
def test_typed_form(spec: str, expected: BaseDistribution) -> None:
    assert distribution(OmegaConf.to_container(OmegaConf.create(spec))) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{type: integer, low: 1, high: 2}", "x: unknown type, got integer. Did you mean int?"),
        ("{type: int, low: 1, hihg: 2}", "x: unknown field hihg, .* Did you mean high?"),
        ("{max_depth: 'range(3, 5)'}", "Write the whole key on one line, like x.max_depth"),
        ("{}", "an entry must be a sweep"),
        ("{type: int, low: 5, high: 1}", r"low must not be above high, .* Write low: 1, high: 5\."),
        ("{type: int, low: 1}", "high is missing"),
        ("{type: float, high: 1.0}", "low is missing"),
        ("{type: float}", "low is missing"),
        ("{type: float, low: 0, high: 1, log: true}", r"low above 0, .* Write low: 0\.0001 or"),
        ("{type: int, low: 0, high: 9, log: true}", "low above 0, .* Write low: 1 or"),
        ("{type: int, low: 1, high: 9, log: true, step: 2}", "log can't have a step"),
        ("{type: int, low: 1, high: 9, step: 0}", "the step must be above 0"),
        ("{type: float, low: 1, high: 9, step: -0.5}", "the step must be above 0"),
        ("{type: int, low: 1.5, high: 9}", r"x\.low: type int needs whole numbers, got 1\.5. Write 2, or type: float"),
        ("{type: int, low: 1, high: 9, step: 0.5}", r"x\.step: type int needs whole numbers"),
        ("{type: float, low: a, high: 9}", r"x\.low: must be a finite number, got a\."),
        ("{type: float, low: '1', high: 9}", r"x\.low: must be a finite number, got 1\..*without quotes"),
        ("{type: float, low: true, high: 9}", r"x\.low: must be a finite number, got true"),
        ("{type: float, low: 0, high: .inf}", r"x\.high: must be a finite number"),
        ("{type: float, low: 1, high: 9, log: 1}", r"x\.log: must be true or false, got 1"),
        ("{type: categorical, choices: []}", "choices must not be empty"),
        ("{type: categorical}", "choices must not be empty"),
        ("{choices: {}}", "choices must not be empty"),
        ("{choices: a}", "choices must be a list or a mapping"),
        ("{type: int, choices: [1, 2]}", "type int has no choices"),
        ("{low: 1, high: 2, choices: [1, 2]}", "a choice has no low"),
        ("{type: categorical, low: 1, high: 2}", "a choice has no low"),
        ("{log: true, choices: {a: {}}}", "a choice has no log"),
    ],
)
def test_refused_typed_forms(spec: str, message: str) -> None:
    entry = entries_of(f"x: {spec}")
    with pytest.raises(BadInput, match=message):
        parse_space(entry)
