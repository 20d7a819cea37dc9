"""A word at the end of a search, however it ends: its status and its best trial, posted to `notify_url` as JSON."""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPMessage, HTTPResponse
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from hydra_plugins.hydra_search.errors import DatabaseGone, one_line
from hydra_plugins.hydra_search.secret_sources import secrets_of
from hydra_plugins.hydra_search.trials import Outcome, best_trials, outcome_of

from ..space._parameter import stored_text
from ._notify_url import host_of
from ._progress import brief, values_text
from ._results import space_rows
from ._stop import stop_reason
from ._tally import Tally

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from optuna.trial import FrozenTrial

    from hydra_plugins.hydra_search.secrets import Secrets

    from ._queue import TrialQueue
    from ._spec import Search

log = logging.getLogger(__name__)

BY_WISH = {"stop": "stopped", "cancel": "cancelled"}  # how a search ends that somebody wanted to end
ATTEMPTS, SECONDS, SECONDS_OF_ALL = 2, 4.0, 10.0
COUNTED = (Outcome.FINISHED, Outcome.PRUNED, Outcome.FAILED, Outcome.REPEATED, Outcome.RUNNING, Outcome.WAITING)


@contextmanager
def word_at_the_end(url: str | None, queue: "TrialQueue", config: "DictConfig") -> Iterator[None]:
    """Post how the search that runs in this block has ended; what ends it goes on. What can't be delivered is told.

    Args:
        url: where to; None posts nothing.
        queue: of the search that runs.
        config: of the sweep, by which secrets are known.
    """
    started, error = time.monotonic(), None
    try:
        yield
    except BaseException as left:
        error = left
        raise
    finally:
        if url is not None:
            _try_to_say(url, lambda: word_of(queue, config, error, time.monotonic() - started))


def _try_to_say(url: str, make: Callable[[], dict[str, object]]) -> None:
    try:
        _post(url, json.dumps(make(), default=str).encode())
    except Exception as failure:  # a word about a search is not worth the search
        log.warning(f"The end of the search could not be told to {host_of(url)}: {_reason_of(failure)}")


def word_of(
    queue: "TrialQueue", config: "DictConfig", error: BaseException | None, seconds: float
) -> dict[str, object]:
    """Return what is posted, without secrets.

    Args:
        queue: of the search that has ended.
        config: of the sweep.
        error: by which it was left, if it was.
        seconds: that it took.
    """
    search, secrets = queue.search, secrets_of(config)
    of_study = [] if isinstance(error, DatabaseGone) else queue.trials()
    status, reason = _end_of(error, search, of_study)
    counts = Counter(outcome_of(trial, search.max_retries) for trial in of_study)
    ranked = best_trials(of_study, search.directions)
    best = [_trial_of(search, trial, secrets) for trial in (ranked if len(search.directions) > 1 else ranked[:1])]
    content: dict[str, object] = {
        "status": status,
        "reason": secrets.text(reason),
        "study_name": search.study_name,
        "metric": search.metrics[0] if len(search.metrics) == 1 else list(search.metrics),
        "best": best if len(search.directions) > 1 else best[0] if best else None,
        "counts": {str(outcome): counts[outcome] for outcome in COUNTED},
        "seconds": round(seconds, 1),
        "directory": search.sweep_dir,
    }
    return {"text": secrets.text(_text_of(content, search, best)), **content}


def _end_of(error: BaseException | None, search: "Search", trials: "Sequence[FrozenTrial]") -> tuple[str, str]:
    """Return how the search has ended, in a word, and why."""
    reason = stop_reason(Tally(search, trials)) or ""
    if reason in BY_WISH:
        return BY_WISH[reason], reason
    if error is None:
        return "finished", reason
    code = error.code if isinstance(error, SystemExit) else None
    if isinstance(error, KeyboardInterrupt) or (isinstance(code, int) and code > 128):
        return "interrupted", "by a signal"
    if isinstance(error, SystemExit):
        return "failed", one_line(code if isinstance(code, str) else "see the log")
    return "failed", f"{type(error).__name__}: {one_line(error)}"


def _trial_of(search: "Search", trial: "FrozenTrial", secrets: "Secrets") -> dict[str, object]:
    keys = {row.name: row.key for row in space_rows(search)}
    params = {keys.get(name, name).lstrip("+"): value for name, value in trial.params.items()}
    values = {"value": trial.values[0]} if len(trial.values) == 1 else {"values": list(trial.values)}
    return {**values, "trial": trial.number, "params": {key: secrets.tree(item, key) for key, item in params.items()}}


def _text_of(content: dict[str, object], search: "Search", best: Sequence[dict[str, object]]) -> str:
    reason = f" ({content['reason']})" if content["reason"] else ""
    found = "no trial has finished"
    if best:
        first = best[0]
        values = values_text(search.metrics, first.get("values") or [first["value"]])  # type: ignore[arg-type]
        params = " ".join(brief(f"{key}={stored_text(item)}") for key, item in first["params"].items())  # type: ignore[attr-defined]
        found = f"best {values} in trial {first['trial']} ({params})"
        found += f", one of {len(best)} on the front" if len(best) > 1 else ""
    counted = ", ".join(f"{count} {name}" for name, count in content["counts"].items() if count)  # type: ignore[attr-defined]
    head = f"Search {search.study_name} {content['status']}{reason}: {found}"
    return "; ".join(filter(None, (head, counted, f"{content['seconds']:.0f} s", search.sweep_dir)))


class _Nowhere(HTTPRedirectHandler):
    """Follows no redirect: a webhook has its address, and what is posted is for nobody else."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Leave it; it is an error then."""


def _post(url: str, body: bytes) -> None:
    """Post JSON, again once if nobody answers, and wait for seconds only, whatever the other side does.

    Raises:
        Exception: it was not taken.
    """
    failures: list[Exception] = []
    thread = threading.Thread(target=_post_again, args=(url, body, failures), name="notify", daemon=True)
    thread.start()
    thread.join(SECONDS_OF_ALL)
    if thread.is_alive():
        raise TimeoutError
    if failures:
        raise failures[-1]


def _post_again(url: str, body: bytes, failures: list[Exception]) -> None:
    headers = {"Content-Type": "application/json"}
    for _ in range(ATTEMPTS):
        try:
            request = Request(url, body, headers, method="POST")  # noqa: S310  # http or https, see check_notify_url
            answer: HTTPResponse = build_opener(_Nowhere).open(request, timeout=SECONDS)
            answer.close()
        except Exception as failure:  # whatever the network raises
            failures.append(failure)
            if isinstance(failure, HTTPError) and failure.code < 500:
                return
        else:
            failures.clear()
            return


def _reason_of(failure: Exception) -> str:
    """Say what went wrong, without the address."""
    if isinstance(failure, HTTPError):
        return f"it answered {failure.code}"
    reason = failure.reason if isinstance(failure, URLError) else failure
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    return (reason.strerror if isinstance(reason, OSError) else None) or type(reason).__name__
