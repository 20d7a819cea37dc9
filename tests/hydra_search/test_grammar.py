"""Hydra's sweep grammar, with Hydra's own parser."""

import pytest

from hydra_plugins.hydra_search.errors import BadInput
from hydra_plugins.hydra_search.grammar import is_constant, override_text, override_value, parse_entry, require_choices


def same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


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
    assert parse_entry("x", text).first() == first


def test_options_of_a_group() -> None:
    entry = parse_entry("+model@encoder.model", "choice(svm, mlp)")
    assert (entry.name, entry.options()) == ("model", ["svm", "mlp"])


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
    ],
)
def test_refused(value: object, rule: str, remedy: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_entry("x", value)
    message = str(refused.value)
    assert message.startswith("x: ") and rule in message and remedy in message
    if isinstance(value, (str, int)) and value != "" and not isinstance(value, bool):
        assert f"got {value}." in message


@pytest.mark.parametrize(
    ("value", "constant"),
    [("5", True), (5, True), (None, True), ("range(1, 3)", False), ({"lr": 1}, False), ("rnage(1, 3)", False)],
)
def test_is_constant(value: object, constant: bool) -> None:
    assert is_constant("x", value) is constant


def test_glob_is_not_for_optuna() -> None:
    with pytest.raises(BadInput, match=r"^model: .*got glob\(\*\)\. Name the options"):
        require_choices(parse_entry("model", "glob(*)"))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        3,
        -2.5,
        1e-5,
        1e22,
        "sqrt",
        "",
        " padded ",
        "two words",
        "null",
        "true",
        "12",
        "1e-3",
        "a,b",
        "a=b",
        "a:b",
        "[1]",
        "{a: 1}",
        "it's",
        'say "hi"',
        "back\\slash",
        "ends\\",
        "choice(a, b)",
        "${seed}",
        "é/π#$",
        [],
        [50],
        [100, [50, "x,y"], None, "null"],
        {"a": 1, "b": ["c", {"d": "e f"}]},
    ],
)
def test_an_override_text_reads_back_as_its_value(value: object) -> None:
    assert same(override_value(override_text(value)), value)
    assert same(override_value(override_text([value])), [value])


@pytest.mark.parametrize("text", ["range(1, 10)", "choice(1, 10)"])
def test_log_tag_of_what_is_no_interval_is_said_to_change_nothing(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert parse_entry("x", f"tag(log, {text})").options() == parse_entry("x", text).options()
    assert f"the tag changes nothing, only an interval can be logarithmic, got tag(log, {text})." in caplog.text
