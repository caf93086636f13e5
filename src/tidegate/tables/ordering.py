"""Which rows belong to which series, in ascending time and each time once: grouping, sorting, duplicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.notes import Note
from tidegate.tables.messages import ONLY_SERIES, counted, row_list, stamp_text
from tidegate.tables.roles import Roles
from tidegate.tables.steps import as_numbers
from tidegate.tables.unnamed_series import SAY, naming_series


@dataclass(frozen=True)
class Order:
    """Rows grouped by series and sorted by time.

    Attributes:
        ids: (N,) object, in order of first appearance.
        starts: (N + 1,) int64.
        times: (R,) ascending within each series.
        rows: (R,) the table's row of each row here; None when they are the same.
        id_dtype: numpy dtype of the identifiers, or "category".
        notes: what was put in order.
    """

    ids: np.ndarray
    starts: np.ndarray
    times: np.ndarray
    rows: np.ndarray | None
    id_dtype: str
    notes: tuple[Note, ...] = ()

    def source(self, rows: np.ndarray) -> np.ndarray:
        """The table's rows of these rows."""
        return rows if self.rows is None else self.rows[rows]

    def series_of(self, row: int) -> int:
        """The number of the series that a row belongs to."""
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def of_series(self, row: int) -> str:
        """` of series a` for a message about a row; nothing where there is only one series."""
        return f" of series {self.ids[self.series_of(row)]}" if len(self.ids) > 1 else ""


def order_rows(ids: pd.Series | None, times: np.ndarray, frame: pd.DataFrame, roles: Roles) -> Order:
    """Group rows by identifier (one series when that is None) and sort each group by time, keeping ties in order.

    Raises:
        DataError: naming rows without an identifier and rows that share series and time.
    """
    names, starts, rows, id_dtype = _group(ids, len(times))
    grouped = times if rows is None else times[rows]
    distance = np.diff(as_numbers(grouped))
    inner = starts[1:-1] - 1
    distance[inner] = 1
    notes: tuple[Note, ...] = ()
    if len(distance) and distance.min() < 0:
        back = np.flatnonzero(distance < 0) + 1
        origin = np.sort(back if rows is None else rows[back])
        notes = (Note("tables.sorted", {"count": len(back), "row": int(origin[0]) + 1}),)
        codes = np.repeat(np.arange(len(names)), np.diff(starts))
        sorting = np.lexsort((grouped, codes)) if len(names) > 1 else np.argsort(grouped, kind="stable")
        rows = sorting if rows is None else rows[sorting]
        grouped = times[rows]
        distance = np.diff(as_numbers(grouped))
        distance[inner] = 1
    order = Order(names, starts, grouped, rows, id_dtype, notes)
    if len(distance) and distance.min() == 0:
        raise _duplicates(order, np.flatnonzero(distance == 0), frame, roles)
    return order


def _group(ids: pd.Series | None, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, str]:
    """Identifiers, starts, the order of rows that brings series together, and the identifiers' dtype."""
    if ids is None:
        return np.array([ONLY_SERIES], dtype=object), np.array([0, count], dtype=np.int64), None, "object"
    labels = _labels(ids)
    changes = _changes(labels, ids)
    firsts = np.concatenate([[0], changes])
    if isinstance(ids.dtype, np.dtype) and ids.dtype.kind not in "iub" and pd.isna(labels[firsts]).any():
        raise _nameless(ids)
    kept = isinstance(ids.dtype, pd.CategoricalDtype) or (isinstance(ids.dtype, np.dtype) and ids.dtype.kind in "iu")
    dtype = str(ids.dtype) if kept else "object"
    if len(changes) == 0:
        return _objects(ids, firsts), np.array([0, count], dtype=np.int64), None, dtype
    codes, distinct = pd.factorize(labels[firsts])
    if len(distinct) == len(firsts):
        return _objects(ids, firsts), np.append(firsts, count).astype(np.int64), None, dtype
    lengths = np.diff(np.append(firsts, count))
    every = np.repeat(codes, lengths)
    rows = np.argsort(every, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(every))]).astype(np.int64)
    return _objects(ids, rows[starts[:-1]]), starts, rows, dtype


def _objects(ids: pd.Series, rows: np.ndarray) -> np.ndarray:
    if len(rows) == 1:
        value = ids.iloc[int(rows[0])]
        result = np.empty(1, dtype=object)
        result[0] = value.item() if isinstance(value, np.generic) else value
        return result
    return ids.iloc[rows].astype(object).to_numpy()


def _labels(ids: pd.Series) -> np.ndarray:
    """What tells series apart: codes of categories, else the identifiers themselves."""
    if isinstance(ids.dtype, np.dtype):
        return ids.to_numpy()
    if ids.hasnans:
        raise _nameless(ids)
    return ids.cat.codes.to_numpy() if isinstance(ids.dtype, pd.CategoricalDtype) else ids.to_numpy()


def _changes(labels: np.ndarray, ids: pd.Series) -> np.ndarray:
    """The rows at which another series begins."""
    try:
        return np.flatnonzero(labels[1:] != labels[:-1]) + 1
    except TypeError:
        # pandas' NA compares to nothing, not even itself.
        raise _nameless(ids) from None


def _nameless(ids: pd.Series) -> DataError:
    rows = np.flatnonzero(ids.isna().to_numpy())
    return DataError(f"column {ids.name!r} names no series in {row_list(rows)}; name the series or remove those rows")


def _duplicates(order: Order, rows: np.ndarray, frame: pd.DataFrame, roles: Roles) -> DataError:
    source = order.source(np.stack([rows, rows + 1], axis=1).ravel()).reshape(-1, 2)
    first = int(np.argmin(source.max(axis=1)))
    row = int(rows[first])
    where = " and ".join(str(int(number) + 1) for number in np.sort(source[first]))
    count = f" (and {counted(len(rows) - 1, 'more such pair')})" if len(rows) > 1 else ""
    remedy = "keep one row per time or aggregate them, for instance by their mean"
    if roles.id is None and roles.time is not None:
        used = {roles.time, *roles.targets, *roles.past, *roles.future}
        name = naming_series(frame, [name for name in frame.columns if name not in used], roles.time)
        if name is not None:
            fitted = "give the rows of one, for the model was fitted on one"
            remedy += f"; if column {name!r} names several series, {fitted if roles.fitted else SAY}"
    return DataError(
        f"rows {where}{order.of_series(row)} have the same time {stamp_text(order.times[row])}{count}; {remedy}"
    )
