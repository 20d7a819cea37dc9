"""The plots of the whole search: history, Pareto front, intermediate values."""

from collections.abc import Sequence
from functools import partial

from optuna.trial import FrozenTrial, TrialState

from ._facts import SearchFacts
from ._plots import Json, Nothing, Plot, as_json, plot, thinned, thinned_text
from ._studies import study_of
from ._timeline import timeline
from ._trials import best_trials, complete, finite, state_of

MOST_CURVES = 120


def search_plots(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> list[Plot]:
    """Return the plots that concern all trials."""
    plots = [
        plot(
            "history", named("Optimization history", facts, index), partial(history, facts, trials, index),
            "Each point is a finished trial; the line is the best value so far.",
        )
        for index in range(len(facts.directions))
    ]  # fmt: skip
    if len(facts.directions) > 1:
        caption = "Highlighted trials are beaten by no other in every objective at once."
        plots.append(plot("pareto", "Pareto front", lambda: pareto(facts, trials), caption, 420))
    reported = [trial for trial in trials if trial.intermediate_values]
    if reported:
        shown = curves_of(facts, reported)
        caption = "Each line is a trial: its reported values by step; pruned trials end early."
        caption += thinned_text(len(shown), len(reported))
        plots.append(plot("intermediate", "Intermediate values and pruning", lambda: curves(facts, shown), caption))
    return [*plots, timeline(trials)]


def named(title: str, facts: SearchFacts, index: int) -> str:
    """Name the objective in a title, if there are several."""
    return title if len(facts.directions) == 1 else f"{title}: {facts.metrics[index]}"


def history(facts: SearchFacts, trials: Sequence[FrozenTrial], index: int) -> Json:
    """Return Optuna's history of one objective, with the best value so far."""
    from optuna.visualization import plot_optimization_history

    finished = [trial for trial in complete(trials) if finite([trial.values[index]])]
    if not finished:
        raise Nothing("No trial has finished yet.")
    # Optuna looks the values up by trial number, so the study must hold every trial, also those that it leaves out.
    views = [single(trial, index) for trial in trials]
    study = study_of(views, [facts.directions[index]])
    figure = as_json(plot_optimization_history(study, target_name=facts.metrics[index]))
    figure["data"] = [trace for trace in figure["data"] if trace.get("x")]
    for trace in figure["data"]:
        if trace["mode"] == "lines":
            trace |= {"line": {"color": "@best", "width": 2, "shape": "hv"}, "name": "best so far"}
        else:
            trace |= {"marker": {"color": "@finished", "size": 6, "opacity": 0.75}, "name": facts.metrics[index]}
    return figure


def single(trial: FrozenTrial, index: int) -> FrozenTrial:
    """Return the trial with one of its objectives, and nothing else that a history needs."""
    done = trial.state is TrialState.COMPLETE and finite([trial.values[index]])
    return FrozenTrial(
        number=trial.number, trial_id=trial._trial_id, state=trial.state if done else TrialState.FAIL,
        value=trial.values[index] if done else None, datetime_start=trial.datetime_start,
        datetime_complete=trial.datetime_complete, params={}, distributions={}, user_attrs={}, system_attrs={},
        intermediate_values={},
    )  # fmt: skip


def pareto(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> Json:
    """Return Optuna's Pareto front of two or three objectives."""
    from optuna.visualization import plot_pareto_front

    if len(facts.directions) > 3:
        raise Nothing(f"{len(facts.directions)} objectives have no picture; trials.csv holds the values.")
    finished = [trial for trial in complete(trials) if finite(trial.values)]
    if not finished:
        raise Nothing("No trial has finished yet.")
    figure = as_json(plot_pareto_front(study_of(finished, facts.directions), target_names=list(facts.metrics)))
    figure["data"] = [trace for trace in figure["data"] if trace.get("x")]
    front = {trial.number for trial in best_trials(finished, facts.directions)}
    for trace in figure["data"]:
        best = trace.get("name", "").startswith("Best") or "Best" in trace.get("hovertemplate", "")
        number = len(front) if best else len(finished) - len(front)
        trace["name"] = f"Pareto front ({number})" if best else f"other trials ({number})"
        trace["marker"] = {"color": "@best" if best else "@muted", "size": 8 if best else 5}
    return figure


def curves_of(facts: SearchFacts, reported: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials whose curves are drawn."""
    return thinned(reported, MOST_CURVES, best_trials(reported, facts.directions)[:20])


def curves(facts: SearchFacts, shown: Sequence[FrozenTrial]) -> Json:
    """Return Optuna's plot of the reported values, coloured by how the trials ended, the best one on top."""
    from optuna.visualization import plot_intermediate_values

    study = study_of([drawable(trial) for trial in shown], facts.directions[:1])
    figure = as_json(plot_intermediate_values(study))
    ranked = best_trials(shown, facts.directions)
    best = f"Trial{ranked[0].number}" if ranked else ""
    states = {f"Trial{trial.number}": state_of(trial) for trial in shown}
    seen: set[str] = set()
    for trace in figure["data"]:
        group = "best" if trace["name"] == best else states[trace["name"]]
        trace |= {
            "line": {"color": f"@{group}", "width": 3 if group == "best" else 1.2},
            "marker": {"color": f"@{group}", "size": 4},
            "opacity": 1.0 if group == "best" else 0.6,
            "hovertemplate": f"trial {trace['name'][5:]}, step %{{x}}: %{{y}}<extra></extra>",
            "legendgroup": group, "name": f"{group} trial" if group == "best" else group,
            "showlegend": group not in seen,
        }  # fmt: skip
        seen.add(group)
    figure["data"].sort(key=lambda trace: trace["legendgroup"] == "best")
    figure["layout"]["yaxis"] = {"title": {"text": facts.metrics[0]}}
    figure["layout"]["showlegend"] = True
    return figure


def drawable(trial: FrozenTrial) -> FrozenTrial:
    """Return the trial with a state that Optuna draws curves for: a failed one's are worth seeing too."""
    if trial.state is not TrialState.FAIL:
        return trial
    return FrozenTrial(
        number=trial.number, trial_id=trial._trial_id, state=TrialState.RUNNING, value=None,
        datetime_start=trial.datetime_start, datetime_complete=None, params={}, distributions={}, user_attrs={},
        system_attrs={}, intermediate_values=trial.intermediate_values,
    )  # fmt: skip
