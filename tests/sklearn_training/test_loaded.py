"""The dataset, loaded once in a process, and nobody's own after that."""

import os
from pathlib import Path

import pandas as pd
import pytest

import train
from hydra_plugins.sklearn_training import loaded
from hydra_plugins.sklearn_training.data import Data

from .conftest import job

CSV = "dataset=csv dataset.path=people.csv dataset.target=ill"


@pytest.fixture
def reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the files that were read so far."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loaded, "_kept", ("", b""))
    read, names = pd.read_csv, []

    def read_csv(path: Path) -> pd.DataFrame:
        names.append(path.name)
        return read(path)

    monkeypatch.setattr(pd, "read_csv", read_csv)
    write(21.5)
    return names


def write(first: float) -> None:
    rows = [f"{first if i == 0 else i},{['yes', 'no'][i % 2]},{'Rome' if i % 3 else 'Oslo'}" for i in range(40)]
    Path("people.csv").write_text("\n".join(["age,ill,city", *rows]))


def prepared(arguments: str = CSV) -> Data:
    return train.prepare(job(f"{arguments} preprocessor=standard")).everything


def test_check_and_jobs_of_one_process_read_the_file_once(reads: list[str]) -> None:
    train.check(job(f"{CSV} preprocessor=standard"))
    first, second = prepared(), prepared(f"{CSV} seed=7 model=svm")
    assert reads == ["people.csv"]
    pd.testing.assert_frame_equal(first.features, second.features)
    pd.testing.assert_series_equal(first.target, second.target)


def test_what_a_job_changes_in_place_the_next_one_does_not_see(reads: list[str]) -> None:
    for _ in range(3):
        data = prepared()
        assert (data.features["age"].iloc[0], data.features["city"].iloc[0], data.target.iloc[0]) == (
            21.5,
            "Oslo",
            "yes",
        )
        data.features.loc[:, "age"] = 0.0
        data.features["city"].to_numpy()[:] = "Bonn"
        data.target.iloc[:] = "no"
    assert len(reads) == 1


def test_file_that_has_changed_and_another_selection_of_columns_are_read_anew(reads: list[str]) -> None:
    prepared()
    write(99.5)
    os.utime("people.csv", ns=(1, 1))  # whatever the resolution of the clock
    assert prepared().features["age"].iloc[0] == 99.5
    assert list(prepared(f"{CSV} dataset.drop=[age]").features.columns) == ["city"]
    assert len(reads) == 3


def test_large_dataset_and_a_loader_of_ones_own_are_loaded_each_time(
    reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded, "MOST_BYTES", 100)
    prepared(), prepared()
    monkeypatch.setattr(loaded, "MOST_BYTES", 10**6)
    monkeypatch.setattr(loaded, "LOADERS", ("sklearn.datasets.load_",))
    prepared(), prepared()
    assert len(reads) == 4
