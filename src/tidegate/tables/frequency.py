"""Which step of time do stamps have, what is its name in pandas, and which stamps and seasons follow from it?"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidegate.errors import DataError
from tidegate.tables.panel import Panel
from tidegate.tables.sessions import SessionStep
from tidegate.tables.settings import TableSettings
from tidegate.tables.steps import BusinessStep, FixedStep, MonthStep, NumberStep, parse_step, stamps
from tidegate.tables.units import DAY, MONTHS, SECOND, UNITS, WEEKDAYS, weekday

_MONTH_LETTERS = {1: "M", 3: "Q", 12: "Y"}
_MONTH_RULES = {"start": "{}S", "end": "{}E", "business start": "B{}S", "business end": "B{}E"}
HOLIDAY_SHARE = 0.1


def infer_freq(times: np.ndarray, starts: np.ndarray | None = None) -> str | int | float | None:
    """The step of time of one or many series.

    Fixed steps, business days (when no stamp falls on a weekend and at most a tenth of the weekdays, or three, is
    missing), and months, quarters and years at their start, end, or first or last weekday. Gaps do not disturb as long
    as at least half of the steps are whole.

    Args:
        times: (R,) datetime64[ns], int64 or float64, ascending within a series.
        starts: (N + 1,) where each series starts; one series when left out.

    Returns:
        A pandas alias, a number for numeric times, or None where no step fits half of the rows.
    """
    inside = None
    if starts is not None and len(starts) > 2:
        inside = np.ones(len(times) - 1, dtype=bool)
        inside[starts[1:-1] - 1] = False
    if times.dtype.kind != "M":
        return _infer_number(times, inside)
    numbers = times.astype("datetime64[ns]", copy=False).view(np.int64)
    distance = np.diff(numbers)
    distance = distance if inside is None else distance[inside]
    if not len(distance):
        return None
    smallest = int(distance.min())
    if smallest >= 28 * DAY:
        freq = _infer_months(numbers, inside)
        if freq is not None:
            return freq
    if (distance == smallest).all():
        return alias(smallest, numbers)
    if smallest % DAY == 0 and _is_business(numbers, distance, inside):
        return "B"
    return _dominating(distance, numbers)


def alias(size: int, numbers: np.ndarray) -> str:
    """The pandas name of a fixed step in nanoseconds; weekly steps name the weekday that all stamps share."""
    if size % (7 * DAY) == 0:
        days = weekday(numbers[:: max(1, len(numbers) // 100_000)])
        if (days == days[0]).all():
            weeks = size // (7 * DAY)
            return f"{weeks if weeks > 1 else ''}W-{WEEKDAYS[int(days[0])]}"
    for name in ("D", "h", "min", "s", "ms", "us", "ns"):
        if size % UNITS[name] == 0:
            times = size // UNITS[name]
            return name if times == 1 else f"{times}{name}"
    raise AssertionError("every whole number of nanoseconds has a name")


def future_times(last: Any, freq: str | int | float, steps: int) -> np.ndarray:
    """The time stamps of the steps after `last`.

    Args:
        last: the last known stamp, datetime64[ns] or a number; or (N,) of them.
        freq: as in `Panel.freq`.
        steps: how many.

    Returns:
        (steps,) for one stamp, (N, steps) for an array of them.

    Raises:
        DataError: they lie beyond what a time stamp can hold.
    """
    step = parse_step(freq)
    ahead = np.arange(1, steps + 1)
    known = np.asarray(last)
    if known.dtype.kind == "O":
        known = np.asarray(last, dtype="datetime64[ns]")
    dates = known.dtype.kind == "M"
    inside = (known.astype("datetime64[ns]").astype(np.int64) if dates else known)[..., None]
    stamps = step.ahead(inside, ahead)
    # Whole numbers wrap around; floating-point ones no longer move.
    if steps and not ((stamps[..., :1] > inside).all() and (stamps[..., 1:] > stamps[..., :-1]).all()):
        reach = "the year 2262" if dates else f"the numbers that steps of {freq} can be counted on"
        raise DataError(f"the forecast reaches beyond {reach}; correct the newest times, or leave those rows out")
    return stamps.view("datetime64[ns]") if dates else stamps


def times_ahead(panel: Panel, steps: int) -> np.ndarray:
    """The time stamps (N, steps) that follow each series."""
    return future_times(panel.times[panel.starts[1:] - 1], panel.freq, steps)


def season_of(settings: TableSettings, panel: Panel) -> int:
    """Steps per season: the setting, or the usual one of the panel's step of time."""
    return settings.season_length or default_season_length(panel.freq)


