"""What YAML may call in train.py: classes by their kind and place, each group its own; nothing that fetches or runs."""

import contextlib
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sklearn
from omegaconf import OmegaConf

import train
from hydra_plugins.hydra_search.targets import is_listed

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "wine")
GROUPS = ("dataset", "splitter", "preprocessor", "model")
RUNS_CODE = "sklearn.utils._testing.assert_run_python_script_without_output"
FOREST = "sklearn.ensemble.RandomForestClassifier"
LOAD_CSV = "hydra_plugins.sklearn_training.data.load_csv"


def build(group: str, content: object) -> Any:
    return train.build(OmegaConf.create({group: content}), group)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(
    "name",
    [RUNS_CODE, "os.system", "builtins.eval", "sklearn.utils.os.system", "sklearn.os.system",
     "sklearn.svm._base.np.load", "sklearn.datasets.fetch_openml", "sklearn.datasets.load_files",
     "sklearn.datasets.load_svmlight_file",
     "sklearn.datasets._base.joblib.load", "sklearn.externals.joblib.load", "sklearn.utils.parallel.Parallel",
     "sklearn.utils.resample", "sklearn.base.clone", "sklearn.pipeline.make_pipeline", "sklearn.metrics.get_scorer",
     "sklearn.preprocessing.FunctionTransformer.fit", "sklearn.svm.SVC.__init__.__globals__",
     "sklearn.svm._classes.SVC", "sklearn.svm.BaseEstimator", "sklearn.linear_model.Bunch", "sklearn.show_versions",
     "sklearn", "", "a.*",
     "sklearn.ensemble.BaseEnsemble", "train.check", "train.main", "train.build", "hydra.utils.instantiate"],
)  # fmt: skip
def test_what_is_no_public_class_of_the_groups_kind_is_refused_and_not_called(group: str, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{group}._target_: not whitelisted.*EXECUTION_WHITELIST\['{group}'\]"):
        build(group, {"_target_": name, "source_code": "raise SystemExit"})


@pytest.mark.parametrize(
    ("group", "name"),
    [("model", "sklearn.model_selection.KFold"), ("model", "sklearn.preprocessing.StandardScaler"),
     ("model", "sklearn.datasets.load_iris"), ("model", LOAD_CSV), ("splitter", FOREST),
     ("preprocessor", FOREST), ("dataset", FOREST), ("preprocessor", "sklearn.compose.make_column_selector"),
     ("dataset", "sklearn.datasets.load_sample_images"), ("splitter", LOAD_CSV)],
)  # fmt: skip
def test_what_another_group_may_call_is_refused(group: str, name: str) -> None:
    with pytest.raises(ValueError, match="not whitelisted"):
        build(group, {"_target_": name})


HARMFUL = {"_target_": RUNS_CODE, "source_code": "raise SystemExit"}


@pytest.mark.parametrize(
    "content",
    [
        {"_target_": "sklearn.pipeline.Pipeline", "steps": [["a", HARMFUL], ["b", {"_target_": FOREST}]]},
        {"_target_": "sklearn.ensemble.BaggingClassifier", "estimator": HARMFUL},
        {"_target_": "sklearn.ensemble.VotingClassifier", "estimators": [["a", [[{"deep": [HARMFUL]}]]]]},
        {"_target_": "sklearn.ensemble.BaggingClassifier", "estimator": {**HARMFUL, "_partial_": True}},
        {"_target_": "sklearn.ensemble.BaggingClassifier", "estimator": {"_target_": FOREST, "warm": {"x": HARMFUL}}},
        {"_target_": "sklearn.ensemble.BaggingClassifier", "estimator": HARMFUL, "_recursive_": False},
        {"_target_": FOREST, "criterion": HARMFUL, "_execution_whitelist_": ["sklearn.*"]},
        {"_target_": FOREST, "name": RUNS_CODE, "warm_start": {"_target_": "${..name}"}},
        {"_target_": FOREST, "_args_": [HARMFUL]},
    ],
)  # fmt: skip
def test_parts_are_held_to_the_same_at_any_depth(content: object) -> None:
    with pytest.raises(ValueError, match=r"^model\..*(not whitelisted|arguments have names)"):
        build("model", content)


@pytest.mark.parametrize(
    ("name", "value"),
    [("memory", "cache"), ("param_grid", {"forest__memory": [None, "cache"]}), ("_args_", [8, "cache"])],
)  # fmt: skip
def test_cache_of_pickles_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"pickle|arguments have names"):
        build("model", {"_target_": "sklearn.pipeline.Pipeline", "steps": [], name: value})


@pytest.mark.parametrize(
    "content", [None, 5, "sklearn.svm.SVC", ["sklearn.svm.SVC"], {}, {"_target_": ["sklearn.svm.SVC"]}]
)
def test_group_that_describes_nothing_is_refused(content: object) -> None:
    with pytest.raises(ValueError, match=r"^model"):
        build("model", content)


