"""Where are rows missing between two others: gaps are found, refused with row numbers, or closed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidegate.errors import DataError
from tidegate.notes import Note
from tidegate.tables.messages import counted, stamp_text
from tidegate.tables.ordering import Order
from tidegate.tables.regularity import find_step, irregular_rows, refuse_other_steps
from tidegate.tables.sessions import SessionStep
from tidegate.tables.settings import TableSettings
from tidegate.tables.steps import BusinessStep, RowStep, Step, as_numbers, parse_step


@dataclass(frozen=True)
class Grid:
    """Regular rows.

    Attributes:
        times: (R',) time stamps with the gaps closed.
        starts: (N + 1,) where each series starts.
        freq: as in `Panel.freq`.
        target: (R,) the regular row of each given row; None when nothing was put in.
        notes: what was inferred.
    """

    times: np.ndarray
    starts: np.ndarray
    freq: str | int | float
    target: np.ndarray | None
    notes: tuple[Note, ...]


def close_gaps(order: Order, settings: TableSettings) -> Grid:
    """Find or check the step of time and close the gaps.

    Raises:
        DataError: naming rows off the step, series with another step, or (when missing values are refused) the gaps.
        SettingError: for a step that does not fit the kind of the time column.
    """
    freq, notes = find_step(order, settings.freq, filled=settings.missing != "refuse")
    step = parse_step(freq)
    plain = Grid(order.times, order.starts, freq, None, notes)
    numbers = as_numbers(order.times)
    if isinstance(step, RowStep) or len(numbers) < 2:
        return plain
    inner = order.starts[1:-1] - 1
    steps, exact = step.count(numbers)
    steps[inner], exact[inner] = 1, True
    fits = step.fits(numbers)
    if not fits.all() or not exact.all():
        raise irregular_rows(order, freq, fits, exact, given=settings.freq is not None)
    if isinstance(step, SessionStep):
        steps, notes = _without_closed(step, numbers, steps, notes)
        plain = replace(plain, notes=notes)
    if (steps == 1).all():
        return plain
    missing = int(steps.sum()) - len(steps)
    if isinstance(step, BusinessStep):
        note = Note("tables.days_off", {"count": missing})
        return Grid(order.times, order.starts, freq, None, (*notes, note))
    refuse_other_steps(order, steps, freq)
    if settings.missing == "refuse" or missing > max(1_000_000, 20 * len(numbers)):
        raise _gaps(order, steps, missing, freq, settings.missing)
    return _close(order, step, numbers, steps, freq, (*notes, Note("tables.gaps_closed", {"count": missing})))


def _without_closed(
    step: SessionStep, numbers: np.ndarray, steps: np.ndarray, notes: tuple[Note, ...]
) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Steps (R-1,) of which none lies between two sessions: those left out, late or short are said, and no gaps."""
    across = np.diff(step.session(numbers))
    closed = (across > 0) & (steps > 1)
    if closed.any():
        days = int((across[closed] - 1).sum())
        short = int((steps[closed] > 1 + (across[closed] - 1) * len(step.offsets)).sum())
        notes = (*notes, Note("tables.sessions_off", {"days": days, "short": short}))
    return np.where(closed, 1, steps), notes


def _gaps(order: Order, steps: np.ndarray, missing: int, freq: str | int | float, method: str) -> DataError:
    after = np.flatnonzero(steps > 1) + 1
    source = order.source(after)
    leading = after[np.argsort(source, kind="stable")][:3]
    where = "; ".join(
        f"row {int(order.source(np.array([row]))[0]) + 1}{order.of_series(row)} "
        f"({stamp_text(order.times[row - 1])} to {stamp_text(order.times[row])})"
        for row in leading
    )
    if method != "refuse":
        return DataError(
            f"closing the gaps in time would put in {missing} rows beside {len(order.times)} given ones at step {freq}"
            f", the first before {where}; check those stamps, or set freq (--freq)"
        )
    return DataError(
        f"at step {freq} there are gaps: {counted(missing, 'row')} missing in {counted(len(after), 'place')}, "
        f"before {where}; add the rows, set missing (--missing) to 'forward', 'linear', 'seasonal' or 'mask', "
        "or take every row as one step with freq='row' (--freq row)"
    )


def _close(
    order: Order, step: Step, numbers: np.ndarray, steps: np.ndarray, freq: str | int | float, notes: tuple[Note, ...]
) -> Grid:
    target = np.concatenate([[0], np.cumsum(steps)])
    ends = np.append(target[order.starts[1:-1]], target[-1] + 1)
    before = np.flatnonzero(steps > 1)
    count = steps[before] - 1
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + 1
    times = np.empty(int(target[-1]) + 1, dtype=numbers.dtype)
    times[target] = numbers
    times[np.repeat(target[before], count) + offset] = step.ahead(np.repeat(numbers[before], count), offset)
    starts = np.concatenate([[0], ends]).astype(np.int64)
    return Grid(times.view(order.times.dtype), starts, freq, target, notes)
