"""Rows at the end of a table whose target is empty and whose covariates are known: what is known ahead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tidegate.errors import DataError
from tidegate.notes import Note
from tidegate.tables.frequency import future_times
from tidegate.tables.messages import series_words, stamp_text
from tidegate.tables.panel import Panel
from tidegate.tables.steps import RowStep, parse_step


def split_ahead(panel: Panel) -> tuple[Panel, np.ndarray]:
    """The panel without the rows that hold what is known ahead, which are then in `Panel.ahead`.

    Such are all rows of a series behind its last known target or past covariate, if every future covariate is known in
    each of them: a row that measured anything lies in the past. A series without any target has none.

    Returns:
        The panel, and which rows (R,) of the given one were taken.

    Raises:
        DataError: those rows are not the steps that follow.
    """
    taken = np.zeros(len(panel.times), dtype=bool)
    if not panel.future.shape[1]:
        return panel, taken
    known = ~np.isnan(panel.targets).all(axis=1)
    some = np.logical_or.reduceat(known, panel.starts[:-1])
    measured = known | ~np.isnan(panel.past).all(axis=1) if panel.past.shape[1] else known
    last = np.maximum.reduceat(np.where(measured, np.arange(len(panel.times)), -1), panel.starts[:-1])
    counts = np.where(some, panel.starts[1:] - 1 - last, 0)
    for number in np.flatnonzero(counts):
        behind = slice(int(last[number]) + 1, int(panel.starts[number + 1]))
        taken[behind] = not np.isnan(panel.future[behind]).any()
    counts = np.add.reduceat(taken, panel.starts[:-1], dtype=np.int64)
    if not taken.any():
        return panel, taken
    _check_times(panel, counts)
    ahead = np.full((len(counts), counts.max(), panel.future.shape[1]), np.nan)
    ahead[np.arange(counts.max()) < counts[:, None]] = panel.future[taken]
    note = Note("tables.rows_ahead", {"count": int(taken.sum())})
    return replace(panel.head(panel.lengths - counts), ahead=ahead, notes=(*panel.notes, note)), taken


def known_ahead(panel: Panel, steps: int) -> np.ndarray:
    """What a panel holds of the future covariates (N, steps, Q) of the steps that follow; NaN where it has none."""
    values = np.full((len(panel.ids), steps, panel.future.shape[1]), np.nan)
    if panel.ahead is not None:
        values[:, : panel.ahead.shape[1]] = panel.ahead[:, :steps]
    return values


def joined_ahead(first: Panel, second: Panel, series: list[int]) -> np.ndarray | None:
    """What two panels hold ahead of these series, which are numbered through both; None where they hold nothing."""
    steps = max(0 if panel.ahead is None else panel.ahead.shape[1] for panel in (first, second))
    return np.concatenate([known_ahead(first, steps), known_ahead(second, steps)])[series] if steps else None


def _check_times(panel: Panel, counts: np.ndarray) -> None:
    """Days without trading among these rows would put the values of one day to the forecast of another."""
    if isinstance(parse_step(panel.freq), RowStep):
        return
    for number in np.flatnonzero(counts):
        end, count = int(panel.starts[number + 1]), int(counts[number])
        times, expected = panel.times[end - count : end], future_times(panel.times[end - count - 1], panel.freq, count)
        other = np.flatnonzero(~np.isclose(times, expected) if times.dtype.kind == "f" else times != expected)
        if len(other):
            raise DataError(
                f"the rows with an empty target at the end of {series_words(panel.ids[number])} leave out "
                f"{stamp_text(expected[other[0]])}, which will be forecast at step {panel.freq}; add a row for it"
            )
