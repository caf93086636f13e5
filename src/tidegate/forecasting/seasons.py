"""The seasons that a table shows: after how many steps its changes repeat themselves.

A season counts when changes from one row to the next are alike one season apart. Levels would not do: those of a walk
are alike at every distance. Source of the test: Box, Jenkins, Time Series Analysis (1970), section 9.2.
"""

from __future__ import annotations

import numpy as np

from tidegate.tables.panel import Panel
from tidegate.tables.sessions import SessionStep
from tidegate.tables.steps import BusinessStep, FixedStep, MonthStep, parse_step
from tidegate.tables.units import DAY, SECOND

_LEAST = 0.1  # autocorrelation; seasons of less would save under a hundredth of an error
_CLEAR = 0.3  # where no calendar says where to look, so that the best of hundreds of distances is no accident
_ERRORS = 4  # standard errors that are no accident, where hundreds of distances are looked at
_PERIODS = 3  # a series must hold so many of a season to speak of it
_AS_GOOD = 0.6  # of the highest autocorrelation: of a season and its multiples the season is meant
_NEAR = 0.05  # to the highest of them
_HIGHER = 0.01  # than at the multiples beside it
_SERIES, _ROWS, _LONGEST = 300, 4500, 1500
_SPANS = (60 * SECOND, 3600 * SECOND, DAY, 7 * DAY, 364 * DAY)
_FINEST = 5  # steps; shorter seasons are left to the network


def find_seasons(panel: Panel) -> tuple[int, ...]:
    """Return the lengths, in steps, of the seasons that the targets of a panel show, shortest first.

    Where steps of time have a calendar, its seasons are looked for: the hour, day and week, the weeks of a year, its
    months. Elsewhere, the distance at which changes are most alike, and the multiple of it at which they are so again.
    """
    alike = autocorrelation(panel, _LONGEST)
    candidates = calendar_seasons(panel.freq)
    if candidates is None:
        return _from_data(alike)
    return tuple(m for m in candidates if m < len(alike) and alike[m] >= _LEAST)


def calendar_seasons(freq: str | int | float) -> tuple[int, ...] | None:
    """Return the lengths that the calendar gives to seasons of this step; None where it knows none."""
    step = parse_step(freq)
    if isinstance(step, BusinessStep):
        return (5,)
    if isinstance(step, SessionStep):
        return tuple(days * len(step.offsets) for days in (1, 5) if days * len(step.offsets) <= _LONGEST)
    if isinstance(step, MonthStep):
        return (12 // step.size,) if step.size in (1, 2, 3, 4) else ()
    if not isinstance(step, FixedStep):
        return None
    lengths = (span // step.size for span in _SPANS if span % step.size == 0)
    return tuple(length for length in lengths if _FINEST <= length <= _LONGEST)


def autocorrelation(panel: Panel, longest: int) -> np.ndarray:
    """Return the autocorrelation (M + 1,) of the targets' changes at distances 0 to M, the mean over the series.

    M is at most `longest`, and such that some series holds enough periods; a distance that is within the noise is 0.
    Missing values are left out.
    """
    chosen = np.unique(np.linspace(0, len(panel.ids) - 1, min(len(panel.ids), _SERIES)).round().astype(int))
    parts = [panel.targets[max(panel.starts[i], panel.starts[i + 1] - _ROWS) : panel.starts[i + 1]] for i in chosen]
    # What half of the series are too short for would be told by a few of them.
    longest = max(0, min(longest, int(np.median([len(part) for part in parts])) // _PERIODS))
    total, weight, rows = np.zeros(longest + 1), np.zeros(longest + 1), np.zeros(longest + 1)
    for part in parts:
        reach = min(longest, len(part) // _PERIODS) + 1
        for values in part.T:
            own = _autocorrelation(np.diff(values), reach)
            if own is not None:
                total[:reach] += own
                weight[:reach] += 1
                rows[:reach] += len(values)
    mean = total / np.maximum(weight, 1)
    return np.where(mean * np.sqrt(rows) > _ERRORS, mean, 0.0)


def _autocorrelation(changes: np.ndarray, reach: int) -> np.ndarray | None:
    """Return that of one series at distances below `reach`; None where nothing changes."""
    known = np.isfinite(changes)
    if known.sum() < 2:
        return None
    # A few great changes would hide all the others.
    middle = np.median(changes[known])
    reached = np.abs(changes[known] - middle)
    limit = 5 * np.median(reached) or reached.max()
    kept = np.clip(changes, middle - limit, middle + limit) / (limit or 1.0)
    centred = np.where(known, kept - kept[known].mean(), 0.0)
    products = _products(centred, reach)
    if products[0] <= 1e-12 * len(changes):
        return None
    pairs = _products(known.astype(float), reach)
    return products / products[0] * pairs[0] / np.maximum(pairs.round(), 1)


def _products(values: np.ndarray, reach: int) -> np.ndarray:
    """Return the sums of products of values that lie 0, 1, … apart."""
    spectrum = np.fft.rfft(values, 2 * len(values))
    return np.fft.irfft(np.abs(spectrum) ** 2)[:reach]


def _from_data(alike: np.ndarray) -> tuple[int, ...]:
    """Return the shortest distance at which changes are clearly alike, and a multiple at which they are more so."""
    peaks = [
        m
        for m in range(2, len(alike) - 1)
        if alike[m] >= _CLEAR and alike[m] > max(alike[m - 1], alike[m + 1]) and _repeats(alike, m)
    ]
    if not peaks:
        return ()
    first = next(m for m in peaks if alike[m] >= _AS_GOOD * max(alike[peaks]))
    multiples = alike[first::first]
    beside = np.maximum(multiples[:-2], multiples[2:]) + _HIGHER
    longer = 1 + np.flatnonzero((multiples[1:-1] > beside) & (multiples[1:-1] >= multiples[1:].max(initial=0) - _NEAR))
    return (first, *(first * (longer[:1] + 1)).tolist())


def _repeats(alike: np.ndarray, m: int) -> bool:
    """Whether changes are alike at twice the distance too, as far as it can be seen."""
    around = alike[2 * m - 1 : 2 * m + 2]
    return not len(around) or around.max() >= _LEAST
