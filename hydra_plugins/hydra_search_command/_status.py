"""`status`: how far a search is, what it has found, and who works on it.

JSON (--json), one object. These keys are always there; more may come. Times are ISO 8601, local, and null if unknown.
  study_name    text
  state         running, paused, stopped (by stop or cancel), complete, failed (too many trials did, or the sweep),
                interrupted (killed, or by Ctrl-C), or unfinished (nobody says why)
  reason        what led to the state, as timeout, or a wish; or null
  storage       where the study lives, without a password
  directory     the sweep directory, or null
  directions    of the objectives: maximize or minimize
  metrics       their names
  n_trials      how many are wanted, or null
  n_over        how many of these have ended
  counts        trials by outcome: finished, pruned, failed, repeated, confirming, lost, running, waiting
  best          the best trial, or the Pareto front: a list of {trial, values, params, directory}
  workers       what runs: a list of {host, pid, alive, trial, params, started, seconds, last_sign, seconds_since_sign};
                alive is null where nobody can tell
  sweeps        commands that work on it now: a list of {host, pid, n_jobs, started}
  time_left     {timeout_seconds, estimated_seconds}: until no trial begins, and by the mean of trials so far; or null
  last_error    {trial, outcome, reason, time} of the last trial that failed or was lost, or null; one that was
                requeued because its search was left, as by Ctrl-C, is no error
  wishes        what people asked for: a list of {wish, by, time}
  time          when this was read
"""

import argparse
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hydra_plugins.hydra_search.secrets import Secrets

from ._found import add_search, found
from ._output import add_json, describe, duration, overrides_text, say, say_json

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from ._output import Verbs
    from ._state import State

Content = dict[str, Any]  # Any: JSON


def add(verbs: "Verbs") -> None:
    """Add it."""
    text = "state, counts, best, workers and what they run, time left, last error"
    parser = describe(verbs.add_parser("status", help=text), __doc__)
    add_search(parser)
    add_json(parser)
    parser.set_defaults(run=_status)


def _status(options: argparse.Namespace) -> None:
    from ._state import State

    with found(options.search, options.storage) as search:
        content = content_of(State.of(search))
    if options.json:
        say_json(content)
    else:
        say("\n".join(lines_of(content)))


def content_of(state: "State") -> Content:
    """Return what is known, see the docstring of this module."""
    now, (name, reason) = datetime.now(), state.state()
    return {
        "study_name": state.search.study_name,
        "state": name,
        "reason": reason,
        "storage": state.search.place,
        "directory": str(state.search.directory) if state.search.directory else None,
        "directions": list(state.directions),
        "metrics": state.metrics(),
        "n_trials": state.n_trials,
        "n_over": state.n_over,
        "counts": {str(outcome): number for outcome, number in state.counts().items()},
        "best": [_found_by(state, trial) for trial in state.best()],
        "workers": [_worker(state, trial) for trial in state.running],
        "sweeps": [
            {"host": of.owner.get("host"), "pid": of.owner.get("pid"), "n_jobs": of.n_jobs, "started": _at(of.started)}
            for of in state.sweeps
            if of.is_running()
        ],
        "time_left": {
            "timeout_seconds": _rounded(state.seconds_of_timeout()),
            "estimated_seconds": _rounded(state.estimated_seconds()),
        },
        "last_error": _last_error(state),
        "wishes": [{"wish": wish.verb, "by": wish.by, "time": _at(wish.at)} for wish in state.wishes],
        "time": now.isoformat(timespec="seconds"),
    }


def _found_by(state: "State", trial: "FrozenTrial") -> dict[str, object]:
    from hydra_plugins.hydra_search.trials import directory_of

    directory = state.search.directory
    place = str(directory_of(trial, directory)) if directory else None
    return {"trial": trial.number, "values": trial.values, "params": state.params(trial), "directory": place}


def _worker(state: "State", trial: "FrozenTrial") -> dict[str, object]:
    from hydra_plugins.hydra_search.owner import owner_of
    from hydra_plugins.hydra_search.trials import time_of_beat

    from ._state import is_alive, seconds_between

    owner, beat = owner_of(trial), time_of_beat(trial.user_attrs)
    return {
        "host": owner.host if owner else None,
        "pid": owner.pid if owner else None,
        "alive": is_alive(trial),
        "trial": trial.number,
        "params": state.params(trial),
        "started": trial.datetime_start.isoformat(timespec="seconds") if trial.datetime_start else None,
        "seconds": _rounded(seconds_between(trial.datetime_start)),
        "last_sign": _at(beat),
        "seconds_since_sign": _rounded(None if beat is None else max(0.0, time.time() - beat)),
    }


def _last_error(state: "State") -> dict[str, object] | None:
    from hydra_plugins.hydra_search.trials import INTERRUPTED, Outcome, outcome_of, reason_of

    failed = [
        (trial.datetime_complete or datetime.min, trial.number, trial)
        for trial in state.trials
        if trial.state.name == "FAIL" and reason_of(trial) != INTERRUPTED
    ]
    if not failed:
        return None
    _, number, trial = max(failed, key=lambda one: one[:2])
    facts = state.search.facts
    reason = Secrets(facts.redact if facts else ()).text(reason_of(trial))
    is_lost = outcome_of(trial, state.max_retries) is Outcome.LOST
    return {
        "trial": number,
        "outcome": str(Outcome.LOST if is_lost else Outcome.FAILED),
        "reason": reason,
        "time": trial.datetime_complete.isoformat(timespec="seconds") if trial.datetime_complete else None,
    }


def _at(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds).isoformat(timespec="seconds")


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def lines_of(of: Content) -> Iterator[str]:
    """Yield what `content_of` has returned, for a person."""
    wanted = "" if of["n_trials"] is None else f" of {of['n_trials']}"
    yield f"{of['study_name']}: {of['state']}{_behind(of['reason'])}"
    yield _line("where", of["directory"] or "", of["storage"])
    counts = [f"{n} {outcome}" for outcome, n in of["counts"].items() if n]
    yield _line("trials", f"{of['n_over']}{wanted} are over{_behind(', '.join(counts))}")
    for best in of["best"]:
        values = [f"{m} {v:.6g}" for m, v in zip(of["metrics"], best["values"], strict=False)]
        yield _line("best", f"trial {best['trial']}: {', '.join(values)}:", overrides_text(best["params"]))
    for worker in of["workers"]:
        yield _line("worker", *_worker_words(worker))
    left = of["time_left"]
    if left["timeout_seconds"] is not None:
        yield _line("time left", f"{duration(left['timeout_seconds'])} until the timeout")
    if left["estimated_seconds"] is not None:
        yield _line("time left", f"about {duration(left['estimated_seconds'])}, estimated by the mean of the trials")
    if error := of["last_error"]:
        yield _line("last error", "trial {trial} ({outcome}): {reason}".format(**error))
    for wish in of["wishes"]:
        yield _line("asked for", "{wish} by {by} at {time}".format(**wish))


def _worker_words(worker: Content) -> Iterator[str]:
    who = f"{worker['host']}:{worker['pid']}" if worker["pid"] else "another program"
    gone = " (gone)" if worker["alive"] is False else ""
    yield f"{who}{gone} runs trial {worker['trial']} for {duration(worker['seconds'])}"
    if worker["last_sign"]:
        yield f"(last sign of life {duration(worker['seconds_since_sign'])} ago)"
    yield overrides_text(worker["params"])


def _behind(text: object) -> str:
    return f" ({text})" if text else ""


def _line(name: str, *words: object) -> str:
    return f"  {name:<10}  {' '.join(str(word) for word in words if word)}"
