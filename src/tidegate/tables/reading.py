"""How does any table become a pandas frame: files, frames of pandas and polars, arrays."""

from __future__ import annotations

from collections.abc import Hashable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tidegate.errors import DataError, MissingExtraError
from tidegate.tables.csv_reading import COMPRESSIONS, read_csv
from tidegate.tables.excel import read_excel
from tidegate.tables.marks import marks_of
from tidegate.tables.messages import name_list
from tidegate.tables.settings import TableSettings

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".dat")


def read_table(source: Any, settings: TableSettings | None = None) -> pd.DataFrame:
    """Read a table; a pandas frame comes back as it is, never changed.

    Args:
        source: path to a csv, tsv, txt, parquet or xlsx file (text also compressed as .gz, .xz, .bz2 or .zip), a
            pandas or polars frame or series, a mapping of columns, or an array: (time,) becomes column `y`,
            (time, columns) becomes `y` or `y0`, `y1`, ….
        settings: how files are written; found out by default.

    Returns:
        A frame whose column names are distinct text without surrounding blanks; an index that carries time stamps
        or a name has become a column.

    Raises:
        DataError: in one sentence, when there is no table to be read.
        MissingExtraError: for Excel files where openpyxl is not installed.
    """
    if isinstance(source, pd.DataFrame):
        return _tidy(source)
    _refuse_libraries_of_series(source)
    if isinstance(source, str | Path):
        return _tidy(_read_file(Path(source).expanduser(), settings or TableSettings()))
    if isinstance(source, pd.Series):
        return _tidy(source.to_frame("y" if source.name is None else source.name))
    if hasattr(source, "collect") and hasattr(source, "collect_schema"):
        source = source.collect()
    if hasattr(source, "to_pandas"):
        frame = source.to_pandas()
        return read_table(frame if isinstance(frame, pd.DataFrame) else frame.rename(frame.name or "y"))
    if isinstance(source, dict):
        try:
            return _tidy(pd.DataFrame(source))
        except ValueError as error:
            raise DataError(f"the mapping of columns is no table ({error}); give columns of one length") from None
    return _from_array(source)


def frame_kind(source: Any) -> str:
    """What a table came as: "file", "polars", "pandas" or "numpy"."""
    if isinstance(source, str | Path):
        return "file"
    if type(source).__module__.split(".")[0] == "polars":
        return "polars"
    return "pandas" if isinstance(source, pd.DataFrame | pd.Series | dict) or hasattr(source, "to_pandas") else "numpy"


def as_kind(frame: pd.DataFrame, kind: str) -> Any:
    """A frame of ours as what `frame_kind` calls a table's kind: a polars frame for "polars", else as it is.

    Raises:
        MissingExtraError: polars is not installed.
    """
    if kind != "polars":
        return frame
    try:
        polars = import_module("polars")
    except ImportError:
        raise MissingExtraError("polars", "polars") from None
    return polars.from_pandas(frame)


def _refuse_libraries_of_series(source: Any) -> None:
    """Refuse what GluonTS and Darts keep series in, with the way to a frame."""
    one = source[0] if isinstance(source, list | tuple) and len(source) else source
    if type(one).__module__.split(".")[0] == "darts":
        raise DataError(
            "a Darts series is no table; give series.to_dataframe(), for several pandas.concat of these with a column "
            "unique_id"
        )
    if isinstance(one, dict) and one is not source:
        way = "pandas.DataFrame(data)"
        if "target" in one and "start" in one:
            way = (
                "pandas.concat(pandas.DataFrame({'unique_id': i, 'ds': pandas.period_range(str(each['start']), "
                "periods=len(each['target']), freq=FREQ), 'y': each['target']}) for i, each in enumerate(data))"
            )
        raise DataError(f"a list of dicts is no table; give {way}")


