"""The asynchronous sweeper's search space, with Hydra's parser and Optuna's samplers as they are."""

import logging
import pickle
from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_plugins.hydra_optuna_sweeper._impl import create_optuna_distribution_from_override
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from hydra_plugins.hydra_optuna_async_sweeper._domain import override_text, override_value
from hydra_plugins.hydra_optuna_async_sweeper._search_space import BadInput
from hydra_plugins.hydra_optuna_async_sweeper._space import Space
from hydra_plugins.hydra_optuna_async_sweeper._space_entries import parse_space
from hydra_plugins.hydra_optuna_async_sweeper._space_overrides import with_overrides

ANY_MODEL = """
dataset: choice(iris, wine)
model:
  choices:
    random_forest:
      model.n_estimators: int(interval(50, 300))
      model.max_depth: {type: int, low: 3, high: 12}
      model.max_features: sqrt, null
    svm:
      model.C: tag(log, interval(1e-2, 1e3))
      preprocessor: choice(none, standard)
      model.kernel:
        choices:
          rbf: {model.gamma: "tag(log, interval(1e-4, 1.0))"}
          poly: {model.degree: "range(2, 5)", model.gamma: {low: 0.5, high: 2.0}}
          linear:
    extra_trees:
      model.max_depth: range(2, 30, 4)
"""


def entries_of(text: str) -> dict[str, Any]:
    """Load a space as Hydra does: through OmegaConf, into plain containers."""
    return dict(OmegaConf.to_container(OmegaConf.create(text), resolve=True))  # type: ignore[call-overload]


def space_of(text: str) -> Space:
    return parse_space(entries_of(text))


def joined(text: str, *lines: str) -> tuple[dict[str, Any], list[str]]:
    return with_overrides(entries_of(text), OverridesParser.create().parse_overrides(list(lines)))


def parsed(lines: list[str]) -> dict[str, Any]:
    """Read a job's lines as Hydra does; each key once, each value a constant."""
    overrides = OverridesParser.create().parse_overrides(lines)
    assert not any(override.is_sweep_override() for override in overrides)
    values = {override.get_key_element(): override.value() for override in overrides}
    assert len(values) == len(lines)
    return values


def distribution(value: object) -> optuna.distributions.BaseDistribution:
    return parse_space({"x": value}).distributions()["x"]


def same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


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
    assert distribution(text) == create_optuna_distribution_from_override(override)


def test_a_shuffled_sweep_makes_the_same_distribution_each_time() -> None:
    assert {str(distribution("shuffle(range(1, 9))")) for _ in range(20)} == {
        str(CategoricalDistribution(list(range(1, 9))))
    }
    assert len({str(distribution("shuffle(a, b, c, d, e)")) for _ in range(20)}) == 1


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
def test_typed_form(spec: str, expected: optuna.distributions.BaseDistribution) -> None:
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
        ("{choices: {a: 3}}", "x=a: the space of an option must be a mapping, got 3"),
        ("{choices: {a: {y: 'range(3, 1)'}}}", r"x=a, y: the range is empty.* Write range\(1, 3\)"),
        ("{choices: {a: {y: {choices: {b: {z: 5}}}}}}", "x=a, y=b, z: a search space needs a range or a choice"),
        ("{choices: {a: {}, 'a ': {}}}", "two options are the same"),
        ("null", "a search space needs a range or a choice, not a constant, got null"),
        ("[1, 2]", "a search space needs a range or a choice"),
        ("glob(*)", "the Optuna sweeper can't read glob"),
        ("'5'", "not a constant"),
    ],
)
def test_refused_entries(spec: str, message: str) -> None:
    entry = entries_of(f"x: {spec}")
    with pytest.raises(BadInput, match=message):
        parse_space(entry)


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


