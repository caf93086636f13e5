"""What is a step of time: how many lie between two stamps, and which stamp lies so many steps ahead.

Every kind of step answers the same two questions for whole arrays; the rest of the package asks nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tidegate.errors import SettingError
from tidegate.tables.sessions import SessionStep, parse_session
from tidegate.tables.units import DAY, MONTHS, UNITS, WEEKDAYS, weekday

_OLD = {"H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns", "d": "D", "w": "W", "b": "B", "M": "ME"}
_OLD |= {"Q": "QE", "A": "YE", "Y": "YE", "AS": "YS", "BM": "BME"}
_LONGEST_CLOSED = 7  # as in China about New Year
_SPANS = {"M": 1, "Q": 3, "Y": 12}
KNOWN = "ns, us, ms, s, min, h, D, B, W, MS, ME, BMS, BME, QS, QE, YS, YE (with a number before, as in 15min), row, "
KNOWN += "or sessions such as 5min 09:30-15:55 MON-FRI"


def stamps(numbers: np.ndarray) -> np.ndarray:
    """Nanoseconds as time stamps."""
    return numbers.astype(np.int64, copy=False).view("datetime64[ns]")


def as_numbers(times: np.ndarray) -> np.ndarray:
    """Time stamps as numbers: dates as nanoseconds, numbers as they are."""
    return times.view(np.int64) if times.dtype.kind == "M" else times


@dataclass(frozen=True)
class FixedStep:
    """Always as many nanoseconds; `anchor` is the day of the week that weekly stamps fall on, if that is asked."""

    size: int
    anchor: int | None = None

    def count(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps (R-1,) between neighbouring stamps (R,), and whether they fit exactly."""
        steps, rest = np.divmod(np.diff(times), self.size)
        return steps, rest == 0

    def fits(self, times: np.ndarray) -> np.ndarray:
        """Whether each stamp falls on the anchor."""
        return _always(times) if self.anchor is None else weekday(times) == self.anchor

    def ahead(self, times: np.ndarray, steps: np.ndarray | int) -> np.ndarray:
        """The stamps so many steps after `times`."""
        return times + steps * self.size