def default_season_length(freq: str | int | float) -> int:
    """The usual number of steps per season: 24 for h, 7 for D, 5 for B, 52 for W, 12 for MS, 4 for QS, 1 for YS.

    Sessions are a season; other steps of at least five minutes have the day as theirs, shorter ones the hour, seconds
    the minute; 1 where a season is no whole number of steps, for plain numbers, and where every row is a step.
    """
    step = parse_step(freq)
    if isinstance(step, BusinessStep):
        return 5
    if isinstance(step, SessionStep):
        return len(step.offsets)
    if isinstance(step, MonthStep):
        return 12 // step.size if 12 % step.size == 0 else 1
    if not isinstance(step, FixedStep):
        return 1
    seasons = ((SECOND, 60), (60 * SECOND, 3600), (300 * SECOND, 86_400), (DAY, 7 * 86_400), (7 * DAY, 52 * 7 * 86_400))
    season = max((s for s in seasons if s[0] <= step.size), default=(0, 0))[1] * SECOND
    return season // step.size if season and season % step.size == 0 else 1


def _infer_number(times: np.ndarray, inside: np.ndarray | None) -> int | float | None:
    distance = np.diff(times)
    distance = distance if inside is None else distance[inside]
    if not len(distance):
        return None
    if times.dtype.kind == "i":
        values, counts = np.unique(distance, return_counts=True)
        best = int(np.argmax(counts))
        return int(values[best]) if counts[best] * 2 >= len(distance) and values[best] > 0 else None
    middle = float(np.median(distance))
    regular = NumberStep(middle).count(times)[1] if middle > 0 else np.zeros(0, dtype=bool)
    near = np.abs(distance - middle) <= 0.01 * abs(middle)
    if not len(regular) or near.mean() < 0.5:
        return None
    return float(f"{middle:.6g}") if np.abs(middle - float(f"{middle:.6g}")) < 1e-4 * middle else middle


def _dominating(distance: np.ndarray, numbers: np.ndarray) -> str | None:
    values, counts = np.unique(distance, return_counts=True)
    best = int(np.argmax(counts))
    if counts[best] * 2 < len(distance) or values[best] <= 0:
        return None
    return alias(int(values[best]), numbers)


def _is_business(numbers: np.ndarray, distance: np.ndarray, inside: np.ndarray | None) -> bool:
    """No stamp at a weekend, and few weekdays without one."""
    if distance.max() < 2 * DAY or (weekday(numbers) >= 5).any():
        return False
    steps, exact = BusinessStep().count(numbers)
    if inside is not None:
        steps, exact = steps[inside], exact[inside]
    missing = int(steps.sum()) - len(steps)
    return bool(exact.all()) and missing <= max(3, HOLIDAY_SHARE * len(steps))


def _infer_months(numbers: np.ndarray, inside: np.ndarray | None) -> str | None:
    months = stamps(numbers).astype("datetime64[M]").astype(np.int64)
    distance = np.diff(months)
    distance = distance if inside is None else distance[inside]
    values, counts = np.unique(distance, return_counts=True)
    size = int(values[int(np.argmax(counts))])
    if size < 1 or counts.max() * 2 < len(distance):
        return None
    for rule in ("end", "start", "business end", "business start"):
        step = MonthStep(1, rule)
        exact = step.count(numbers)[1]
        if step.fits(numbers).all() and (exact if inside is None else exact[inside]).all():
            return _month_alias(size, rule, int(months[0]))
    return None


def _month_alias(size: int, rule: str, first: int) -> str:
    span = max(span for span in _MONTH_LETTERS if size % span == 0)
    name = _MONTH_RULES[rule].format(_MONTH_LETTERS[span])
    times = size // span
    usual = 0 if rule.endswith("start") else span - 1
    if span > 1 and first % span != usual:
        # pandas names a quarter by its first month that starts one, or by its last that ends one.
        name += "-" + MONTHS[first % span]
    return (str(times) if times > 1 else "") + name