@pytest.mark.parametrize(
    ("entry", "lines"),
    [
        ("sqrt, null", ["x=sqrt", "x=null"]),
        ("'null', null", ["x='null'", "x=null"]),
        ("'x y', \"q\"", ["x='x y'", 'x="q"']),
        ("choice([50], [100, 50])", ["x=[50]", "x=[100,50]"]),
        ("choice({a: 1}, {a: 2})", ["x={a:1}", "x={a:2}"]),
        ("true, false", ["x=true", "x=false"]),
        ("1, 1.0, true, 1", ["x=1", "x=1.0", "x=true"]),
        ("a\\,b, ${seed}", ["x='a,b'", "x=${seed}"]),
        ({"choices": [None, "null", "'null'", "a", "a"]}, ["x=null", "x='null'", "x=a"]),
        ({"choices": {True: {}, "null": None, "[1, 2]": {}}}, ["x=true", "x=null", "x=[1,2]"]),
    ],
)
def test_choices_reach_the_job_as_they_are(entry: object, lines: list[str]) -> None:
    space = parse_space({"x": entry})
    assert [line for point in space.grid() for line in space.overrides(point)] == lines
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    drawn = {line for _ in range(60) for line in space.suggest(study.ask())}
    assert drawn == set(lines)


@pytest.mark.parametrize("sampler", [RandomSampler(seed=1), TPESampler(seed=1, n_startup_trials=5)])
def test_suggests_the_active_branch_only(sampler: BaseSampler) -> None:
    space = space_of(ANY_MODEL)
    study = optuna.create_study(sampler=sampler)
    children = {
        "random_forest": {"model.n_estimators", "model.max_depth", "model.max_features"},
        "svm": {"model.C", "preprocessor", "model.kernel", "model.gamma", "model.degree"},
        "extra_trees": {"model.max_depth"},
    }
    models = set()
    for _ in range(60):
        trial = study.ask()
        lines = space.suggest(trial)
        job = parsed(lines)
        models.add(job["model"])
        assert job.keys() - {"dataset", "model"} <= children[job["model"]]
        assert lines.index(f"model={job['model']}") == 1
        assert set(trial.params) <= space.distributions().keys()
        assert space.overrides(trial.params) == lines
        study.tell(trial, len(lines))
    assert models == children.keys()


def test_suggested_lines_hold_the_trials_values() -> None:
    space = space_of(
        "{a: 'interval(-1, 1)', b: 'tag(log, interval(1e-9, 1e9))', c: 'range(0, 1, 0.1)', d: '1, b, null'}"
    )
    study = optuna.create_study(sampler=RandomSampler(seed=3))
    for _ in range(200):
        trial = study.ask()
        job = parsed(space.suggest(trial))
        assert all(same(job[name], value) for name, value in trial.params.items())


def test_names() -> None:
    assert list(space_of(ANY_MODEL).distributions()) == [
        "dataset",
        "model",
        "model.n_estimators",
        "random_forest/model.max_depth",
        "model.max_features",
        "model.C",
        "preprocessor",
        "model.kernel",
        "svm/rbf/model.gamma",
        "model.degree",
        "svm/poly/model.gamma",
        "extra_trees/model.max_depth",
    ]


def test_a_key_with_one_distribution_has_one_name_under_all_options() -> None:
    space = space_of("m: {choices: {a: {m.x: 'range(1, 4)'}, b: {m.x: {type: int, low: 1, high: 3}}}}")
    assert list(space.distributions()) == ["m", "m.x"]
    assert len(space.grid()) == 6


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("{m.x: '1, 2', m: {choices: {a: {m.x: '1, 2'}}}}", "got the top level and m=a"),
        ("{m: {choices: {a: {m.x: '1, 2'}}}, m.x: '1, 2'}", "got m=a and the top level"),
        ("{m: {choices: {a: {z: '1, 2'}}}, n: {choices: {b: {z: '1, 3'}}}}", "z: .*got m=a and n=b"),
        ("{m: {choices: {a: {m: '1, 2'}}}}", "m: .*got the top level and m=a"),
        ("{m: {choices: {a: {x: '1, 2', n: {choices: {b: {x: '1, 2'}}}}}}}", "x: .*got m=a and m=a, n=b"),
        ("{m: {choices: {a: {+x: '1, 2'}}}, x: '1, 2'}", "x: stands in two places that meet in one job"),
    ],
)
def test_refuses_a_key_that_one_job_could_meet_twice(text: str, places: str) -> None:
    with pytest.raises(BadInput, match=places):
        space_of(text)


