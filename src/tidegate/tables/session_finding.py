"""Do the rows of a table come in sessions, the same hours of certain weekdays?"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tidegate.errors import DataError
from tidegate.tables.frequency import HOLIDAY_SHARE
from tidegate.tables.sessions import SessionStep
from tidegate.tables.units import DAY, SECOND

_LEAST_SESSIONS = 3
_WHOLE = 0.8  # of the sessions begin and end at the usual times, and of their rows are there
_SEEN = 0.5  # of the sessions have each stamp, and of the weekdays that are open have one
_WEEKEND = (4, 5, 6)  # somewhere


class Sessions(NamedTuple):
    """Sessions that were found.

    Attributes:
        step: from stamp to stamp; weekdays that the table does not reach count as closed.
        unknown: weekdays that it does not reach.
    """

    step: SessionStep
    unknown: tuple[int, ...]


def find_sessions(times: np.ndarray, starts: np.ndarray) -> Sessions | None:
    """The sessions in which rows come, or None where they come in none.

    At least three sessions of each day's same hours, most of them whole, all stamps among theirs, and something that
    is closed: some hours or some weekdays.

    Args:
        times: (R,) datetime64[ns] by the wall clock, ascending within a series.
        starts: (N + 1,) where each series starts.
    """
    numbers = times.view(np.int64)
    distance = np.diff(numbers)
    distance = np.delete(distance, starts[1:-1] - 1)
    if len(distance) < 2 * _LEAST_SESSIONS or distance.min() < SECOND or distance.min() == distance.max():
        return None
    sizes, counts = np.unique(distance, return_counts=True)
    size = int(sizes[counts.argmax()])
    if 2 * counts.max() < len(distance) or size != sizes[0] or size == DAY or DAY % size:
        return None
    step = _hours(numbers, distance, size)
    if step is None or not step.fits(numbers).all() or not _mostly_whole(step, numbers, starts):
        return None
    return _weekdays(step, numbers)


def refuse_unknown_days(found: Sessions) -> None:
    """Raise a DataError where nothing shows whether there are sessions on some weekdays."""
    if found.unknown:
        step = found.step
        every = replace(step, days=tuple(sorted({*step.days, *found.unknown})))
        raise DataError(
            f"the rows come in sessions, but the table is too short to show on which weekdays; set freq (--freq) to "
            f"{step.name!r}, or to {every.name!r}, or give more rows"
        )


def _hours(numbers: np.ndarray, distance: np.ndarray, size: int) -> SessionStep | None:
    """Sessions of every day with the times of day that the rows have."""
    clock, counts = np.unique(numbers % DAY, return_counts=True)
    if (clock % SECOND).any() or counts.min() < _SEEN * counts.max():
        return None
    closed = np.diff(clock, append=clock[0] + DAY)
    if closed.min() < size:
        return None
    if closed.max() > size:
        begin = int(clock[(closed.argmax() + 1) % len(clock)])
    else:  # open round the clock: a session begins where rows go on after the closed days
        behind = numbers[1:][np.diff(numbers) > size] % DAY
        begin = int(clock[np.bincount(np.searchsorted(clock, behind)).argmax()])
    offsets = np.sort((clock - begin) % DAY)
    return SessionStep(size, begin, tuple(offsets.tolist()), tuple(range(7)))


def _mostly_whole(step: SessionStep, numbers: np.ndarray, starts: np.ndarray) -> bool:
    """Whether most sessions begin and end at the usual times, and have all their rows."""
    session, slot = step.session(numbers), step.slot(numbers)
    new = np.ones(len(numbers) + 1, dtype=bool)
    new[1:-1] = np.diff(session) != 0
    new[starts] = True
    first = np.flatnonzero(new)
    begins, ends = slot[first[:-1]], slot[first[1:] - 1]
    cut = np.isin(first[:-1], starts[:-1]), np.isin(first[1:], starts[1:])
    whole = ((begins == 0) | cut[0]) & ((ends == len(step.offsets) - 1) | cut[1])
    enough = len(np.unique(session)) >= _LEAST_SESSIONS
    return enough and whole.mean() >= _WHOLE and len(numbers) >= _WHOLE * (ends - begins + 1).sum()


def _weekdays(step: SessionStep, numbers: np.ndarray) -> Sessions | None:
    """The sessions with the weekdays on which they begin; None where they come on some of these days alone."""
    days = np.unique((numbers - step.begin) // DAY)
    reached = np.arange(days[0], days[-1] + 1)
    possible, held = (np.bincount((each + 3) % 7, minlength=7) for each in (reached, days))
    opened = held > 0
    off = possible[opened].sum() - len(days)
    if (held[opened] < _SEEN * possible[opened]).any() or off > max(3, HOLIDAY_SHARE * possible[opened].sum()):
        return None
    found = replace(step, days=tuple(np.flatnonzero(opened).tolist()))
    # One Wednesday without rows may have been a holiday; one Saturday is as usual.
    unknown = (possible == 0) | (~opened & (possible < 2) & ~np.isin(np.arange(7), _WEEKEND))
    if len(found.offsets) * found.size == DAY and (opened | unknown).all():
        return None
    return Sessions(found, tuple(np.flatnonzero(unknown).tolist()))
