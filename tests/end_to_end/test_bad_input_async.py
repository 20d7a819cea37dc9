"""The asynchronous sweeper refuses what can't be run by itself, with the same messages, with or without preflight."""

from pathlib import Path

import pytest

from tests.conftest import RunApp

ASYNC = "--config-name=asynchronous"
BARE = "~hydra.callbacks.preflight"

REFUSED = [
    (["+search_space={model.lrr: 'range(1, 3)'}"], "model.lrr", "range(1, 3)", "Did you mean model.lr?"),
    (["+search_space={depth: {type: int, low: 9, high: 3}}"], "depth", "", "low"),
    (["+search_space={depth: {type: integer, low: 1, high: 3}}"], "depth", "integer", "int"),
    (["+search_space={depth: 'range(13, 3)'}"], "depth", "range(13, 3)", "Write range(3, 13)."),
    (["+search_space={x: 'tag(log, interval(0, 1))'}"], "x", "tag(log, interval(0, 1))", "leave the tag out"),
    (["+search_space={x: 'tag(lgo, interval(1, 2))'}"], "x", "tag(lgo, interval(1, 2))", "Did you mean log?"),
    (["+search_space={depth: 'rnage(1, 3)'}"], "depth", "rnage(1, 3)", "Did you mean range?"),
    (
        ["+search_space={model: {choices: {linear: {}, momentum: {model.momentun: 'interval(0, 1)'}}}}"],
        "model.momentun", "interval(0, 1)", "Did you mean model.momentum?",
    ),
    (["search_space=null"], "params", "null", "sweep a key on the command line"),
    (["x=0.5"], "params", "x", "Leave at least one"),
    (["hydra/sweeper/sampler=grid"], "x", "interval(0, 1)", "choice(a, b)"),
    (["n_trials=0"], "n_trials", "0", "1 or more"),
    (["n_jobs=0"], "n_jobs", "0", "1 or more"),
    (["direction=maximise"], "direction", "maximise", "Did you mean maximize?"),
    (["timeout=nan"], "timeout", "nan", "timeout=null"),
    (["timeout=-5"], "timeout", "-5", "timeout=null"),
    (["hydra.sweeper.trial_timeout=0"], "trial_timeout", "0", "trial_timeout=600 for ten minutes"),
    (["hydra.sweeper.trial_timeout=nan"], "trial_timeout", "nan", "trial_timeout=600 for ten minutes"),
    (["hydra.sweeper.target=high"], "target", "high", ""),
    (["hydra.sweeper.max_failure_rate=2"], "max_failure_rate", "2.0", "Set hydra.sweeper.max_failure_rate=0"),
    (["hydra.sweeper.max_retries=-1"], "max_retries", "-1", "0 or more"),
    (
        ["hydra.launcher._target_=hydra_plugins.hydra_absent_launcher.absent.Absent"],
        "hydra/launcher", "hydra_absent_launcher", "pip install 'hydra-absent-launcher>=1.4.0rc3,<1.5'",
    ),
    (["hydra.sweeper.duplicates=rerun"], "duplicates", "rerun", "Did you mean run?"),
    (["hydra.sweeper.confirm=5"], "confirm", "5", "Write {top: 5, key: seed"),
    (["hydra.sweeper.confirm={top: 0, key: seed, values: [1]}"], "confirm.top", "0", "1 or more"),
    (["hydra.sweeper.confirm={top: 1, key: sede, values: [1]}"], "confirm.key", "sede", "Did you mean seed?"),
    (["hydra.sweeper.confirm={top: 1, key: x, values: [1]}"], "confirm.key", "x", "must not be searched itself"),
    (["hydra.sweeper.confirm={top: 1, key: seed, values: [1, 1]}"], "confirm.values", "[1, 1]", "different values"),
    (["hydra.sweeper.confirm={top: 1, key: model, values: [cubic]}"], "confirm.values", "model=cubic", "no job can"),
    (["hydra.sweeper.devices=2"], "devices", "2", "Set hydra.sweeper.devices=auto"),
    (["hydra.sweeper.enqueue=[{y: 1}]"], "enqueue[0], y", "1", "x"),
    (["hydra.sweeper.enqueue=[{x: 7}]"], "enqueue[0], x", "7", "interval(0, 1)"),
    (["hydra.sweeper.storage=study.db"], "storage", "study.db", "sqlite:///study.db"),
    (["hydra.sweeper.storage={_target_: optuna.storages.InMemoryStorage}"], "storage", "optuna.storages", "null"),
    (["hydra.sweeper.storage={_target_: os.mkdir, path: x}"], "storage", "{_target_: os.mkdir", "_target_"),
    (["hydra/sweeper/pruner=percentile", "hydra.sweeper.pruner.percentile=300"], "pruner", "300", "pruner"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("callbacks", [(), (BARE,)], ids=["preflight", "bare"])
@pytest.mark.parametrize(("overrides", "key", "value", "remedy"), REFUSED, ids=[case[0][-1] for case in REFUSED])
def test_refused_with_one_message_and_nothing_made(
    run_app: RunApp, tmp_path: Path, callbacks: tuple[str, ...], overrides: list[str], key: str, value: str, remedy: str
) -> None:
    done = run_app("quadratic.py", "--multirun", ASYNC, *callbacks, *overrides)
    message = done.stderr.strip().splitlines()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert key in message[0] and value in message[0] and remedy in message[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_study_begun_in_the_other_direction_is_not_mixed_up(run_app: RunApp, tmp_path: Path) -> None:
    assert run_app("quadratic.py", "--multirun", ASYNC, "n_trials=1").returncode == 0
    done = run_app("quadratic.py", "--multirun", ASYNC, "n_trials=2", "direction=minimize")
    assert done.returncode == 1
    assert "direction (hydra.sweeper.direction)" in done.stderr and "was begun with [maximize]" in done.stderr
    assert not (tmp_path / "multirun/quadratic/1").exists()
