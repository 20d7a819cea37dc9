"""Where a setting is read, and where there is none."""

from dataclasses import dataclass, field

import pytest
from omegaconf import MISSING, DictConfig, OmegaConf

from hydra_plugins.hydra_search.errors import BadInput
from hydra_plugins.hydra_search.schema import check_types
from hydra_plugins.hydra_search.settings import check_direction, read_setting


def test_setting_below_a_node_that_is_not_there_is_absent() -> None:
    assert read_setting(OmegaConf.create({"hydra": {"callbacks": {}}}), "hydra.callbacks.mlflow.enabled") is None
    assert read_setting(OmegaConf.create({"hydra": {"callbacks": None}}), "hydra.callbacks.mlflow.enabled") is None


def test_direction_under_another_key_is_refused_by_that_key() -> None:
    config = OmegaConf.create({"a": {"direction": "${way}"}, "way": "maximise"})
    with pytest.raises(BadInput, match=r"^way \(a.direction\): must be maximize or minimize, got maximise"):
        check_direction(config, "loss", "a.direction")


@dataclass
class Sampler:
    seed: int | None = None
    absent: int = MISSING


@dataclass
class Sweeper:
    timeout: float | None = None
    report: bool = True
    sampler: Sampler = field(default_factory=Sampler)


def sweep(pointers: dict[str, object], **values: object) -> DictConfig:
    config = OmegaConf.create({"hydra": {"launcher": {}}, **values})
    config.hydra.sweeper = OmegaConf.structured(Sweeper)
    return OmegaConf.merge(config, {"hydra": {"sweeper": pointers}})  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("pointers", "values", "message"),
    [
        ({"timeout": "${t}"}, {"t": "ten"}, r"t \(hydra.sweeper.timeout\): must be a number, got ten. Set t"),
        ({"timeout": "${t}"}, {"t": [1]}, r"t \(hydra.sweeper.timeout\): .* got \[1\]. Set t"),
        ({"timeout": "${t}"}, {}, r"t \(hydra.sweeper.timeout\): .*'t' not found"),
        ({"timeout": "${a.b}s"}, {"a": {"b": 5}}, r"hydra.sweeper.timeout: must be a number, got \$\{a.b\}s"),
        ({"report": "${r}"}, {"r": "perhaps"}, r"r \(hydra.sweeper.report\): must be true or false, got perhaps"),
        ({"sampler": {"seed": "${seed}"}}, {"seed": 1.5}, r"seed \(hydra.sweeper.sampler.seed\): must be a whole"),
    ],
)
def test_value_that_the_schema_can_not_take_is_refused_under_the_name_that_the_user_knows(
    pointers: dict[str, object], values: dict[str, object], message: str
) -> None:
    with pytest.raises(BadInput, match=message) as refused:
        check_types(sweep(pointers, **values))
    assert len(str(refused.value).splitlines()) == 1


def test_values_that_fit_are_taken_and_missing_ones_left_to_whoever_needs_them() -> None:
    check_types(sweep({"timeout": "${t}", "sampler": {"seed": "${seed}"}}, t="10", seed=None))


@pytest.mark.parametrize(
    ("metric", "direction", "remedy"),
    [
        ("log_loss", "maximize", "log_loss is better the lower it is, got maximize. Set direction=minimize,"),
        ("accuracy", "minimize", "accuracy is better the higher it is, got minimize. Set direction=maximize,"),
        (["accuracy", "loss"], ["maximize", "maximize"], "Set direction='[maximize,minimize]', or"),
    ],
)
def test_direction_that_contradicts_a_known_metric_is_refused(metric: object, direction: object, remedy: str) -> None:
    config = OmegaConf.create({"direction": direction, "hydra": {"sweeper": {"direction": "${direction}"}}})
    with pytest.raises(BadInput) as refused:
        check_direction(config, metric)
    assert remedy in str(refused.value) and str(refused.value).startswith("direction (hydra.sweeper.direction): ")


def test_direction_of_a_metric_that_nobody_knows_is_left_alone() -> None:
    for direction in ("maximize", "minimize"):
        check_direction(OmegaConf.create({"hydra": {"sweeper": {"direction": direction}}}), "score")
