import logging
from pathlib import Path

import optuna.importance  # else the first use of it puts another module in the place of the one that is patched
import pytest

from hydra_plugins.hydra_search_report._plots import importances, plot, thinned
from hydra_plugins.hydra_search_report.report import write_report

from .cases import CASES, plain


def test_thinning_keeps_the_best_and_the_order() -> None:
    trials = plain(100)
    kept = thinned(trials, 10, trials[41:43])
    numbers = [trial.number for trial in kept]
    assert len(numbers) == 10
    assert numbers == sorted(numbers)
    assert {0, 41, 42} <= set(numbers)
    assert thinned(trials, 100) == trials


def test_importances_that_cannot_be_measured_are_absent_and_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("singular")

    monkeypatch.setattr(optuna.importance, "get_param_importances", broken)
    with caplog.at_level(logging.DEBUG, "hydra_plugins.hydra_search_report"):
        assert not any(objective for branch in importances(*CASES["conditional"]).values() for objective in branch)
    assert "RuntimeError: singular" in caplog.text


def test_importances_are_measured_once_for_each_branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    measure = optuna.importance.get_param_importances

    def counted(study: optuna.Study, **options: object) -> dict[str, float]:
        calls.append(len(study.get_trials(deepcopy=False)))
        return measure(study, **options)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(optuna.importance, "get_param_importances", counted)
    write_report(*CASES["conditional"], tmp_path, "running")
    assert len(calls) == 3


def test_figure_that_is_no_json_is_a_plot_that_failed() -> None:
    broken = plot("history", "History", lambda: {"data": [{"x": [float("nan")]}], "layout": {}})
    assert broken.figure is None
    assert broken.reason.startswith("This plot failed: ValueError")
