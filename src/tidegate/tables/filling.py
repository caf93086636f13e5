"""What takes the place of missing values: nothing (refused or masked), what was known before, a line, the season."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from tidegate.errors import DataError, SettingError
from tidegate.notes import Note
from tidegate.tables.messages import counted, name_list, series_words, short_list, stamp_text
from tidegate.tables.panel import Panel
from tidegate.tables.settings import MISSING

REMEDIES = "fill them in the table, or set missing to 'forward', 'linear', 'seasonal' or 'mask'"


Coded = Mapping[str, Collection[int]]


def fill(panel: Panel, method: str, season_length: int, coded: Coded = MappingProxyType({})) -> Panel:
    """Treat the missing values (NaN) of targets, past and future covariates, each series for itself.

    `forward` repeats the last known value; `linear` draws a straight line, by rows, from the last known to the next
    known value; `seasonal` takes the value one season earlier, else one season later, else the straight line. Before
    the first known value all of them take the first, after the last known value `linear` holds the last. So only
    `forward`, behind the first known value, is blind to later rows: whoever must not see them, as at the origin of a
    test, fills the rows up to there by themselves.

    Args:
        panel: not changed; arrays without missing values are shared with the result.
        method: one of `MISSING`; `mask` leaves every NaN where it is.
        season_length: rows per season, for `seasonal`.
        coded: by role the columns that hold codes, between which there is no line: the last known is repeated.

    Returns:
        The filled panel; the same object when nothing was to be filled.

    Raises:
        DataError: with `refuse`, when anything is missing; else for a series without any known value in a column.
    """
    if method not in MISSING:
        raise SettingError(f"missing must be one of {name_list(MISSING)}, not {method!r}")
    if method == "mask":
        return panel
    filled = {}
    for role in ("targets", "past", "future"):
        values = getattr(panel, role)
        unknown = np.isnan(values)
        if not unknown.any():
            continue
        if method == "refuse":
            raise _refused(panel, role, unknown)
        values = values.copy()
        for column in np.flatnonzero(unknown.any(axis=0)):
            line = column not in coded.get(role, ())
            _fill_column(values[:, column], unknown[:, column], panel, method, season_length, role, line=line)
        filled[role] = values
    return replace(panel, **filled) if filled else panel


def leave_out_empty(panel: Panel, targets: tuple[str, ...]) -> Panel:
    """The panel without the series in which a target has no value at all: nothing could be forecast from.

    Raises:
        DataError: no series would be left.
    """
    unknown = np.isnan(panel.targets)
    if not unknown.any():
        return panel
    empty = np.asarray(np.logical_and.reduceat(unknown, panel.starts[:-1], axis=0)).any(axis=1)
    if empty.all():
        names = series_words(name_list((panel.ids[i] for i in np.flatnonzero(empty)), 3))
        raise DataError(
            f"no value of {name_list(map(repr, targets))} is known in {names}; give values, or remove the series"
        )
    if not empty.any():
        return panel
    note = Note("tables.series_empty", {"count": int(empty.sum()), "names": short_list(panel.ids[empty].tolist(), 3)})
    return replace(panel.select(np.logical_not(empty)), notes=(*panel.notes, note))


def neighbours(unknown: np.ndarray, panel: Panel) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The missing rows (M,) of a column (R,), their series, and the known rows next before and after; -1 for none."""
    rows, known = np.flatnonzero(unknown), np.flatnonzero(~unknown)
    series = np.searchsorted(panel.starts, rows, side="right") - 1
    padded = np.concatenate([[-1], known, [-1]])
    where = np.searchsorted(known, rows)
    before, after = padded[where], padded[where + 1]
    before = np.where(before >= panel.starts[series], before, -1)
    return rows, series, before, np.where(after < panel.starts[series + 1], after, -1)


def season_known(unknown: np.ndarray, panel: Panel, rows: np.ndarray, series: np.ndarray, distance: int) -> np.ndarray:
    """Which of these rows (M,) have a known value of their own series so many rows later."""
    other = rows + distance
    inside = (other >= panel.starts[series]) & (other < panel.starts[series + 1])
    inside[inside] = ~unknown[other[inside]]
    return inside


def _fill_column(
    values: np.ndarray, unknown: np.ndarray, panel: Panel, method: str, season_length: int, role: str, *, line: bool
) -> None:
    """Fill one column in place; the work grows with the number of missing values."""
    rows, series, before, after = neighbours(unknown, panel)
    has_before, has_after = before >= 0, after >= 0
    if not (has_before | has_after).all():
        empty = np.unique(series[~(has_before | has_after)])
        names = name_list((panel.ids[i] for i in empty), 3)
        remedy = "or that column, or set missing to 'mask'" if role != "targets" else "or give earlier values"
        raise DataError(
            f"no value is known in one of the {role} columns of {len(empty)} series ({names}), so nothing can be "
            f"filled from; leave out those series {remedy}"
        )
    before, after = np.where(has_before, before, after), np.where(has_after, after, before)
    if method == "forward":
        values[rows] = values[before]
        return
    share = (rows - before) / np.maximum(after - before, 1)
    filled = values[before] + (values[after] - values[before]) * np.where(has_before & has_after & line, share, 0.0)
    if method == "seasonal":
        for distance in (season_length, -season_length):
            inside = season_known(unknown, panel, rows, series, distance)
            filled[inside] = values[rows[inside] + distance]
    values[rows] = filled


def _refused(panel: Panel, role: str, unknown: np.ndarray) -> DataError:
    rows = np.flatnonzero(unknown.any(axis=1))
    series = int(np.searchsorted(panel.starts, rows[0], side="right")) - 1
    first = series_words(panel.ids[series])
    return DataError(
        f"values are missing among the {role} in {counted(len(rows), 'row')}, first in {first} at "
        f"{stamp_text(panel.times[rows[0]])}; {REMEDIES}"
    )
