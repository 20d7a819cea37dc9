from dataclasses import replace

import pytest
from optuna.trial import TrialState

from hydra_plugins.hydra_search_report._figures import curves, history, pareto, worker_rows
from hydra_plugins.hydra_search_report._plots import Nothing
from tests.searches import FACTS, made_up

from .cases import CASES, TWO


@pytest.mark.parametrize(("direction", "best"), [("maximize", [None, 2.0, 2.0, 2.0, 5.0]),
                                                 ("minimize", [None, 2.0, 2.0, 1.0, 1.0])])  # fmt: skip
def test_history_has_the_finite_values_and_the_best_so_far_of_every_trial(direction: str, best: list[float]) -> None:
    failed = made_up(0, TrialState.FAIL, error="no")
    infinite = made_up(2, values=[float("inf")])
    trials = [failed, made_up(1, values=[2.0]), infinite, made_up(3, values=[1.0]), made_up(4, values=[5.0])]
    dots, line = history(replace(FACTS, directions=(direction,)), trials, 0)["data"]
    assert (dots["x"], dots["y"]) == ([1, 3, 4], [2.0, 1.0, 5.0])
    assert (line["x"], line["y"]) == ([0, 1, 2, 3, 4], best)


def test_best_so_far_ends_with_the_last_trial_that_has_begun() -> None:
    trials = [made_up(0, values=[2.0]), made_up(1, TrialState.WAITING), made_up(2, TrialState.RUNNING)]
    assert history(FACTS, [*trials, made_up(3, TrialState.WAITING)], 0)["data"][1]["x"] == [0, 2]


def test_pareto_front_is_marked_from_the_trials() -> None:
    trials = [made_up(n, values=list(values)) for n, values in enumerate([(0.1, 9), (0.9, 5), (0.8, 1), (0.9, 5)])]
    others, front = pareto(TWO, trials)["data"]
    assert (others["x"], others["y"], others["marker"]["color"]) == ([0.1], [9], "@muted")
    assert (front["x"], front["y"], front["marker"]["color"]) == ([0.9, 0.8, 0.9], [5, 1, 5], "@best")
    assert front["text"][1] == "trial 2<br>accuracy: 0.8<br>seconds: 1"


def test_pareto_front_without_others_is_one_trace_and_of_three_objectives_a_scene() -> None:
    (front,) = (figure := pareto(*CASES["three objectives"]))["data"]
    assert (front["type"], front["z"][:4]) == ("scatter3d", [0, 1, 2, 0])
    assert figure["layout"]["scene"]["zaxis"]["title"]["text"] == "c"


def test_pareto_front_of_four_objectives_has_no_picture() -> None:
    with pytest.raises(Nothing, match="4 objectives have no picture"):
        pareto(*CASES["four objectives"])


def test_curves_are_coloured_by_outcome_with_one_legend_entry_each_and_the_best_on_top() -> None:
    curve = {1: 0.5, 0: float("nan")}
    trials = [
        made_up(0, values=[0.9], curve=curve), made_up(1, values=[0.1], curve=curve),
        made_up(2, values=[0.2], curve=curve), made_up(3, TrialState.PRUNED, curve=curve),
        made_up(4, TrialState.FAIL, curve=curve, lost="killed", retries=0),
        made_up(5, TrialState.FAIL, curve=curve, lost="killed", retries=2),
        made_up(6, TrialState.RUNNING, curve=curve),
    ]  # fmt: skip
    traces = curves(replace(FACTS, max_retries=2), trials)["data"]
    groups = ["finished", "finished", "pruned", "lost", "failed", "running", "best"]
    assert [trace["legendgroup"] for trace in traces] == groups
    assert [trace["showlegend"] for trace in traces] == [True, False, True, True, True, True, True]
    assert traces[-1]["hovertemplate"].startswith("trial 0,")
    assert all((trace["x"], trace["y"]) == ([0, 1], [None, 0.5]) for trace in traces)


def test_trials_without_a_worker_lie_in_as_few_rows_as_they_need() -> None:
    trials = [made_up(n, values=[n], start=start, seconds=2) for n, start in enumerate([0.0, 1.0, 2.0])]
    rows = {name: [trial.number for trial in row] for name, row in worker_rows(trials).items()}
    assert rows == {"slot 1": [0, 2], "slot 2": [1]}