def _from_array(source: Any) -> pd.DataFrame:
    try:
        array = np.asarray(source)
    except (TypeError, ValueError, RuntimeError):
        array = np.empty(())
    if array.dtype.names:
        return _tidy(pd.DataFrame(array))
    if array.ndim not in (1, 2) or array.dtype.kind not in "iufbO":
        shape = f"an array of shape {array.shape} and type {array.dtype}" if array.ndim else type(source).__name__
        raise DataError(
            f"{shape} is no table; give a file, a pandas or polars frame, or an array of numbers (time,) or "
            "(time, columns)"
        )
    table = array[:, None] if array.ndim == 1 else array
    if 0 in table.shape:
        raise DataError(f"the array of shape {array.shape} is empty; give at least one row and one column")
    count = len(table[0])
    names = pd.Index(["y"] if count == 1 else [f"y{i}" for i in range(count)])
    return pd.DataFrame(table, columns=names, copy=False)


def _read_file(path: Path, settings: TableSettings) -> pd.DataFrame:
    if not path.exists():
        raise DataError(f"there is no file {path}; check the path")
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a table; give the path of one file in it")
    try:
        empty = path.stat().st_size == 0
        suffix = path.suffix.lower()
        if empty:
            raise DataError(f"{path} is empty; give a file with a line of column names and rows below it")
        if suffix in (".parquet", ".pq"):
            return _read_parquet(path)
        if suffix in (".xlsx", ".xlsm"):
            return read_excel(path, settings)
        if suffix == ".xls":
            raise DataError(f"{path} is an old Excel file; save it as .xlsx or .csv")
        if suffix in COMPRESSIONS or suffix in TEXT_SUFFIXES or not suffix:
            return read_csv(path, marks_of(settings), settings.skip_rows)
    except PermissionError:
        raise DataError(f"{path} may not be read; change its permissions") from None
    raise DataError(f"{path} has the unknown ending {suffix!r}; give a csv, tsv, txt, parquet or xlsx file")


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet") from None
    except Exception as error:
        # pyarrow's errors have no common base below Exception.
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is not a readable parquet file ({reason}); write it again") from None


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Distinct text names and a plain index, on a shallow copy if anything needs to change."""
    names = list(frame.columns)
    wanted = _flat_names(frame.columns) if isinstance(frame.columns, pd.MultiIndex) else [_name(n) for n in names]
    if len(set(wanted)) != len(wanted):
        twice = [name for i, name in enumerate(wanted) if name in wanted[:i]]
        raise DataError(f"the column name {name_list(map(repr, twice))} occurs more than once; give each its own name")
    if wanted != names:
        frame = frame.copy(deep=False)
        frame.columns = wanted
    if not len(frame):
        raise DataError(f"the table has no rows below its column names ({name_list(wanted)}); give at least one")
    return _index_as_columns(frame)


def _name(name: Hashable) -> str:
    return name.strip() if isinstance(name, str) else str(name)


def _flat_names(columns: pd.MultiIndex) -> list[str]:
    """Names of several levels as one: levels that say the same everywhere are left out."""
    telling = [level for level in range(columns.nlevels) if len(set(columns.get_level_values(level))) > 1] or [0]
    return ["_".join(str(name[level]).strip() for level in telling if str(name[level]).strip()) for name in columns]


def _index_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    index = frame.index
    if isinstance(index, pd.RangeIndex) and index.name is None:
        return frame
    levels = [index.get_level_values(i) for i in range(index.nlevels)]
    timely = [isinstance(level, pd.DatetimeIndex | pd.PeriodIndex) for level in levels]
    if not any(timely) and all(level.name is None for level in levels):
        return frame
    frame = frame.copy(deep=False)
    frame.index = pd.RangeIndex(len(frame))
    for i, (level, is_time) in enumerate(zip(levels, timely, strict=True)):
        name = _name(level.name) if level.name is not None else ("ds" if is_time else f"level_{i}")
        if name not in frame.columns:
            frame.insert(i, name, level.to_series(index=frame.index))
    return frame
