"""The step of tables whose rows come in sessions, such as the minutes of a stock exchange's opening hours.

Its name says the step inside a session, the stamps of a session and its weekdays: `5min 09:30-15:55 MON-FRI`, or
`min 09:31-11:30,13:01-15:00 MON-FRI` with a break at noon. A session that begins in the evening ends the day after.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tidegate.tables.units import DAY, SECOND, UNITS, WEEKDAYS

_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_SPAN = rf"{_CLOCK}(?:-{_CLOCK})?"
_NAME = re.compile(rf"(\d*)(min|h|s) ({_SPAN}(?:,{_SPAN})*)(?: ([A-Z,-]+))?")


@dataclass(frozen=True)
class SessionStep:
    """From stamp to stamp of a session, and from its last one to the first of the next session.

    Attributes:
        size: nanoseconds between stamps.
        begin: the time of day at which a session begins, in nanoseconds.
        offsets: nanoseconds from there to each of its stamps, ascending from 0 and below a day.
        days: the weekdays on which a session begins, ascending from Monday 0.
    """

    size: int
    begin: int
    offsets: tuple[int, ...]
    days: tuple[int, ...]

    def count(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps (R-1,) between neighbouring stamps (R,), and whether both are stamps of a session."""
        fits = self.fits(times)
        return np.diff(self._number(times)), fits[1:] & fits[:-1]

    def fits(self, times: np.ndarray) -> np.ndarray:
        """Whether each stamp is one of a session."""
        day, offset = self._placed(times)
        slot = np.searchsorted(self._slots, offset, side="right") - 1
        return self._open[(day + 3) % 7] & (self._slots[slot] == offset)

    def ahead(self, times: np.ndarray, steps: np.ndarray | int) -> np.ndarray:
        """The stamps so many steps after `times`; a time between two stamps counts as the one before it."""
        session, slot = np.divmod(self._number(times) + steps, len(self.offsets))
        week, day = np.divmod(session, len(self.days))
        return (week * 7 + np.array(self.days)[day] - 3) * DAY + self.begin + self._slots[slot]

    def session(self, times: np.ndarray) -> np.ndarray:
        """The number of the session that each stamp belongs to; sessions that follow each other are one apart."""
        return self._number(times) // len(self.offsets)

    def slot(self, times: np.ndarray) -> np.ndarray:
        """How many stamps of its session lie before each stamp."""
        return self._number(times) % len(self.offsets)

    @property
    def name(self) -> str:
        """The step as `Panel.freq` has it."""
        spans = ",".join(
            _clock(first) if first == last else f"{_clock(first)}-{_clock(last)}" for first, last in self._spans()
        )
        days = "" if len(self.days) == 7 else " " + _day_names(self.days)
        return f"{_size_name(self.size)} {spans}{days}"

    @cached_property
    def _slots(self) -> np.ndarray:
        return np.array(self.offsets, dtype=np.int64)

    @cached_property
    def _open(self) -> np.ndarray:
        return np.isin(np.arange(7), self.days)

    def _placed(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.divmod(times - self.begin, DAY)

    def _number(self, times: np.ndarray) -> np.ndarray:
        """Stamps of sessions are numbered through; a time between two of them has the number of the one before it."""
        day, offset = self._placed(times)
        week, weekday = np.divmod(day + 3, 7)
        before = np.concatenate([[0], np.cumsum(self._open)])
        first = (week * len(self.days) + before[weekday]) * len(self.offsets)
        slot = np.searchsorted(self._slots, offset, side="right") - 1
        return first + np.where(self._open[weekday], slot, -1)

    def _spans(self) -> list[tuple[int, int]]:
        """First and last time of day of each stretch without a break."""
        breaks = np.flatnonzero(np.diff(self._slots) != self.size) + 1
        return [
            ((self.begin + int(part[0])) % DAY, (self.begin + int(part[-1])) % DAY)
            for part in np.split(self._slots, breaks)
        ]


def parse_session(text: str) -> SessionStep | None:
    """The step that a name such as `5min 09:30-15:55 MON-FRI` means; None where it is no such name."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    size = int(match[1] or 1) * UNITS[match[2]]
    spans = [[_time_of_day(clock) for clock in span.split("-")] for span in match[3].split(",")]
    days = _day_numbers(match[4])
    if not size or days is None:
        return None
    begin = spans[0][0]
    offsets: list[int] = []
    for span in spans:
        first, length = (span[0] - begin) % DAY, (span[-1] - span[0]) % DAY
        if length % size or (offsets and first <= offsets[-1]) or first + length >= DAY:
            return None
        offsets += range(first, first + length + 1, size)
    return SessionStep(size, begin, tuple(offsets), days)


def _time_of_day(text: str) -> int:
    hours, minutes, seconds = (*map(int, text.split(":")), 0)[:3]
    return (hours * 3600 + minutes * 60 + seconds) * SECOND


def _clock(time: int) -> str:
    minutes, seconds = divmod(time // SECOND, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")


def _size_name(size: int) -> str:
    unit = next(name for name in ("h", "min", "s") if size % UNITS[name] == 0)
    return unit if size == UNITS[unit] else f"{size // UNITS[unit]}{unit}"


def _day_names(days: tuple[int, ...]) -> str:
    first = next(day for day in days if (day - 1) % 7 not in days)
    in_a_row = all((first + i) % 7 in days for i in range(len(days)))
    if in_a_row and len(days) > 2:
        return f"{WEEKDAYS[first]}-{WEEKDAYS[(first + len(days) - 1) % 7]}"
    return ",".join(WEEKDAYS[day] for day in days)


def _day_numbers(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return tuple(range(7))
    days: set[int] = set()
    for part in text.split(","):
        ends = part.split("-")
        if len(ends) > 2 or any(end not in WEEKDAYS for end in ends):
            return None
        first, last = WEEKDAYS.index(ends[0]), WEEKDAYS.index(ends[-1])
        days |= {(first + i) % 7 for i in range((last - first) % 7 + 1)}
    return tuple(sorted(days))