def test_parts_of_a_composed_model_are_made() -> None:
    search = build(
        "model",
        {
            "_target_": "sklearn.model_selection.GridSearchCV",
            "cv": {"_target_": "sklearn.model_selection.RepeatedStratifiedKFold", "n_splits": 2},
            "param_grid": {"process__kernel": [{"_target_": "sklearn.gaussian_process.kernels.RBF"}]},
            "estimator": {
                "_target_": "sklearn.pipeline.Pipeline",
                "steps": [
                    ["scale", {"_target_": "sklearn.preprocessing.StandardScaler"}],
                    ["process", {"_target_": "sklearn.gaussian_process.GaussianProcessClassifier"}],
                ],
            },
        },
    )
    assert type(search.estimator.named_steps["scale"]).__name__ == "StandardScaler"
    assert search.cv.get_n_splits() == 20


@pytest.mark.parametrize("entry", ["own_models.Nearest", "own_models.*"])
def test_own_model_is_called_once_it_is_listed_in_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    (tmp_path / "own_models.py").write_text(
        "import os\nfrom sklearn.neighbors import KNeighborsClassifier\nclass Nearest(KNeighborsClassifier): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    content = {"_target_": "own_models.Nearest", "n_neighbors": 3}
    with pytest.raises(ValueError, match=r"got own_models.Nearest.*EXECUTION_WHITELIST\['model'\]"):
        build("model", content)
    monkeypatch.setitem(train.EXECUTION_WHITELIST, "model", [entry])
    assert build("model", content).n_neighbors == 3
    with pytest.raises(Exception, match="whitelist"):
        build("model", {"_target_": "own_models.os.mkdir", "path": str(tmp_path / "made")})
    assert not (tmp_path / "made").exists()
    sys.modules.pop("own_models")


def may_be_called(name: str, group: str, *, is_part: bool = False) -> bool:
    return is_listed(name, train.EXECUTION_WHITELIST[group]) or bool(train.sklearn_class(group, name, is_part=is_part))


def reachable() -> Iterator[tuple[str, object]]:
    """Yield every callable by each dotted name that leads to it: modules of other packages and methods too."""
    for info in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        with contextlib.suppress(ImportError):  # what needs Cython, CuPy or pytest
            if not {"tests", "conftest"} & set(info.name.split(".")):
                importlib.import_module(info.name)
    for name, module in [(n, m) for n, m in sys.modules.items() if n.split(".")[0] == "sklearn"]:
        for key, value in vars(module).items():
            deeper = vars(value) if isinstance(value, (type, ModuleType)) else {}
            yield f"{name}.{key}", value
            yield from ((f"{name}.{key}.{inner}", value) for inner, value in deeper.items())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_of_all_that_is_reachable_in_scikit_learn_each_group_may_call_its_kind_and_nothing_else() -> None:
    found = {name: value for name, value in reachable() if callable(value)}
    assert len(found) > 10_000 and RUNS_CODE in found and "sklearn.utils.fixes.os" not in found

    from sklearn.base import BaseEstimator
    from sklearn.gaussian_process import kernels
    from sklearn.utils import all_estimators

    estimators = {public(kind): kind for _, kind in all_estimators()}
    splitters = {f"sklearn.model_selection.{name}" for name in dir(sklearn.model_selection) if name.endswith("Split")}
    splitters |= {f"sklearn.model_selection.{name}" for name in dir(sklearn.model_selection) if name.endswith("Fold")}
    splitters |= {f"sklearn.model_selection.Leave{what}Out" for what in ("One", "P", "OneGroup", "PGroups")}
    splitters -= {"sklearn.model_selection.BaseShuffleSplit"}
    allowed = {group: {name for name in found if may_be_called(name, group)} for group in GROUPS}
    assert len(estimators) > 190 and len(splitters) > 12
    assert allowed["splitter"] == splitters
    assert allowed["model"] == {name for name, kind in estimators.items() if hasattr(kind, "predict")}
    assert allowed["preprocessor"] == {name for name, kind in estimators.items() if hasattr(kind, "transform")}
    assert allowed["dataset"] == {f"sklearn.datasets.load_{n}" for n in BUNDLED}
    parts = {name for name in found if may_be_called(name, "model", is_part=True)}
    others = parts - estimators.keys() - splitters - {"sklearn.compose.make_column_selector"}
    assert others == {n for n in others if issubclass(found[n], kernels.Kernel)}  # type: ignore[arg-type]
    assert {"sklearn.gaussian_process.kernels.RBF"} <= others and issubclass(estimators[FOREST], BaseEstimator)


def public(kind: type) -> str:
    """Return the name by which scikit-learn documents a class: `sklearn.svm._classes.SVC` is `sklearn.svm.SVC`."""
    parts = kind.__module__.split(".")
    private = next((i for i, part in enumerate(parts) if part.startswith("_")), len(parts))
    return ".".join([*parts[:private], kind.__name__])