def test_a_defaults_list_composes_the_branching_form(tmp_path: Any) -> None:
    from hydra import compose, initialize_config_dir

    group = tmp_path / "search_space"
    group.mkdir()
    (tmp_path / "config.yaml").write_text("defaults: [{search_space: any_model}]\n")
    (group / "svm.yaml").write_text("model.C: interval(1, 2)\n")
    (group / "none.yaml").write_text("")
    (group / "any_model.yaml").write_text(
        "defaults: [svm@model.choices.svm, none@model.choices.none]\nmodel: {choices: {none: {}}}\n"
    )
    with initialize_config_dir(str(tmp_path)):
        entries = OmegaConf.to_container(compose("config").search_space)
    assert isinstance(entries, dict)
    assert parse_space({str(key): value for key, value in entries.items()}).branches() == [
        ["model=svm", "model.C=1.0"],
        ["model=none"],
    ]


def test_grid_has_each_point_once() -> None:
    space = space_of(
        """
        a: range(0, 1, 0.25)
        b: {type: float, low: 0, high: 0.3, step: 0.1}
        m: {choices: {p: {m.x: {low: 1, high: 5, step: 2}}, q: {m.x: "a, b"}, r: {}}}
        """
    )
    points = space.grid()
    jobs = [tuple(space.overrides(point)) for point in points]
    assert len(points) == len(set(jobs)) == 4 * 4 * (3 + 2 + 1)
    assert sorted({point["b"] for point in points}) == [0.0, 0.1, 0.2, 0.3]
    assert {point["p/m.x"] for point in points if point["m"] == "p"} == {1, 3, 5}
    assert {frozenset(point) for point in points if point["m"] == "r"} == {frozenset({"a", "b", "m"})}
    distributions = space.distributions()
    for point in points:
        assert all(distributions[name]._contains(distributions[name].to_internal_repr(point[name])) for name in point)


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [("interval(0, 1)", r"Write range\(low, high, step\)"), ({"type": "float", "low": 0, "high": 1}, "Add a step")],
)
def test_grid_refuses_the_continuous(entry: object, remedy: str) -> None:
    space = parse_space({"m": {"choices": {"a": {"m.x": entry}}}})
    with pytest.raises(BadInput, match=f"m.x: the grid sampler tries every value and can't draw .* {remedy}"):
        space.grid()


def test_branches_take_every_option() -> None:
    assert space_of(ANY_MODEL).branches() == [
        [
            "dataset=iris",
            "model=random_forest",
            "model.n_estimators=50",
            "model.max_depth=3",
            "model.max_features=sqrt",
        ],
        ["dataset=iris", "model=svm", "model.C=0.01", "preprocessor=none", "model.kernel=rbf", "model.gamma=0.0001"],
        [
            *("dataset=iris", "model=svm", "model.C=0.01", "preprocessor=none"),
            *("model.kernel=poly", "model.degree=2", "model.gamma=0.5"),
        ],
        ["dataset=iris", "model=svm", "model.C=0.01", "preprocessor=none", "model.kernel=linear"],
        ["dataset=iris", "model=extra_trees", "model.max_depth=2"],
    ]


def test_branches_of_two_choices_vary_one_at_a_time() -> None:
    space = space_of("{m: {choices: {a: {}, b: {}}}, n: {choices: {c: {}, d: {}, e: {}}}}")
    assert space.branches() == [["m=a", "n=c"], ["m=b", "n=c"], ["m=a", "n=d"], ["m=a", "n=e"]]


def test_an_empty_space_has_one_branch_and_one_point() -> None:
    assert (parse_space({}).branches(), parse_space({}).grid()) == ([[]], [{}])


def test_overrides_append_what_the_space_does_not_know() -> None:
    space = space_of(ANY_MODEL)
    params = {"z": 1.5, "model": "svm", "model.C": 2.0, "model.n_estimators": 60, "flag": True, "none": None}
    assert space.overrides(params) == ["model=svm", "model.C=2.0", "z=1.5", "flag=true", "none=null"]


