"""How does a wide table become a long one: each column of numbers is a series of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tidegate.errors import DataError
from tidegate.notes import Note
from tidegate.tables.columns import Columns
from tidegate.tables.filling import REMEDIES
from tidegate.tables.messages import counted, short_list, stamp_text
from tidegate.tables.panel import Panel


def wide_to_long(panel: Panel, columns: Columns, id_col: str, target: str, *, refuse: bool) -> tuple[Panel, Columns]:
    """Turn a panel of one series with many targets into many series with one target.

    Covariates are shared by all series. A series begins at its first and ends at its last known value.

    Args:
        panel: one series, targets (T, N).
        columns: its columns; the targets name the series.
        id_col: the column that names the series in forecasts.
        target: the target's name.
        refuse: whether missing values between two known ones are an error.

    Raises:
        DataError: naming the first missing value, if they are refused, or when no column has any value.
    """
    known = ~np.isnan(panel.targets)
    keep = np.flatnonzero(known.any(axis=0))
    if not len(keep):
        raise DataError("no column of the wide table holds a value; give one column of numbers per series")
    count = len(known)
    first = known[:, keep].argmax(axis=0)
    last = count - known[::-1, keep].argmax(axis=0)
    lengths = last - first
    if refuse:
        _refuse(panel, columns, known, keep, first, last)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.arange(starts[-1]) - np.repeat(starts[:-1] - first, lengths)
    values = panel.targets[rows, np.repeat(keep, lengths)][:, None]
    notes = [Note("tables.wide_series", {"count": len(keep)})]
    empty = [name for i, name in enumerate(columns.targets) if not known[:, i].any()]
    if empty:
        notes.append(Note("tables.wide_empty", {"columns": short_list(empty)}))
    partial = int((lengths < count).sum())
    if partial:
        notes.append(Note("tables.wide_partial", {"count": partial}))
    names = np.array(columns.targets, dtype=object)[keep]
    wide = Panel(
        names,
        starts,
        panel.times[rows],
        panel.freq,
        values,
        panel.past[rows],
        panel.future[rows],
        np.empty((len(keep), 0)),
        (*panel.notes, *notes),
        None if panel.ahead is None else np.where((last == count)[:, None, None], panel.ahead, np.nan),
    )
    return wide, replace(columns, id=id_col, targets=(target,))


def _refuse(
    panel: Panel, columns: Columns, known: np.ndarray, keep: np.ndarray, first: np.ndarray, last: np.ndarray
) -> None:
    position = np.arange(len(known))[:, None]
    holes = ~known[:, keep] & (position >= first) & (position < last)
    shared = np.isnan(panel.past).any(axis=1) | np.isnan(panel.future).any(axis=1)
    if holes.any():
        row, column = (int(indices[0]) for indices in np.nonzero(holes))
        raise DataError(
            f"missing between known values: {counted(int(holes.sum()), 'value')}, the first in column "
            f"{columns.targets[keep[column]]!r} at {stamp_text(panel.times[row])}; {REMEDIES}"
        )
    if shared.any():
        stamp = stamp_text(panel.times[int(shared.argmax())])
        raise DataError(
            f"the covariates lack values in {counted(int(shared.sum()), 'row')}, first at {stamp}; {REMEDIES}"
        )
