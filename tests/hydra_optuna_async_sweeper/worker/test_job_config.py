import copy
from collections.abc import Iterator

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from hydra_plugins.hydra_optuna_async_sweeper.worker._job_config import Composer
from tests.conftest import APPS
from tests.hydra_lines import TODAYS


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(APPS / "forest"), job_name="train", **TODAYS):
        yield GlobalHydra.instance().config_loader()


def load_sweep(loader: ConfigLoader, *given: str) -> DictConfig:
    """Load a sweep's configuration, as far as Hydra has got with it before the first job: the time in it is known."""
    sweep = loader.load_configuration("config", list(given), run_mode=RunMode.MULTIRUN)
    _ = sweep.hydra.sweep.dir
    return sweep


def as_launched(loader: ConfigLoader, sweep: DictConfig, lines: list[str], number: int) -> DictConfig:
    """Compose a job as every launcher does."""
    job = loader.load_sweep_config(sweep, lines)
    with open_dict(job):
        job.hydra.job.id, job.hydra.job.num = str(number), number
    return job


def same(one: DictConfig, other: DictConfig) -> None:
    assert OmegaConf.to_container(one, resolve=False) == OmegaConf.to_container(other, resolve=False)
    assert one.study_name == other.study_name, "the time in it is the sweep's"
    assert one.hydra.sweep.dir == other.hydra.sweep.dir
    assert one.hydra.job.override_dirname == other.hydra.job.override_dirname


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["model.max_depth=5", "model.n_estimators=70", "seed=3"],
        ["model=svm", "model.C=0.5"],
        ["model.C=0.5", "preprocessor=standard", "model=svm", "model.kernel=rbf"],
        ["model=mlp", "model.hidden_layer_sizes=[100,50]", "dataset=iris"],
        ["model.max_depth=null", "seed=null"],
        ["+model.max_leaf_nodes=30", "+extra.nested=1"],
        ["++model.max_depth=4", "++model.warm_start=true"],
        ["~model.criterion"],
        ["metric='a, b'", "model.criterion='it\\'s=1'"],
        ["metric=[accuracy,f1_macro]", "+note={a: 1, b: [2, null]}"],
        ["model.max_features=sqrt", "model.max_features=log2"],
        ["hydra.job.chdir=true", "model.max_depth=3"],
        ["+dataset@second=iris"],
    ],
    ids=str,
)
def test_job_is_the_same_as_the_launchers_make_it(loader: ConfigLoader, lines: list[str]) -> None:
    sweep = load_sweep(loader, "hydra/launcher=basic")
    composer = Composer(loader, sweep)
    composer.compose(["model.max_depth=9", "+left=1", "seed=5"], 0)  # must leave no trace
    composer.compose(lines, 1)
    same(composer.compose(lines, 7), as_launched(loader, sweep, lines, 7))


REFERENCES = [
    "study_name=run_${seed}",
    "metric=${hydra:job.num}",
    "+paths={checkpoint: '${hydra:job.id}/ckpt', all: ['${dataset._target_}', '${model.max_depth}']}",
    "+lists=[[${seed}],{number: ${hydra.job.num}}]",
    "model.max_depth=${seed}",
    "dataset=iris",
    "+dataset.note=${hydra:runtime.choices.dataset}",
    "+home=${oc.env:HOME}",
    "+unset='${oc.env:SURELY_UNSET,${splitter.n_splits}}'",
]


def resolved(job: DictConfig) -> object:
    """Return what the job sees of its config, as `run_job` lets it."""
    HydraConfig.instance().set_config(job)
    try:
        with open_dict(job):
            return OmegaConf.to_container(OmegaConf.masked_copy(job, [str(key) for key in job if key != "hydra"]))
    finally:
        HydraConfig.instance().cfg = None


@pytest.mark.parametrize("given_before", [(), ("+note=${seed}", "study_name=other_${seed}")], ids=["new", "cached"])
def test_references_are_resolved_in_each_job_as_the_launchers_do(
    loader: ConfigLoader, given_before: tuple[str, ...]
) -> None:
    sweep = load_sweep(loader, "hydra/launcher=basic", *REFERENCES)
    composer = Composer(loader, sweep)
    composer.compose([*given_before, *REFERENCES], 0)
    for number, seed in enumerate((11, 12), start=3):
        lines = [f"seed={seed}", *REFERENCES]
        job, launched = composer.compose(lines, number), as_launched(loader, sweep, lines, number)
        assert OmegaConf.to_container(job, resolve=False) == OmegaConf.to_container(launched, resolve=False)
        assert resolved(job) == resolved(launched)
        assert (job.study_name, job.model.max_depth) == (f"run_{seed}", seed)


@pytest.mark.parametrize("line", ["model.max_dpth=3", "model=forest", "hydra.job.nmae=x", "~model.absent", "seed=["])
def test_line_that_hydra_refuses_is_refused(loader: ConfigLoader, line: str) -> None:
    sweep = load_sweep(loader)
    with pytest.raises(HydraException):
        as_launched(loader, sweep, [line], 0)
    with pytest.raises(HydraException):
        Composer(loader, sweep).compose([line], 0)


def test_changed_job_changes_no_other(loader: ConfigLoader) -> None:
    sweep = load_sweep(loader)
    composer = Composer(loader, sweep)
    composer.compose(["seed=1"], 0).model.max_depth = 99
    assert composer.compose(["seed=1"], 1).model.max_depth is None


def test_what_a_job_is_given_is_its_configuration_without_hydras_and_apart(loader: ConfigLoader) -> None:
    sweep = load_sweep(loader)
    job = Composer(loader, sweep).compose_job(["model.max_depth=4", "+note=${study_name}"], 3)
    expected = copy.deepcopy(job.config)
    with open_dict(expected):
        del expected["hydra"]
    assert OmegaConf.to_container(job.task_config) == OmegaConf.to_container(expected)
    assert job.task_config.note == job.config.study_name, "the time in it is the sweep's"
    job.task_config.model.max_depth = 99
    assert job.config.model.max_depth == 4
