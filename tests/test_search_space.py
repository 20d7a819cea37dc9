import pytest

from hydra_plugins.hydra_optuna_async_sweeper._search_space import (
    BadInput,
    hydra_grammar,
    is_constant,
    parse_dimension,
    require_choices,
    require_enumerable,
)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("range(3, 13)", "3"),
        ("range(13, 3, -2)", "13"),
        ("range(0.1, 0.5, 0.1)", "0.1"),
        ("interval(50, 300)", "50.0"),
        ("int(interval(50, 300))", "50"),
        ("tag(log, interval(1e-4, 1e-1))", "0.0001"),
        ("tag(log, int(interval(1, 100)))", "1"),
        ("int(tag(log, interval(1, 100)))", "1"),
        ("choice(gini, entropy)", "gini"),
        ("b, a", "b"),
        ("sort(3, 1, 2)", "1"),
        ("int(range(1, 4))", "1"),
        ("choice([1, 2], [3])", "[1,2]"),
    ],
)
def test_first_value(text: str, first: str) -> None:
    assert parse_dimension("x", text).first() == first


def test_options_of_a_group() -> None:
    dimension = parse_dimension("+model@encoder.model", "choice(svm, mlp)")
    assert (dimension.name, dimension.options()) == ("model", ["svm", "mlp"])


@pytest.mark.parametrize(
    ("value", "rule", "remedy"),
    [
        ("interval(300, 50)", "low must not be above high", "Write interval(50, 300)."),
        ("tag(log, int(interval(9, 1)))", "low must not be above high", "Write tag(log, int(interval(1, 9)))."),
        ("range(13, 3)", "the range is empty", "Write range(3, 13)."),
        ("range(3, 3)", "the range is empty", "Write range(3, 4)."),
        ("range(3, 13, -1)", "the range is empty", "Write range(3, 4)."),
        ("range(3, 13, 0)", "the step must not be 0", "Write range(low, high, 1)."),
        ("interval(0, inf)", "finite", "highest value"),
        ("range(nan, 3)", "finite", "highest value"),
        ("tag(log, interval(0, 1))", "low above 0", "Write tag(log, interval(0.0001, 1))"),
        ("tag(log, int(interval(0, 9)))", "low above 0", "Write tag(log, int(interval(1, 9)))"),
        ("tag(log, range(1, 10))", "only an interval can be tagged log", "tag(log, int(interval(low, high)))"),
        ("tag(log, choice(1, 10))", "only an interval can be tagged log", "tag(log, interval(low, high))"),
        ("tag(lgo, interval(1e-4, 1e-1))", "unknown tag lgo", "Did you mean log?"),
        ("tag(log, warm, interval(1, 2))", "unknown tag warm", "Known: log."),
        ("rnage(1, 3)", "unknown function rnage", "Did you mean range?"),
        ("gauss(1, 3)", "unknown function gauss", "Known: bool, choice"),
        ("interval(1", "not in Hydra's sweep grammar", "Write range(1, 6)"),
        ("interval(1)", "not in Hydra's sweep grammar", "missing a required argument"),
        ("interval(a, b)", "not in Hydra's sweep grammar", "Write range(1, 6)"),
        ("choice()", "not in Hydra's sweep grammar", "empty choice is not legal"),
        ("1 to 5", "not a constant", "range(1, 6)"),
        ("1..5", "not a constant", "range(1, 6)"),
        ("5", "not a constant", "take the key out of the space"),
        (5, "not a constant", "range(1, 6)"),
        (True, "not a constant", "range(1, 6)"),
        (None, "not a constant, got null", "range(1, 6)"),
        ("", "not a constant, got an empty string", "range(1, 6)"),
        ([1, 5], "not a constant, got [1, 5]", "choice(a, b)"),
        ({"type": "int", "low": 1, "high": 5}, "needs hydra/sweeper=optuna_async", "Write x: int(interval(1, 5)),"),
        ({"choices": {"svm": {"C": "interval(1, 2)"}}}, "needs hydra/sweeper=optuna_async", "Write range(1, 6)"),
        ({"lr": "interval(0, 1)"}, "not a mapping", "x.lr: range(1, 6)"),
    ],
)
def test_refused(value: object, rule: str, remedy: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_dimension("x", value)
    message = str(refused.value)
    assert message.startswith("x: ") and rule in message and remedy in message
    if isinstance(value, (str, int)) and value != "" and not isinstance(value, bool):
        assert f"got {value}." in message


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"type": "int", "low": 1, "high": 5}, "int(interval(1, 5))"),
        ({"type": "int", "low": 1, "high": 5, "step": 2}, "range(1, 6, 2)"),
        ({"type": "int", "low": 1, "high": 64, "log": True}, "tag(log, int(interval(1, 64)))"),
        ({"type": "float", "low": 1e-4, "high": 0.1, "log": True}, "tag(log, interval(0.0001, 0.1))"),
        ({"type": "float", "low": 0, "high": 1, "step": 0.1}, None),
        ({"type": "categorical", "choices": ["gini", 1, True, None]}, "choice(gini, 1, true, null)"),
        ({"choices": {"svm": {}}}, None),
        ({"type": "int", "low": 1}, None),
    ],
)
def test_typed_form_in_hydra_grammar(spec: dict[str, object], text: str | None) -> None:
    assert hydra_grammar(spec) == text


@pytest.mark.parametrize(
    ("value", "constant"),
    [("5", True), (5, True), (None, True), ("range(1, 3)", False), ({"lr": 1}, False), ("rnage(1, 3)", False)],
)
def test_is_constant(value: object, constant: bool) -> None:
    assert is_constant("x", value) is constant


@pytest.mark.parametrize(
    ("text", "whole_numbers", "refused"),
    [
        ("interval(0, 1)", True, True),
        ("int(interval(0, 9))", False, True),
        ("int(interval(0, 9))", True, False),
        ("range(0, 1, 0.1)", False, False),
        ("glob(*)", False, False),
    ],
)
def test_enumerable(text: str, whole_numbers: bool, refused: bool) -> None:
    dimension = parse_dimension("x", text)
    if not refused:
        require_enumerable(dimension, "the sweeper", whole_numbers)
        return
    with pytest.raises(BadInput, match=r"^x: the sweeper tries every value.* got .*choice"):
        require_enumerable(dimension, "the sweeper", whole_numbers)


def test_glob_is_not_for_optuna() -> None:
    with pytest.raises(BadInput, match=r"^model: .*got glob\(\*\)\. Name the options"):
        require_choices(parse_dimension("model", "glob(*)"))