@dataclass(frozen=True)
class NumberStep:
    """Time stamps that are plain numbers, a fixed distance apart within one percent."""

    size: int | float

    def count(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps (R-1,) between neighbouring stamps (R,), and whether they fit within one percent of a step."""
        distance = np.diff(times)
        steps = np.rint(distance / self.size)
        return steps.astype(np.int64), np.abs(distance - steps * self.size) <= 0.01 * abs(self.size)

    def fits(self, times: np.ndarray) -> np.ndarray:
        """Whether each stamp can be one of this step's: always."""
        return _always(times)

    def ahead(self, times: np.ndarray, steps: np.ndarray | int) -> np.ndarray:
        """The stamps so many steps after `times`."""
        return times + steps * self.size


@dataclass(frozen=True)
class BusinessStep:
    """From weekday to weekday, at one time of day."""

    def count(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weekdays (R-1,) between neighbouring stamps (R,), and whether both have the same time of day."""
        clock = times % DAY
        return np.diff(self._number(times)), clock[1:] == clock[:-1]

    def fits(self, times: np.ndarray) -> np.ndarray:
        """Whether each stamp is a weekday."""
        return weekday(times) < 5

    def ahead(self, times: np.ndarray, steps: np.ndarray | int) -> np.ndarray:
        """The stamps so many weekdays after `times`; a day at the weekend counts as the Friday before it."""
        week, day = np.divmod(self._number(times) + steps, 5)
        return (week * 7 + day - 3) * DAY + times % DAY

    @staticmethod
    def _number(times: np.ndarray) -> np.ndarray:
        week, day = np.divmod(times // DAY + 3, 7)
        return week * 5 + np.minimum(day, 4)


@dataclass(frozen=True)
class MonthStep:
    """So many months, at their start (the same day each time), at their end, or at their first or last weekday.

    `anchor` is the month (0 to size - 1) that the stamps fall on, modulo size, if that is asked.
    """

    size: int
    rule: str
    anchor: int | None = None

    def count(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps (R-1,) between neighbouring stamps (R,), and whether they fit exactly."""
        dates = stamps(times)
        months = dates.astype("datetime64[M]").astype(np.int64)
        days, clock = times // DAY, times % DAY
        steps, rest = np.divmod(np.diff(months), self.size)
        wanted = self._day(months[1:], days[:-1] - _first_day(months[:-1]))
        return steps, (rest == 0) & (clock[1:] == clock[:-1]) & (days[1:] == wanted)

    def fits(self, times: np.ndarray) -> np.ndarray:
        """Whether each stamp falls on the month's start (any day), end or weekday, and on the anchor's month."""
        fit = self.ahead(times, 0) == times
        if self.anchor is not None:
            fit &= stamps(times).astype("datetime64[M]").astype(np.int64) % self.size == self.anchor
        return fit

    def ahead(self, times: np.ndarray, steps: np.ndarray | int) -> np.ndarray:
        """The stamps so many steps after `times`."""
        months = stamps(times).astype("datetime64[M]").astype(np.int64)
        day = times // DAY - _first_day(months)
        return self._day(months + np.asarray(steps) * self.size, day) * DAY + times % DAY

    def _day(self, months: np.ndarray, day: np.ndarray) -> np.ndarray:
        """The day, counted from 1970, of a step in each month; `day` is the day in the month that came before."""
        first, last = _first_day(months), _first_day(months + 1) - 1
        if self.rule == "start":
            return np.minimum(first + day, last)
        if self.rule == "end":
            return last
        if self.rule == "business start":
            return first + np.array([0, 0, 0, 0, 0, 2, 1])[(first + 3) % 7]
        return last - np.array([0, 0, 0, 0, 0, 1, 2])[(last + 3) % 7]


@dataclass(frozen=True)
class RowStep:
    """Every row is one step, whatever its stamp; stamps ahead go on by `size` (numbers or nanoseconds)."""

    size: int | float

    def count(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One step (R-1,) between neighbouring stamps (R,), always."""
        return np.ones(len(times) - 1, dtype=np.int64), np.ones(len(times) - 1, dtype=bool)

    def fits(self, times: np.ndarray) -> np.ndarray:
        """Whether each stamp can be one of this step's: always."""
        return _always(times)

    def ahead(self, times: np.ndarray, steps: np.ndarray | int) -> np.ndarray:
        """The stamps so many steps after `times`."""
        return times + steps * self.size


Step = FixedStep | NumberStep | BusinessStep | MonthStep | SessionStep | RowStep


@lru_cache(maxsize=256)
def parse_step(freq: str | int | float) -> Step:
    """The step that a frequency names: a pandas alias (also the older ones), a number, sessions, or `row:<step>`.

    Raises:
        SettingError: naming the frequencies that are known.
    """
    if not isinstance(freq, str):
        if not (freq > 0 and np.isfinite(freq)):
            raise SettingError(f"freq must be a number above 0 or one of {KNOWN}, not {freq!r}")
        return NumberStep(freq)
    text = freq.strip()
    if text.startswith("row:"):
        inner = parse_step(text.removeprefix("row:"))
        if isinstance(inner, FixedStep | NumberStep):
            return RowStep(inner.size)
    session = parse_session(text)
    if session is not None:
        return session
    if re.fullmatch(r"\d+", text) and int(text) > 0:
        return NumberStep(int(text))
    if re.fullmatch(r"\d*\.\d+(e-?\d+)?|\d+e-?\d+", text) and float(text) > 0:
        return NumberStep(float(text))
    match = re.fullmatch(r"(\d*)([A-Za-z]+)(?:-([A-Za-z]{3}))?", text)
    step = _named_step(int(match[1] or 1), _OLD.get(match[2], match[2]), (match[3] or "").upper()) if match else None
    if step is None:
        raise SettingError(f"freq does not know {freq!r}; it knows {KNOWN}")
    return step


def closed_between(step: Step, earlier: int, later: int) -> int:
    """How many days without trading alone lie between two stamps, at most seven in a row; 0 where it is otherwise.

    Nobody tells a forecaster of holidays, so the first row after them follows the last one before them.
    """
    pair = np.array([earlier, later])
    if isinstance(step, BusinessStep):
        steps, exact = step.count(pair)
        return int(steps[0]) - 1 if exact[0] and 1 < steps[0] <= 1 + _LONGEST_CLOSED else 0
    if isinstance(step, SessionStep) and step.fits(pair).all():
        sessions, first = int(np.diff(step.session(pair))[0]), int(step.slot(pair)[1])
        return sessions - 1 if first == 0 and 1 < sessions <= 1 + _LONGEST_CLOSED else 0
    return 0


def modern_name(freq: str) -> str:
    """A pandas alias in today's spelling: `H` is `h`, `M` is `ME`."""
    match = re.fullmatch(r"(\d*)([A-Za-z]+)(-[A-Za-z]{3})?", freq.strip())
    return f"{match[1]}{_OLD.get(match[2], match[2])}{(match[3] or '').upper()}" if match else freq.strip()


def _named_step(times: int, unit: str, anchor: str) -> Step | None:
    if times < 1:
        return None
    if unit in UNITS:
        if unit == "W" and anchor in WEEKDAYS:
            return FixedStep(times * UNITS["W"], WEEKDAYS.index(anchor))
        return None if anchor else FixedStep(times * UNITS[unit])
    if unit == "B":
        return BusinessStep() if times == 1 and not anchor else None
    rules = {"S": "start", "E": "end", "BS": "business start", "BE": "business end"}
    rule = rules.get("B" * unit.startswith("B") + unit[-1:])
    span = _SPANS.get(unit.removeprefix("B")[:-1])
    if rule is None or span is None or (anchor and (span == 1 or anchor not in MONTHS)):
        return None
    size = span * times
    return MonthStep(size, rule, MONTHS.index(anchor) % size if anchor else None)


def _always(times: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.bool_(True), times.shape)


def _first_day(months: np.ndarray) -> np.ndarray:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
