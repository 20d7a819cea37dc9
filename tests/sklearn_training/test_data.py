"""Data as people have it: dates, ids, gaps, text; a model that can't take them, and rows that are held out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from hydra_plugins.sklearn_training.data import Data, hold_out, say, tidy

from .conftest import Refusal

ROWS = 60


def odd_table() -> pd.DataFrame:
    days = pd.date_range("2024-01-30", periods=ROWS)
    return pd.DataFrame(
        {
            "id": [f"A-{i}" for i in range(ROWS)],
            "note": [f"called {i} times, wants {'nothing' * (i % 3)}" for i in range(ROWS)],
            "signup": [str(day.date()) if day.day != 1 else None for day in days],
            "city": ["Rome", "Oslo", None] * (ROWS // 3),
            "age": [20.0 + i if i % 7 else None for i in range(ROWS)],
            "patient": [i // 6 for i in range(ROWS)],
            "score": np.linspace(0, 1, ROWS),
            "ill": ["yes", "no"] * (ROWS // 2),
        }
    )


def test_dates_become_numbers_and_text_that_never_repeats_is_left_out_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    say.cache_clear()
    table = odd_table().assign(at=pd.date_range("2024-01-01 12:00", periods=ROWS, tz="Europe/Rome"), flag=True)
    for _ in range(2):
        found = tidy(table)
    assert list(found) == [name for name in table if name not in ("id", "note")]
    assert found["signup"].iloc[0] == 19752 and np.isnan(found["signup"].iloc[2])
    assert found["at"].iloc[0] == 19723 + 11 / 24
    assert found["city"].equals(table["city"]) and found["flag"].all()
    lines = [record.message for record in caplog.records]
    assert len(lines) == 4 and "'id' is left out" in caplog.text and "'signup' is dates" in caplog.text
    months = pd.DataFrame({"when": ["2024-13-01", "2024-14-01"] * 2})
    assert tidy(months).equals(months), "what only looks like dates stays text"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [("", "model: can't take the text of column 'city', got RandomForestClassifier. Set preprocessor=standard"),
     ("preprocessor=standard model=svm", ""),
     ("dataset.drop=[city]", ""),
     ("dataset.drop=[city] model=hist_gradient_boosting", ""),
     ("dataset.drop=[city] model=svm", "model: can't take the gaps of column 'signup', got SVC. Set preprocessor="),
     ("dataset.drop=[city,signup,age] model=svm", ""),
     ("preprocessor._target_=sklearn.preprocessing.StandardScaler",
      "preprocessor: can't take text or gaps (could not convert string to float: 'Rome'"),
     ("dataset.drop=[town]", "dataset.drop must be a column of 'odd.csv'; got 'town', the file has: id, note"),
     ("dataset.groups=city", "dataset.groups must be there in every row; 'city' is missing in 20"),
     ("preprocessor=standard splitter=group_kfold", "splitter: can't split (The 'groups' parameter should not be None.)"
      ", got sklearn.model_selection.GroupKFold. Set dataset.groups to the column"),
     ("preprocessor=standard splitter=group_kfold dataset.groups=patient", ""),
     ("preprocessor=standard splitter=time_series", ""),
     ("preprocessor=standard model=ridge metric=r2", "model: predicts numbers, but target 'ill' is text"),
     ("preprocessor=standard dataset.target=score", "model: predicts classes, but target 'score' holds 60 different"),
     ("preprocessor=standard dataset.target=score model=ridge metric=r2 splitter=stratified_kfold",
      "Set splitter=kfold."),
     ("preprocessor=standard dataset.target=score model=ridge metric=r2 splitter=kfold", ""),
     ("preprocessor=standard test=true", "test: needs rows that are held out, got true. Set test_size=0.2"),
     ("preprocessor=standard test_size=5", "test_size: must be a share of the rows, from 0 to below 1, got 5. Set"),
     ("preprocessor=standard test_size=null", ""),
     ("preprocessor=standard test_size=0.01", "test_size: can't hold rows out"),
     ("preprocessor=standard +model.x=1", "unexpected keyword argument 'x'")],
)  # fmt: skip
def test_what_does_not_fit_together_is_one_line_with_its_remedy(
    refusal: Refusal, tmp_path: Path, arguments: str, said: str
) -> None:
    odd_table().to_csv(tmp_path / "odd.csv", index=False)
    message = refusal(f"dataset=csv dataset.path=odd.csv dataset.target=ill {arguments}")
    assert said in message and (said or not message) and "\n" not in message


def test_held_out_rows_are_whole_groups_or_the_last_ones_or_a_share_of_each_class() -> None:
    features, target = load_iris(return_X_y=True, as_frame=True)
    data = Data(features, target)
    kept, held_out = hold_out(data, 0.2, in_order=False, by_class=True)
    assert held_out.target.value_counts().tolist() == [10, 10, 10]
    assert not set(kept.target.index) & set(held_out.target.index) and len(kept.target) == 120
    assert kept.target.index.is_monotonic_increasing
    _, last = hold_out(data, 0.2, in_order=True, by_class=True)
    assert list(last.target.index) == list(range(120, 150))
    groups = pd.Series(target.index // 10)
    kept, held_out = hold_out(data._replace(groups=groups), 0.2, in_order=False, by_class=True)
    assert kept.groups is not None and held_out.groups is not None
    assert not set(kept.groups) & set(held_out.groups) and len(held_out.target) == 30
    assert [len(part.target) for part in hold_out(data, 0, in_order=False, by_class=True)] == [150, 0]
