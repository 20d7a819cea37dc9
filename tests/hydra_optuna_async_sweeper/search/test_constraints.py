import json
import re
from pathlib import Path

import pytest

from hydra_plugins.hydra_optuna_async_sweeper.search._constraints import excesses, read_constraints
from hydra_plugins.hydra_search.errors import BadInput, InvalidObjective


@pytest.mark.parametrize(
    ("written", "number", "excess"),
    [("<= 2", 2.5, 0.5), ("<=2", 2, 0.0), (">= -0.5", -1, 0.5), (">= 1e-3", 1, -0.999), (" <= +2. ", 1, -1.0)],
)
def test_excess_is_above_zero_where_the_bound_is_broken(
    tmp_path: Path, written: str, number: float, excess: float
) -> None:
    assert excesses(read_constraints({"cost": written}), tmp_path, {"cost": number}) == {"cost": pytest.approx(excess)}


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ({"cost": "< 2"}, "hydra.sweeper.constraints.cost", "< 2"),
        ({"cost": 2}, "hydra.sweeper.constraints.cost", "2"),
        ({"cost": "<= 1.2.3"}, "hydra.sweeper.constraints.cost", "<= 1.2.3"),
        ({"cost": None}, "hydra.sweeper.constraints.cost", "null"),
        (["cost <= 2"], "hydra.sweeper.constraints", "cost <= 2"),
    ],
)
def test_what_is_no_bound_is_refused_with_an_example(setting: object, key: str, value: str) -> None:
    with pytest.raises(BadInput, match=f"^{re.escape(key)}: must .*{re.escape(value)}.*fit_seconds"):
        read_constraints(setting)


def test_file_of_the_job_counts_before_an_attribute_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"cost": 3}))
    assert excesses(read_constraints({"cost": "<= 2"}), tmp_path, {"cost": 1}) == {"cost": 1.0}


@pytest.mark.parametrize("content", ['{"other": 1}', '{"cost": "3"}', '{"cost": true}', '{"cost": NaN}', "[", "[1]"])
def test_job_without_the_number_says_what_it_has_left(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(InvalidObjective, match=r"must leave a number cost, in metrics\.json or by set_user_attr.*seen"):
        excesses(read_constraints({"cost": "<= 2"}), tmp_path, {"seen": 4})