@pytest.mark.parametrize(
    ("values", "params"),
    [
        ({"model": "svm", "model.C": 3}, {"model": "svm", "model.C": 3.0}),
        (
            {"model": "random_forest", "model.max_depth": 5.0},
            {"model": "random_forest", "random_forest/model.max_depth": 5},
        ),
        (
            {"model.max_features": None, "model": "random_forest"},
            {"model": "random_forest", "model.max_features": None},
        ),
        ({"model.kernel": "rbf", "model": "svm", "model.gamma": 1.0}, None),
        ({"model.max_depth": 26, "model": "extra_trees"}, {"model": "extra_trees", "extra_trees/model.max_depth": 26}),
        ({"dataset": "wine"}, {"dataset": "wine"}),
        ({}, {}),
    ],
)
def test_point(values: Mapping[str, object], params: dict[str, object] | None) -> None:
    expected = params if params is not None else {"model": "svm", "model.kernel": "rbf", "svm/rbf/model.gamma": 1.0}
    space = space_of(ANY_MODEL)
    point = space.point(values, "enqueue[0]")
    assert point == expected
    assert all(same(point[name], value) for name, value in expected.items())
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    study.enqueue_trial(point)
    assert parsed(space.suggest(study.ask())).items() >= values.items()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"modle": "svm"}, r"enqueue\[0\], modle: not a key of the search space, got svm. Did you mean model?"),
        ({"model": "mlp"}, r"enqueue\[0\], model: .*got mlp. Choose from \[random_forest, svm, extra_trees\]"),
        (
            {"model": "svm", "model.C": 1e6},
            r"model.C: not in the search space of this key, got 1000000.0. Choose from tag",
        ),
        ({"model": "svm", "model.C": "3"}, "not in the search space of this key, got 3"),
        ({"model": "svm", "model.C": True}, "not in the search space of this key, got true"),
        ({"model": "random_forest", "model.max_depth": 3.5}, "got 3.5. Choose from {type: int, low: 3, high: 12}"),
        ({"model": "extra_trees", "model.max_depth": 27}, "not in the search space of this key"),
        ({"model": "random_forest", "model.C": 1.0}, "model.C: belongs to a branch .* Write model: svm into the point"),
        ({"model.C": 1.0}, "model.C: belongs to a branch that the point does not choose"),
        ({"model.max_depth": 4}, "Write model: random_forest or model: extra_trees into the point"),
        ({"model": "svm", "model.degree": 2}, "Write model: svm, model.kernel: poly into the point"),
        ([1], r"enqueue\[0\]: a point must be a mapping, got \[1\]"),
    ],
)
def test_refused_points(values: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        space_of(ANY_MODEL).point(values, "enqueue[0]")


def test_points_find_choices_by_value_or_by_text() -> None:
    space = parse_space({"x": "choice([50], [100, 50])", "y": "'null', null", "z": "0, false", "w": "1.0, 2.0"})
    assert space.point({"x": [100, 50], "y": "null", "z": False, "w": 1}, "p") == {
        **{"x": "[100,50]", "y": "'null'", "z": "false", "w": 1.0}
    }
    assert space.point({"x": "[50]", "y": None, "z": 0}, "p") == {"x": "[50]", "y": None, "z": 0}


def test_defaults_leave_out_what_is_outside() -> None:
    config = {
        **{"dataset": "iris", "model": "svm", "model.C": 1.0, "preprocessor": "scaler"},
        **{"model.kernel": "rbf", "model.gamma": "scale"},
    }
    assert space_of(ANY_MODEL).defaults(config.__getitem__) == (
        {"dataset": "iris", "model": "svm", "model.C": 1.0, "model.kernel": "rbf"},
        ["preprocessor", "model.gamma"],
    )
    forest = {"dataset": "iris", "model": "random_forest", "model.n_estimators": 100, "model.max_depth": None}
    assert space_of(ANY_MODEL).defaults({**forest, "model.max_features": "sqrt"}.__getitem__)[1] == ["model.max_depth"]


def test_a_sweep_on_the_command_line_replaces_the_entry_wherever_it_stands() -> None:
    entries, fixed = joined(ANY_MODEL, "model.max_depth=range(1, 3)", "new=1,2", "dataset=wine,digits")
    space = parse_space(entries)
    assert fixed == []
    assert space.distributions()["model.max_depth"] == IntDistribution(1, 2)
    assert space.distributions()["dataset"] == CategoricalDistribution(["wine", "digits"])
    assert list(entries) == ["dataset", "model", "new"]


def test_a_sweep_of_a_branching_key_keeps_the_named_options() -> None:
    entries, _ = joined(ANY_MODEL, "model=extra_trees,svm")
    assert list(entries["model"]["choices"]) == ["extra_trees", "svm"]
    assert list(parse_space(entries).distributions())[:3] == ["dataset", "model", "model.max_depth"]
    for line in ("model=svm,mlp", "model=mlp"):
        with pytest.raises(BadInput, match=r"model: no option of this choice, got mlp\. Known: extra_trees, "):
            joined(ANY_MODEL, line)
    with pytest.raises(BadInput, match="no option of this choice"):
        joined(ANY_MODEL, "model=interval(0, 1)")


def test_a_constant_on_the_command_line_takes_its_key_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        entries, fixed = joined(ANY_MODEL, "dataset=wine", "~x", "+y=1", "seed=3", "preprocessor=standard")
    assert fixed == ["dataset=wine", "~x", "+y=1", "seed=3", "preprocessor=standard"]
    assert {"dataset", "preprocessor"}.isdisjoint(parse_space(entries).distributions())
    assert [record.message for record in caplog.records] == [
        "dataset=wine on the command line takes dataset out of the search space.",
        "preprocessor=standard on the command line takes preprocessor out of the search space.",
    ]


def test_a_constant_below_a_branching_key_reaches_its_branches_only() -> None:
    entries, fixed = joined(ANY_MODEL, "model.max_depth=5")
    space = parse_space(pickle.loads(pickle.dumps(entries)))
    assert fixed == []
    assert not any("max_depth" in name for name in space.distributions())
    assert {lines[1]: "model.max_depth=5" in lines for lines in space.branches()} == {
        **{"model=random_forest": True, "model=svm": False, "model=extra_trees": True}
    }
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    for _ in range(20):
        job = parsed(space.suggest(study.ask()))
        assert job.get("model.max_depth") == (None if job["model"] == "svm" else 5)


@pytest.mark.parametrize("lines", [["model=svm", "model.C=5"], ["model.C=5", "model=svm"]])
def test_a_constant_option_leaves_the_entries_of_its_branch(lines: list[str]) -> None:
    entries, fixed = joined(ANY_MODEL, *lines)
    space = parse_space(entries)
    assert list(space.distributions()) == [
        *("dataset", "preprocessor", "model.kernel"),
        *("rbf/model.gamma", "model.degree", "poly/model.gamma"),
    ]
    job = parsed([*space.branches()[0], *fixed])
    assert (job["model"], job["model.C"]) == ("svm", 5)


def test_a_constant_option_of_an_inner_choice() -> None:
    entries, fixed = joined(ANY_MODEL, "model.kernel=poly")
    assert fixed == []
    assert parse_space(entries).branches()[1] == [
        *("dataset=iris", "model=svm", "model.kernel=poly", "model.C=0.01", "preprocessor=none"),
        *("model.degree=2", "model.gamma=0.5"),
    ]


def test_an_option_without_parameters_leaves_an_empty_space() -> None:
    assert joined("m: {choices: {a: {m.x: '1, 2'}, none: null}}", "m=none") == ({}, ["m=none"])


def test_a_constant_option_does_not_hide_a_key_that_stands_twice() -> None:
    with pytest.raises(BadInput, match=r"m\.x: stands in two places that meet in one job"):
        joined("{m.x: '1, 2', m: {choices: {a: {m.x: '1, 2'}}}}", "m=a")


@pytest.mark.parametrize("line", ["+model.C=1", "++dataset=iris", "~model.C", "+model.C=1,2"])
def test_refuses_a_sign_before_a_key_of_the_space(line: str) -> None:
    with pytest.raises(BadInput, match=r"would undo every trial's own value, got .* Write [\w.]+=<value> to fix it"):
        joined(ANY_MODEL, line)


def test_of_two_lines_for_a_key_the_last_counts() -> None:
    assert joined("x: 1, 2", "x=3", "x=4,5") == ({"x": "4,5"}, [])
    assert joined("x: 1, 2", "x=4,5", "x=3") == ({}, ["x=3"])


def test_appended_keys_keep_their_sign() -> None:
    space = parse_space({"+x": "1, 2", "++m@a.b": {"choices": {"c": {}}}})
    assert space.branches() == [["+x=1", "++m@a.b=c"]]
    assert space.point({"x": 2}, "p") == {"+x": 2}


def test_spaces_are_picklable() -> None:
    space = space_of(ANY_MODEL)
    assert pickle.loads(pickle.dumps(space)) == space
