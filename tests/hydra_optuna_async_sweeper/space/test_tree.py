"""The tree: suggested to a trial, listed, and asked for what the user enqueues."""

import pickle
from collections.abc import Mapping

import optuna
import pytest
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_search.errors import BadInput

from .spaces import ANY_MODEL, distributions, parsed, points_of, same, space_of, suggested


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
        assert set(trial.params) <= distributions(space).keys()
        assert suggested(space, trial.params) == lines
        study.tell(trial, len(lines))
    assert models == children.keys()


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
    assert (parse_space({}).branches(), points_of(parse_space({}))) == ([[]], [{}])


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


def test_spaces_are_picklable() -> None:
    space = space_of(ANY_MODEL)
    assert pickle.loads(pickle.dumps(space)) == space
