"""Entries become a tree: which key stands where, under which name, and what is refused."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_search.errors import BadInput
from tests.hydra_lines import TODAYS

from .spaces import ANY_MODEL, distributions, entries_of, points_of, space_of


@pytest.mark.parametrize(
    ("spec", "message"),
    [
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


def test_names() -> None:
    assert list(distributions(space_of(ANY_MODEL))) == [
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
    assert list(distributions(space)) == ["m", "m.x"]
    assert len(points_of(space)) == 6


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
    with initialize_config_dir(str(tmp_path), **TODAYS):
        entries = OmegaConf.to_container(compose("config").search_space)
    assert isinstance(entries, dict)
    assert parse_space({str(key): value for key, value in entries.items()}).branches() == [
        ["model=svm", "model.C=1.0"],
        ["model=none"],
    ]


def test_appended_keys_keep_their_sign() -> None:
    space = parse_space({"+x": "1, 2", "++m@a.b": {"choices": {"c": {}}}})
    assert space.branches() == [["+x=1", "++m@a.b=c"]]
    assert space.point({"x": 2}, "p") == {"+x": 2}
