"""The table that is learned from: read, tidied, split into features, target and groups, held out in part."""

import hashlib
import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from hydra_plugins.hydra_search.errors import bad_input, one_line
from hydra_plugins.hydra_trial import trial_number

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

log = logging.getLogger(__name__)


class Data(NamedTuple):
    """Features (n_samples, n_features), target (n_samples,), and the group of each row where a splitter wants it."""

    features: "pd.DataFrame"
    target: "pd.Series[Any]"
    groups: "pd.Series[Any] | None" = None

    def rows(self, places: list[int]) -> "Data":
        """Return the rows at these places."""
        groups = None if self.groups is None else self.groups.iloc[places]
        return Data(self.features.iloc[places], self.target.iloc[places], groups)


def load_csv(path: str, target: str, groups: str | None = None, drop: Sequence[str] = ()) -> Data:
    """Read a CSV file with a header; split off its columns `target` and `groups`, leave out those in `drop`."""
    import pandas as pd

    try:
        return split_table(pd.read_csv(existing_file(path)), path, target, groups, drop)
    except pd.errors.EmptyDataError:
        raise ValueError(f"dataset.path must be a file with data; {path!r} is empty") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"dataset.path must be a CSV file; {path!r} can't be read as one: {error}") from None


def load_parquet(path: str, target: str, groups: str | None = None, drop: Sequence[str] = ()) -> Data:
    """Read a Parquet file, as `load_csv` does its own."""
    import pandas as pd
    import pyarrow as pa

    try:
        return split_table(pd.read_parquet(existing_file(path)), path, target, groups, drop)
    except pa.ArrowInvalid as error:
        raise ValueError(f"dataset.path must be a Parquet file; {path!r} can't be read as one: {error}") from None


def existing_file(path: str) -> Path:
    """Resolve `path` against the directory the command was started in, whatever the job's directory is."""
    resolved = Path(HydraConfig.get().runtime.cwd, path).expanduser()
    if not resolved.is_file():
        raise ValueError(f"dataset.path must name an existing file; got {path!r} (looked for {resolved})")
    return resolved


def split_table(table: "pd.DataFrame", path: str, target: str, groups: str | None, drop: Sequence[str]) -> Data:
    """Separate the features from the rest; every row needs a target, and a group where there are groups."""
    wanted = {"target": [target], "groups": [groups] if groups is not None else [], "drop": list(drop)}
    for key, name in ((key, name) for key, names in wanted.items() for name in names):
        if name not in table.columns:
            columns = ", ".join(map(str, table.columns))
            raise ValueError(f"dataset.{key} must be a column of {path!r}; got {name!r}, the file has: {columns}")
        if key != "drop" and (n_missing := int(table[name].isna().sum())):
            rule = f"must be there in every row; {name!r} is missing in {n_missing} of {path!r}"
            raise ValueError(f"dataset.{key} {rule}")
    features = tidy(table.drop(columns={name for names in wanted.values() for name in names}))
    if features.empty:
        raise ValueError(f"dataset.path must hold rows and at least one feature; {path!r} has shape {table.shape}")
    return Data(features, table[target], None if groups is None else table[groups])


def tidy(features: "pd.DataFrame") -> "pd.DataFrame":
    """Turn dates into numbers, and leave out text that is another one in each row: an id, or free text."""
    import pandas as pd

    features = features.copy()
    for name in list(features.columns):
        column = features[name]
        if pd.api.types.is_numeric_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
            continue
        present = column.dropna()
        if len(present) and present.astype(str).str.match(r"\d{4}-\d\d-\d\d(\D|$)").all():
            dates = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
            if dates.notna().sum() == len(present):
                features[name] = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
                say(f"Column {name!r} is dates: taken as days since 1970-01-01.")
        elif len(column) > 1 and present.astype(str).nunique() == len(column):
            features = features.drop(columns=name)
            say(f"Column {name!r} is left out: its text is another one in each row, as an id or free text is.")
    return features


@cache
def say(text: str) -> None:
    """Log what was done to the data: once in a process, and once in a search."""
    if trial_number() is None:
        log.info(text)


