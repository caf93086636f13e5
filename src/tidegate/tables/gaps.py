"""Rows onto the regular grid of their step of time: the step, and the gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.tables.frequency import alias, infer_freq
from tidegate.tables.messages import counted, row_list, stamp_text
from tidegate.tables.ordering import Order
from tidegate.tables.steps import (
    WEEKDAYS,
    BusinessStep,
    FixedStep,
    NumberStep,
    RowStep,
    Step,
    modern_name,
    parse_step,
    weekday,
)


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
    notes: tuple[str, ...]


def lay_out(order: Order, settings: ForecasterSettings) -> Grid:
    """Find or check the step of time and close the gaps.

    Raises:
        DataError: naming rows off the step, series with another step, or (when missing values are refused) the gaps.
        SettingError: for a step that does not fit the kind of the time column.
    """
    freq, notes = _step_of_time(order, settings.freq)
    step = parse_step(freq)
    plain = Grid(order.times, order.starts, freq, None, tuple(notes))
    numbers = order.times.view(np.int64) if order.times.dtype.kind == "M" else order.times
    if isinstance(step, RowStep) or len(numbers) < 2:
        return plain
    inner = order.starts[1:-1] - 1
    steps, exact = step.count(numbers)
    steps[inner], exact[inner] = 1, True
    fits = step.fits(numbers)
    if not fits.all() or not exact.all():
        raise _irregular(order, freq, fits, exact, steps, given=settings.freq is not None)
    if (steps == 1).all():
        return plain
    missing = int(steps.sum()) - len(steps)
    if isinstance(step, BusinessStep):
        note = f"{counted(missing, 'weekday')} without a row are taken as days without trading"
        return Grid(order.times, order.starts, freq, None, (*notes, note))
    _refuse_other_step(order, steps, freq)
    if settings.missing == "refuse" or missing > max(1_000_000, 20 * len(numbers)):
        raise _gaps(order, steps, missing, freq, settings.missing)
    return _close(order, step, numbers, steps, freq, (*notes, f"put in as missing values: {counted(missing, 'row')}"))


def _step_of_time(order: Order, given: str | None) -> tuple[str | int | float, list[str]]:
    dated = order.times.dtype.kind == "M"
    if given is not None and given != "row":
        step = parse_step(given)
        numeric = isinstance(step, NumberStep) or (isinstance(step, RowStep) and _is_number(given[4:]))
        if numeric == dated:
            kind, other = ("dates", "such as h, D or MS") if dated else ("numbers", "such as 1 or 0.5, or none at all")
            raise SettingError(f"freq={given!r} does not fit the time column, which holds {kind}; use one {other}")
        return (step.size if isinstance(step, NumberStep) else _anchored(given, step, order.times)), []
    if given == "row":
        return "row:" + _median_step(order), []
    freq = infer_freq(order.times, order.starts)
    if freq is not None:
        return freq, [f"the step of time is {freq}, as inferred from the time stamps"] if dated or freq != 1 else []
    if len(order.times) == len(order.ids):
        raise DataError("no step of time can be inferred from one row per series; give more rows, or set freq (--freq)")
    raise _no_step(order)


def _is_number(text: str) -> bool:
    return isinstance(parse_step(text), NumberStep)


def _anchored(given: str, step: Step, times: np.ndarray) -> str:
    """The name in today's spelling; a bare `W` gets the weekday that all stamps share."""
    name = modern_name(given)
    return alias(step.size, times.view(np.int64)) if isinstance(step, FixedStep) and name.endswith("W") else name


def _median_step(order: Order) -> str:
    dated = order.times.dtype.kind == "M"
    distance = np.diff(order.times.view(np.int64) if dated else order.times)
    distance = np.delete(distance, order.starts[1:-1] - 1)
    if not len(distance):
        return "D" if dated else "1"
    middle = np.median(distance)
    if not dated:
        return repr(int(middle)) if order.times.dtype.kind == "i" else repr(float(middle))
    name = alias(int(middle), np.array([0, 1]))
    return "7D" if name.startswith("W") else name


def _numbers(order: Order) -> np.ndarray:
    return order.times.view(np.int64) if order.times.dtype.kind == "M" else order.times


