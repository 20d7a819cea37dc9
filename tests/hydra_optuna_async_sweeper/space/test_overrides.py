"""The command line changes the space."""

import logging
import pickle

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.samplers import RandomSampler

from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_search.errors import BadInput

from .spaces import ANY_MODEL, distributions, joined, parsed


def test_a_sweep_on_the_command_line_replaces_the_entry_wherever_it_stands() -> None:
    entries, fixed = joined(ANY_MODEL, "model.max_depth=range(1, 3)", "new=1,2", "dataset=wine,digits")
    space = parse_space(entries)
    assert fixed == []
    assert distributions(space)["model.max_depth"] == IntDistribution(1, 2)
    assert distributions(space)["dataset"] == CategoricalDistribution(["wine", "digits"])
    assert list(entries) == ["dataset", "model", "new"]


def test_a_sweep_of_a_branching_key_keeps_the_named_options() -> None:
    entries, _ = joined(ANY_MODEL, "model=extra_trees,svm")
    assert list(entries["model"]["choices"]) == ["extra_trees", "svm"]
    assert list(distributions(parse_space(entries)))[:3] == ["dataset", "model", "model.max_depth"]
    for line in ("model=svm,mlp", "model=mlp"):
        with pytest.raises(BadInput, match=r"model: no option of this choice, got mlp\. Known: extra_trees, "):
            joined(ANY_MODEL, line)
    with pytest.raises(BadInput, match="no option of this choice"):
        joined(ANY_MODEL, "model=interval(0, 1)")


def test_a_constant_on_the_command_line_takes_its_key_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        entries, fixed = joined(ANY_MODEL, "dataset=wine", "~x", "+y=1", "seed=3", "preprocessor=standard")
    assert fixed == ["dataset=wine", "~x", "+y=1", "seed=3", "preprocessor=standard"]
    assert {"dataset", "preprocessor"}.isdisjoint(distributions(parse_space(entries)))
    assert [record.message for record in caplog.records] == [
        "dataset=wine on the command line takes dataset out of the search space.",
        "preprocessor=standard on the command line takes preprocessor out of the search space.",
    ]


def test_a_constant_below_a_branching_key_reaches_its_branches_only() -> None:
    entries, fixed = joined(ANY_MODEL, "model.max_depth=5")
    space = parse_space(pickle.loads(pickle.dumps(entries)))
    assert fixed == []
    assert not any("max_depth" in name for name in distributions(space))
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
    assert list(distributions(space)) == [
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


def test_a_constant_below_the_outer_of_two_branching_keys_reaches_the_inner_branch_only() -> None:
    entries, fixed = joined("m: {choices: {a: {k: {choices: {p: {m.x: '1, 2'}, q: {}}}}}}", "m.x=3")
    assert (parse_space(entries).branches(), fixed) == ([["m=a", "k=p", "m.x=3"], ["m=a", "k=q"]], [])


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