def hold_out(data: Data, size: float | None, *, in_order: bool, by_class: bool) -> tuple[Data, Data]:
    """Part the rows that a search never sees from the others; they don't depend on the seed, which may be searched.

    Args:
        data: all rows.
        size: their share.
        in_order: they are the last ones, as in a time series. Else they are drawn, whole groups where there are groups.
        by_class: each class has its share of them.
    """
    if not (size is None or (isinstance(size, (int, float)) and 0 <= size < 1)):
        raise bad_input("test_size", size, "must be a share of the rows, from 0 to below 1", "Set test_size=0.2.")
    if not size:
        return data, data.rows([])
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    places = range(len(data.target))
    try:
        if in_order:
            kept, held_out = train_test_split(places, test_size=size, shuffle=False)
        elif data.groups is not None:
            kept, held_out = next(
                GroupShuffleSplit(1, test_size=size, random_state=0).split(places, groups=data.groups)
            )
        else:
            classes = data.target if by_class else None
            kept, held_out = train_test_split(places, test_size=size, random_state=0, stratify=classes)
    except ValueError as error:  # too few rows, or a class of a single one
        raise bad_input("test_size", size, f"can't hold rows out ({one_line(error)})", "Set test_size=0.") from error
    return data.rows(sorted(kept)), data.rows(sorted(held_out))


def check_columns(pipeline: "Pipeline", data: Data) -> None:
    """Refuse, by ValueError, a model that can't take what the preprocessor leaves: text, or gaps."""
    import pandas as pd
    from sklearn.base import clone
    from sklearn.utils import get_tags

    features = data.features
    with_gaps = features.isna().any(axis="columns")
    is_number = [pd.api.types.is_numeric_dtype(dtype) for dtype in features.dtypes]
    if all(is_number) and not with_gaps.any():
        return
    places = sorted({*range(min(len(features), 1000)), *with_gaps.to_numpy().nonzero()[0][:100]})
    sample = data.rows(places)
    try:
        left = pd.DataFrame(clone(pipeline[:-1]).fit_transform(sample.features, sample.target))
    except (ValueError, TypeError) as error:
        rule = f"can't take text or gaps ({one_line(error)[:200]})"
        raise bad_input("preprocessor", type(pipeline[0]).__name__, rule, "Set preprocessor=standard.") from error
    model = pipeline[-1]
    takes = get_tags(model).input_tags
    takes_categories = takes.categorical or not type(model).__module__.startswith("sklearn.")
    for name, column in left.items():
        is_category = isinstance(column.dtype, pd.CategoricalDtype) and takes_categories
        is_text = not pd.api.types.is_numeric_dtype(column.infer_objects()) and not is_category
        if (is_text and not takes.string) or (column.isna().any() and not takes.allow_nan):
            rule = f"can't take the {'text' if is_text else 'gaps'} of column {name!r}"
            remedy = "Set preprocessor=standard: it fills gaps and encodes text."
            raise bad_input("model", type(model).__name__, rule, remedy)


def check_target(pipeline: "Pipeline", data: Data) -> None:
    """Refuse, by ValueError, a model of classes for a target of numbers, or the other way round."""
    import pandas as pd
    from sklearn.base import is_regressor

    name, n_values = data.target.name, data.target.nunique()
    kind = type(pipeline[-1]).__name__
    is_number = pd.api.types.is_numeric_dtype(data.target) and not pd.api.types.is_bool_dtype(data.target)
    if is_regressor(pipeline) and not is_number:
        rule = f"predicts numbers, but target {name!r} is text or true and false"
        raise bad_input("model", kind, rule, "Set model=random_forest, for example.")
    if not is_regressor(pipeline) and is_number and n_values > max(20, len(data.target) / 5):
        rule = f"predicts classes, but target {name!r} holds {n_values} different numbers"
        raise bad_input("model", kind, rule, "Set model=random_forest_regressor metric=r2, for example.")


def describe(cfg: DictConfig, data: Data, held_out: Data) -> dict[str, Any]:
    """Return what identifies the data: its name, source, size and target, and a digest of its first 10,000 rows."""
    import pandas as pd

    path = cfg.dataset.get("path")
    table = pd.concat([data.features, data.target], axis="columns")
    rows = pd.util.hash_pandas_object(table.head(10_000)).to_numpy().tobytes()
    return {
        "name": Path(path).stem if path else HydraConfig.get().runtime.choices["dataset"],
        "source": str(existing_file(path)) if path else cfg.dataset._target_,
        "n_rows": len(data.features),
        "n_features": data.features.shape[1],
        "target": str(data.target.name),
        "digest": hashlib.blake2b(repr(table.shape).encode() + rows, digest_size=8).hexdigest(),
    } | ({"n_held_out": len(held_out.target)} if len(held_out.target) else {})