def _irregular(
    order: Order, freq: str | int | float, fits: np.ndarray, exact: np.ndarray, steps: np.ndarray, *, given: bool
) -> DataError:
    other = None if given else _other_step(order, freq)
    if other is not None:
        return other
    bad = np.flatnonzero(~fits) if not fits.all() else np.flatnonzero(~exact) + 1
    rows = order.source(bad)
    leading = bad[np.argsort(rows, kind="stable")]
    row = int(leading[0])
    stamp = stamp_text(order.times[row])
    if order.times.dtype.kind == "M":
        stamp += f", a {WEEKDAYS[int(weekday(_numbers(order)[row : row + 1])[0])].capitalize()}"
    where = row_list(np.sort(rows))
    word = "given" if given else "most frequent"
    return DataError(
        f"the time stamps do not keep the {word} step {freq}; off it: {counted(len(bad), 'row')}, {where} "
        f"({stamp}){_of_series(order, row)}; bring them to a regular step (for instance by resampling), or set "
        "freq='row' (--freq row) to take every row as one step"
    )


def _of_series(order: Order, row: int) -> str:
    return f" of series {order.ids[order.series_of(row)]}" if len(order.ids) > 1 else ""


def _no_step(order: Order) -> DataError:
    distance = np.diff(_numbers(order))
    distance = np.delete(distance, order.starts[1:-1] - 1).astype(np.float64)
    low, high = (_span_text(value, order.times.dtype.kind == "M") for value in (distance.min(), distance.max()))
    middle = np.median(distance)
    inside = np.ones(len(order.times) - 1, dtype=bool)
    inside[order.starts[1:-1] - 1] = False
    all_distances = np.diff(_numbers(order)).astype(np.float64)
    off = np.flatnonzero(inside & (np.abs(all_distances - middle) > 0.01 * middle)) + 1
    where = row_list(np.sort(order.source(off)))
    return DataError(
        f"the time stamps have no regular step: neighbouring ones are {low} to {high} apart, and {where} differ from "
        "the usual distance; bring them to a regular step (for instance by resampling), or set freq='row' "
        "(--freq row) to take every row as one step"
    )


def _span_text(value: float, dated: bool) -> str:
    return alias(int(value), np.array([0, 86_400 * 10**9])) if dated else f"{value:.6g}"


def _other_step(order: Order, freq: str | int | float) -> DataError | None:
    """A series that keeps a step of its own for at least three rows."""
    for series in np.flatnonzero(np.diff(order.starts) >= 3)[:1000]:
        times = order.times[order.starts[series] : order.starts[series + 1]]
        own = infer_freq(times)
        if own is None or own == freq or not parse_step(own).count(_own(times))[1].all():
            continue
        if isinstance(own, float) and isinstance(freq, int | float) and abs(own - freq) <= 0.01 * freq:
            continue
        main = _series_with(order, freq)
        if main is None or main == series:
            continue
        return DataError(
            f"the series have different steps of time: {order.ids[main]} has {freq} but {order.ids[series]} has {own}; "
            "bring them to one step, or forecast them apart"
        )
    return None


def _own(times: np.ndarray) -> np.ndarray:
    return times.view(np.int64) if times.dtype.kind == "M" else times


def _series_with(order: Order, freq: str | int | float) -> int | None:
    for series in np.flatnonzero(np.diff(order.starts) >= 2)[:1000]:
        if infer_freq(order.times[order.starts[series] : order.starts[series + 1]]) == freq:
            return int(series)
    return None


def _refuse_other_step(order: Order, steps: np.ndarray, freq: str | int | float) -> None:
    """A series whose rows are all the same several steps apart has another step, not gaps."""
    lengths = np.diff(order.starts)
    long = np.flatnonzero(lengths >= 4)
    if len(order.ids) < 2 or not len(long):
        return
    inner = np.ones(len(steps) + 1, dtype=np.int64)
    inner[:-1] = steps
    inner[order.starts[1:] - 1] = np.iinfo(np.int64).max
    smallest = np.minimum.reduceat(inner, order.starts[:-1])
    odd = long[smallest[long] > 1]
    main = np.flatnonzero(smallest == 1)
    if len(odd) and len(main):
        a, b = order.ids[main[0]], order.ids[odd[0]]
        raise DataError(
            f"the series have different steps of time: {a} has {freq}, but rows of {b} are at least "
            f"{int(smallest[odd[0]])} such steps apart; bring them to one step, or forecast them apart"
        )


def _gaps(order: Order, steps: np.ndarray, missing: int, freq: str | int | float, method: str) -> DataError:
    after = np.flatnonzero(steps > 1) + 1
    source = order.source(after)
    leading = after[np.argsort(source, kind="stable")][:3]
    where = "; ".join(
        f"row {int(order.source(np.array([row]))[0]) + 1}{_of_series(order, row)} "
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
    order: Order, step: Step, numbers: np.ndarray, steps: np.ndarray, freq: str | int | float, notes: tuple[str, ...]
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
