"""A search goes on with the study of its name only if their results compare; a refusal makes and changes nothing."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from optuna.distributions import CategoricalDistribution, FloatDistribution

from hydra_plugins.hydra_optuna_async_sweeper.optuna_async_sweeper import OptunaAsyncSweeper
from hydra_plugins.hydra_optuna_async_sweeper.search._resume import go_on
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import Search
from hydra_plugins.hydra_search.errors import BadInput
from tests.conftest import APPS
from tests.hydra_lines import TODAYS

Prepare = Callable[..., tuple[Search, DictConfig]]


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prepare]:
    """Compose a search of tests/apps/quadratic.py, and check it as preflight does."""
    monkeypatch.chdir(tmp_path)

    def checked(*overrides: str) -> tuple[Search, DictConfig]:
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("asynchronous", list(overrides), run_mode=RunMode.MULTIRUN)
        HydraConfig.instance().set_config(config)
        OptunaAsyncSweeper.check_search(config, loader, None)
        assert OptunaAsyncSweeper._checked is not None
        return OptunaAsyncSweeper._checked[1], config

    before = HydraConfig.instance().cfg
    with initialize_config_dir(str(APPS / "quadratic"), job_name="quadratic", **TODAYS):
        yield checked
    HydraConfig.instance().cfg = before
    OptunaAsyncSweeper._checked = None


@contextmanager
def begun(search: Search, config: DictConfig) -> Iterator[optuna.Study]:
    """Open the study as a sweep does."""
    Path(search.sweep_dir).mkdir(parents=True, exist_ok=True)
    directions = list(search.directions)
    with search.storage.opened() as storage:
        yield optuna.create_study(
            study_name=search.study_name, storage=storage, directions=directions, load_if_exists=True
        )


def begin(search: Search, config: DictConfig) -> None:
    """Begin the study, and finish a trial that has drawn every parameter."""
    with begun(search, config) as study:
        go_on(study, search, config)
        space = {p.name: p.domain.distribution for _, p in search.space.walk()}
        study.tell(study.ask(space), [0.0] * len(search.directions))


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


REFUSED = {
    "depth=4": ("depth: 3 -> 4", "Write depth=3, or set another study_name"),
    "model=momentum": ("model: linear -> momentum", "Write model=linear, or"),
    "model.lr=0.5": ("model.lr: 0.1 -> 0.5", "Write model.lr=0.1, or"),
    "seed=2": ("seed: 1 -> 2", "Write seed=1, or"),
    "metric=other": ("metric: score -> other", "Write metric=score, or"),
    "+new=1": ("new: (absent) -> 1", "or set another study_name"),
}
REFUSED_IN_ANY_CASE = {
    "direction=minimize": ("was begun with [maximize]", "Set direction=maximize"),
    "x=tag(log, interval(0.1, 1))": ("has drawn it from interval(0, 1)", "Write interval(0, 1)"),
    "x=choice(0, 1)": ("has drawn it from interval(0, 1)", "Write interval(0, 1)"),
    "x=int(interval(0, 1))": ("has drawn it from interval(0, 1)", "Write interval(0, 1)"),
}
COMPARES = ("n_trials=9", "n_jobs=3", "timeout=60", "x=interval(0, 2)", "x=interval(0.2, 0.3)", "depth=range(1, 5)")


def test_search_that_does_not_compare_is_refused_and_touches_nothing(prepare: Prepare, tmp_path: Path) -> None:
    begin(*prepare())
    before = content(tmp_path)
    for override, (difference, remedy) in (REFUSED | REFUSED_IN_ANY_CASE).items():
        with pytest.raises(BadInput) as refused:
            prepare(override)
        message = str(refused.value)
        assert difference in message and remedy in message, message
        assert len(message.splitlines()) == 1
    assert content(tmp_path) == before


def test_what_compares_goes_on_and_so_does_what_is_only_warned_of(prepare: Prepare) -> None:
    begin(*prepare())
    for override in COMPARES:
        prepare(override)
    prepare(*REFUSED, "hydra.sweeper.on_mismatch=warn")
    for override in REFUSED_IN_ANY_CASE:
        with pytest.raises(BadInput):
            prepare(override, "hydra.sweeper.on_mismatch=warn")


def test_study_in_a_shared_database_is_known_from_another_sweep_directory(prepare: Prepare, tmp_path: Path) -> None:
    where = "hydra.sweeper.storage=sqlite:///study.db"
    begin(*prepare(where, "hydra.sweep.dir=first"))
    before = content(tmp_path)
    prepare(where)
    with pytest.raises(BadInput, match="depth: 3 -> 4"):
        prepare(where, "depth=4")
    assert content(tmp_path) == before


@pytest.mark.parametrize("storage", ["null", "sqlite:///study.db"])
def test_looking_for_a_study_that_is_not_there_makes_nothing(prepare: Prepare, tmp_path: Path, storage: str) -> None:
    prepare(f"hydra.sweeper.storage={storage}")
    assert not list(tmp_path.iterdir())


def test_other_choices_or_another_order_of_them_are_refused(prepare: Prepare) -> None:
    begin(*prepare("depth=choice(1,2,3)"))
    for choices in ("choice(1,2)", "choice(3,2,1)", "range(1,4)"):
        with pytest.raises(BadInput, match=r"depth: the study 'quadratic' has drawn it from choice\(1, 2, 3\)"):
            prepare(f"depth={choices}")


def test_study_gone_from_beside_its_directory_is_refused_to_another_configuration(
    prepare: Prepare, tmp_path: Path
) -> None:
    search, config = prepare()
    begin(search, config)
    (tmp_path / "multirun/quadratic/optuna_journal.log").unlink()
    prepare()
    with pytest.raises(BadInput, match="depth: 3 -> 4"):
        prepare("depth=4")


def test_directory_of_another_study_says_nothing(prepare: Prepare) -> None:
    begin(*prepare("hydra.sweep.dir=shared", "study_name=one"))
    prepare("hydra.sweep.dir=shared", "study_name=two", "depth=4")


def test_searched_group_keeps_what_its_options_share_with_the_first_search(prepare: Prepare) -> None:
    branches = "+search_space={model: {choices: {linear: {}, momentum: {model.momentum: 'interval(0, 1)'}}}}"
    begin(*prepare(branches))
    prepare(branches)
    prepare(branches, "model=linear")  # narrower
    with pytest.raises(BadInput, match=r"model.lr \[model=linear\]: 0\.1 -> 7; model.lr \[model=momentum\]: 0\.2 -> 7"):
        prepare(branches, "model.lr=7")


def test_study_without_a_fingerprint_goes_on_with_a_line_and_gets_one(
    prepare: Prepare, caplog: pytest.LogCaptureFixture
) -> None:
    search, config = prepare()
    with begun(search, config) as study:
        study.tell(study.ask({"x": FloatDistribution(0, 1)}), 0.0)
    prepare("depth=4")
    with caplog.at_level("INFO"), begun(search, config) as study:
        go_on(study, search, config)
        assert "does not say what it was begun with" in caplog.text
        assert study.user_attrs["fingerprint"]["config"]["depth"] == 3
    with pytest.raises(BadInput, match="depth: 3 -> 4"):
        prepare("depth=4")


def test_study_of_upstreams_sweeper_that_keeps_null_as_a_text_is_refused_in_words(prepare: Prepare) -> None:
    search, config = prepare()
    with begun(search, config) as study:
        study.tell(study.ask({"data": CategoricalDistribution(["a", "null"])}), 0.0)
    with pytest.raises(BadInput, match=r"data: .* keeps these choices in another form.* Set another study_name"):
        prepare("data=a,null")


def test_two_commands_that_begin_one_study_at_once_must_be_the_same_search(prepare: Prepare) -> None:
    one, config = prepare()
    other, other_config = prepare("depth=4")  # nothing is there yet
    begin(one, config)
    with begun(other, other_config) as study, pytest.raises(BadInput, match="depth: 3 -> 4"):
        go_on(study, other, other_config)


def test_on_mismatch_warn_goes_on_with_a_line_and_keeps_the_first_fingerprint(
    prepare: Prepare, caplog: pytest.LogCaptureFixture
) -> None:
    begin(*prepare())
    search, config = prepare("depth=4", "hydra.sweeper.on_mismatch=warn")
    with begun(search, config) as study:
        go_on(study, search, config)
        assert "trials of another configuration, which may not compare: depth: 3 -> 4" in caplog.text
        assert study.user_attrs["fingerprint"]["config"]["depth"] == 3


def test_wider_space_goes_on_with_a_line(prepare: Prepare, caplog: pytest.LogCaptureFixture) -> None:
    begin(*prepare())
    search, config = prepare("x=interval(0, 2)", "depth=range(1, 4)")
    with caplog.at_level("INFO"), begun(search, config) as study:
        go_on(study, search, config)
    line = "another space: x: interval(0, 1) -> interval(0, 2); depth: not searched -> int(interval(1, 3))"
    assert line in caplog.text


def test_secrets_stand_in_no_fingerprint_and_make_no_difference(prepare: Prepare, tmp_path: Path) -> None:
    begin(*prepare("+api_key=abc123", "+url='http://me:pass99@host'"))
    prepare("+api_key=other", "+url='http://me:pass99@host'")
    everything = b"".join(content(tmp_path).values())
    assert b"abc123" not in everything and b"pass99" not in everything


def test_metric_names_reach_optunas_dashboard_and_are_written_once(prepare: Prepare, tmp_path: Path) -> None:
    search, config = prepare("metric=[a,b]", "direction=[maximize,minimize]")
    begin(search, config)
    with begun(search, config) as study:
        go_on(study, search, config)
        assert study.metric_names == ["a", "b"]
    journal = (tmp_path / "multirun/quadratic/optuna_journal.log").read_text()
    assert journal.count("metric_names") == 1


def test_fingerprint_in_the_directory_is_for_people_too(prepare: Prepare, tmp_path: Path) -> None:
    begin(*prepare())
    written = json.loads((tmp_path / "multirun/quadratic/.fingerprint.json").read_text())
    assert written["study_name"] == "quadratic"
    assert written["fingerprint"]["config"]["model.lr"] == 0.1
    assert written["fingerprint"]["space"] == {"x": "interval(0, 1)"}
    assert not {"study_name", "n_trials", "n_jobs", "timeout", "x"} & set(written["fingerprint"]["config"])


def test_unknown_way_to_treat_a_mismatch_names_the_known_ones(prepare: Prepare) -> None:
    with pytest.raises(BadInput, match=r"on_mismatch: must be refuse or warn, got wran\. Did you mean warn\?"):
        prepare("hydra.sweeper.on_mismatch=wran")
