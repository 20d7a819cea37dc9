"""Metrics, parameters and tags on their way to a run: all that the store takes, in as few requests as it allows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import one_line

from ._payload import MAX_PARAM_LENGTH, clean_tags, clean_text, shorten
from ._reach import RunGone, is_gone, is_refused

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

# Stores and their requests count steps and times in 64 bits.
INT64 = range(-(2**63), 2**63)


def log_values(
    client: "MlflowClient",
    run_id: str,
    metrics: Sequence[tuple[str, float, int, int]] = (),
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> list[str]:
    """Log all that goes; return what does not, each with the reason: a parameter that the job has set otherwise.

    Raises:
        RunGone: somebody has deleted the run.
        Exception: what the store raises that does not answer.
    """
    from mlflow.entities import Metric, Param, RunTag

    values: list[Metric | Param | RunTag] = [Metric(*metric) for metric in metrics if metric[3] in INT64]
    values += [Param(key, clean_text(value, MAX_PARAM_LENGTH)) for key, value in (params or {}).items()]
    values += [RunTag(*tag) for tag in clean_tags(tags or {}).items()]
    left_out = [f"{key} (step {step} is no number of 64 bits)" for key, _, _, step in metrics if step not in INT64]
    try:
        _log(client, run_id, values)
    except Exception as error:
        if not is_refused(error):
            raise
        if is_gone(client, run_id):
            raise RunGone(run_id) from error
        left_out += _log_what_goes(client, run_id, values, error)
    return left_out


def _log(client: "MlflowClient", run_id: str, values: "Sequence[Metric | Param | RunTag]") -> None:
    from mlflow.entities import Metric, Param, RunTag

    client.log_batch(
        run_id,
        [value for value in values if isinstance(value, Metric)],
        [value for value in values if isinstance(value, Param)],
        [value for value in values if isinstance(value, RunTag)],
    )


def _log_what_goes(
    client: "MlflowClient", run_id: str, values: "Sequence[Metric | Param | RunTag]", refusal: Exception
) -> list[str]:
    """Log what was refused as a whole, in halves and their halves; return what is refused by itself."""
    if len(values) == 1:
        return [f"{values[0].key} ({shorten(one_line(refusal), 200)})"]
    left_out: list[str] = []
    for half in (values[: len(values) // 2], values[len(values) // 2 :]):
        try:
            _log(client, run_id, half)
        except Exception as error:
            if not is_refused(error):
                raise
            left_out += _log_what_goes(client, run_id, half, error)
    return left_out
