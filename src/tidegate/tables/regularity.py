"""Which step of time do a table's rows keep, and which rows are off it?"""

from __future__ import annotations

import numpy as np

from tidegate.errors import DataError, SettingError
from tidegate.notes import Note
from tidegate.tables.frequency import alias, infer_freq
from tidegate.tables.messages import counted, row_list, stamp_text
from tidegate.tables.ordering import Order
from tidegate.tables.session_finding import find_sessions, refuse_unknown_days
from tidegate.tables.steps import FixedStep, NumberStep, RowStep, Step, as_numbers, modern_name, parse_step
from tidegate.tables.units import DAY, WEEKDAYS, weekday


def find_step(order: Order, given: str | None, *, filled: bool = False) -> tuple[str | int | float, tuple[Note, ...]]:
    """The step of time as `Panel.freq` names it, as given or inferred.

    Args:
        order: all rows.
        given: the step in the settings.
        filled: whether gaps are filled, so that rows which may be sessions or not are taken for gaps.

    Raises:
        SettingError: a given step does not fit the kind of the time column.
        DataError: no step fits half of the rows.
    """
    dated = order.times.dtype.kind == "M"
    if given is not None and given != "row":
        step = parse_step(given)
        numeric = isinstance(step, NumberStep) or (isinstance(step, RowStep) and _is_number(given[4:]))
        if numeric == dated:
            kind, other = ("dates", "such as h, D or MS") if dated else ("numbers", "such as 1 or 0.5, or none at all")
            raise SettingError(f"freq={given!r} does not fit the time column, which holds {kind}; use one {other}")
        return (step.size if isinstance(step, NumberStep) else _anchored(given, step, order.times)), ()
    if given == "row":
        return "row:" + _median_step(order), ()
    sessions = find_sessions(order.times, order.starts) if dated else None
    if sessions is not None and not (filled and sessions.unknown):
        refuse_unknown_days(sessions)
        step = sessions.step
        return step.name, (
            Note("tables.sessions_inferred", {"freq": step.name, "step": alias(step.size, order.times.view(np.int64))}),
        )
    freq = infer_freq(order.times, order.starts)
    if freq is not None:
        return freq, (Note("tables.step_inferred", {"freq": freq}),) if dated or freq != 1 else ()
    if len(order.times) == len(order.ids):
        raise DataError("no step of time can be inferred from one row per series; give more rows, or set freq (--freq)")
    raise _no_step(order)


def irregular_rows(
    order: Order, freq: str | int | float, fits: np.ndarray, exact: np.ndarray, *, given: bool
) -> DataError:
    """What to say about rows that are off the step: a series with a step of its own, or the rows.

    Args:
        order: all rows.
        freq: the step.
        fits: (R,) whether a row's stamp can be one of this step's.
        exact: (R-1,) whether whole steps lie between neighbouring rows.
        given: whether the step came from the settings.
    """
    other = None if given else _other_step(order, freq)
    if other is not None:
        return other
    bad = np.flatnonzero(~fits) if not fits.all() else np.flatnonzero(~exact) + 1
    rows = order.source(bad)
    leading = bad[np.argsort(rows, kind="stable")]
    row = int(leading[0])
    stamp = stamp_text(order.times[row])
    if order.times.dtype.kind == "M":
        stamp += f", a {WEEKDAYS[int(weekday(as_numbers(order.times)[row : row + 1])[0])].capitalize()}"
    where = row_list(np.sort(rows))
    word = "given" if given else "most frequent"
    return DataError(
        f"the time stamps do not keep the {word} step {freq}; off it: {counted(len(bad), 'row')}, {where} "
        f"({stamp}){order.of_series(row)}; bring them to a regular step (for instance by resampling), or set "
        "freq='row' (--freq row) to take every row as one step"
    )


def refuse_other_steps(order: Order, steps: np.ndarray, freq: str | int | float) -> None:
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


def _is_number(text: str) -> bool:
    return isinstance(parse_step(text), NumberStep)


def _anchored(given: str, step: Step, times: np.ndarray) -> str:
    """The name in today's spelling; a bare `W` gets the weekday that all stamps share."""
    name = modern_name(given)
    return alias(step.size, times.view(np.int64)) if isinstance(step, FixedStep) and name.endswith("W") else name


def _median_step(order: Order) -> str:
    dated = order.times.dtype.kind == "M"
    distance = np.diff(as_numbers(order.times))
    distance = np.delete(distance, order.starts[1:-1] - 1)
    if not len(distance):
        return "D" if dated else "1"
    middle = np.median(distance)
    if not dated:
        return repr(int(middle)) if order.times.dtype.kind == "i" else repr(float(middle))
    name = alias(int(middle), np.array([0, 1]))
    return "7D" if name.startswith("W") else name


def _no_step(order: Order) -> DataError:
    distance = np.diff(as_numbers(order.times))
    distance = np.delete(distance, order.starts[1:-1] - 1).astype(np.float64)
    low, high = (_span_text(value, order.times.dtype.kind == "M") for value in (distance.min(), distance.max()))
    middle = np.median(distance)
    inside = np.ones(len(order.times) - 1, dtype=bool)
    inside[order.starts[1:-1] - 1] = False
    all_distances = np.diff(as_numbers(order.times)).astype(np.float64)
    off = np.flatnonzero(inside & (np.abs(all_distances - middle) > 0.01 * middle)) + 1
    where = row_list(np.sort(order.source(off)))
    return DataError(
        f"the time stamps have no regular step: neighbouring ones are {low} to {high} apart, and {where} differ from "
        "the usual distance; bring them to a regular step (for instance by resampling), or set freq='row' "
        "(--freq row) to take every row as one step"
    )


def _span_text(value: float, dated: bool) -> str:
    return alias(int(value), np.array([0, DAY])) if dated else f"{value:.6g}"


def _other_step(order: Order, freq: str | int | float) -> DataError | None:
    """A series that keeps a step of its own for at least three rows."""
    for series in np.flatnonzero(np.diff(order.starts) >= 3)[:1000]:
        times = order.times[order.starts[series] : order.starts[series + 1]]
        own = infer_freq(times)
        if own is None or own == freq or not parse_step(own).count(as_numbers(times))[1].all():
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


def _series_with(order: Order, freq: str | int | float) -> int | None:
    for series in np.flatnonzero(np.diff(order.starts) >= 2)[:1000]:
        if infer_freq(order.times[order.starts[series] : order.starts[series + 1]]) == freq:
            return int(series)
    return None
