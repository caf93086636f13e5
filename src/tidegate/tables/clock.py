"""How are single time stamps of one model read from what a caller sends, counted in steps, and written back?"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.tables.columns import Columns
from tidegate.tables.date_formats import YEARS, has_year_beyond
from tidegate.tables.frequency import future_times
from tidegate.tables.stamps import NUMBER_FORMS, UNIX
from tidegate.tables.steps import closed_between, parse_step
from tidegate.tables.zones import pandas_zone

_LARGEST = 2**53
_FURTHEST = 2**62  # nanoseconds, 146 years
_EPOCH, _MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)


class Clock:
    """Reads, counts and writes the stamps of one model; inside, a stamp is nanoseconds (dates) or a number."""

    def __init__(self, columns: Columns, freq: str | int | float, dtype: np.dtype) -> None:
        self._columns, self._freq, self._dtype = columns, freq, dtype
        self._step = parse_step(freq)
        self._dates = dtype.kind == "M"
        self._longest = int(np.asarray(self._step.ahead(np.array([0]), 1))[0]) if self._dates else 0

    @property
    def counts_in_floats(self) -> bool:
        """Whether stamps inside are floating-point numbers."""
        return self._dtype.kind == "f"

    def read(self, stamp: Any) -> int | float:
        """The stamp inside, from ISO 8601 text, a datetime, or a number as the table wrote them.

        Raises:
            DataError: it cannot be read, or does not fall on this model's steps.
        """
        try:
            inside = self._date(stamp) if self._dates else self._number(stamp)
        except DataError:
            raise
        except (ValueError, OverflowError, TypeError):
            raise DataError(self._fault(str(stamp))) from None
        if not self._step.fits(np.array([inside]))[0]:
            raise DataError(f"time {str(stamp)[:40]!r} does not fall on the model's steps of {self._freq}")
        return inside

    def steps_between(self, earlier: int | float, later: int | float) -> int:
        """Whole steps from one stamp to another.

        Raises:
            DataError: they are no whole number of steps apart.
        """
        steps, exact = self._step.count(np.array([earlier, later]))
        if not exact[0]:
            raise DataError(
                f"time {self.write(later)} is no whole number of steps ({self._freq}) after {self.write(earlier)}; "
                "give the time of the next step"
            )
        return int(steps[0])

    def follow_each_other(self, earlier: int | float, later: int | float) -> bool:
        """Whether nothing but days without trading lies between two stamps."""
        return self._dates and closed_between(self._step, int(earlier), int(later)) > 0

    def after(self, stamp: int | float, first: int, end: int) -> np.ndarray:
        """The stamps inside, `first` to `end` - 1 steps after this one.

        Raises:
            DataError: they lie beyond what a time stamp can hold.
        """
        stamps = np.asarray(self._step.ahead(np.array([stamp]), np.arange(first, end)))
        # Whole years at once wrap around 64 bits more than once, so the order alone does not tell.
        if self._dates and ((end - 1) * self._longest > _FURTHEST or (stamps[-1:] < stamp).any()):
            raise DataError("the times reach beyond the year 2262; begin earlier, or give fewer rows")
        return stamps

    def sample(self, count: int) -> np.ndarray:
        """Some stamps inside (count,), one step apart, for a history that is only a trial."""
        return self.after(int(np.asarray(self._step.ahead(np.array([0]), 1))[0]), 0, count)

    def stamps(self, inside: np.ndarray) -> np.ndarray:
        """Stamps inside, (R,) numbers, as a panel holds them."""
        return inside.astype(np.int64).view("datetime64[ns]") if self._dates else inside.astype(self._dtype)

    def ahead(self, last: Any, steps: int) -> np.ndarray:
        """The stamps, as a panel holds them, of the steps after the last one (N, steps) or (steps,).

        Raises:
            DataError: they lie beyond what a time stamp can hold.
        """
        return future_times(last, self._freq, steps)

    def restore(self, stamps: np.ndarray) -> np.ndarray | pd.Series:
        """Stamps (S,) of a panel in the table's own terms."""
        return self._columns.restore_times(stamps)

    def write(self, inside: int | float) -> str | int | float:
        """A stamp as JSON has it: ISO 8601 text for dates, with its zone when there is one, or a number."""
        return self.texts(self.stamps(np.array([inside])))[0]

    def texts(self, stamps: np.ndarray) -> list[Any]:
        """Stamps (S,) of a panel as JSON has them."""
        if stamps.dtype.kind != "M":
            return stamps.tolist()
        kind = self._columns.time_kind
        if kind in UNIX or kind in NUMBER_FORMS:
            return np.asarray(self._columns.restore_times(stamps)).tolist()
        if self._columns.zone is not None:
            return [stamp.isoformat() for stamp in pd.Series(self._columns.restore_times(stamps))]
        unit = "s" if not (stamps.view(np.int64) % 10**9).any() else "ns"
        return np.datetime_as_string(stamps, unit=unit).tolist()

    def _fault(self, text: str) -> str:
        """What is wrong with a stamp that cannot be read."""
        if self._dates and has_year_beyond(text):
            return f"time {text[:40]!r} lies beyond the years {YEARS[0]} to {YEARS[1]}; correct it"
        kind = "a date and time in ISO 8601, such as 2026-01-31T12:00:00"
        if not self._dates:
            kind = f"a {'whole ' if self._dtype.kind == 'i' else ''}number between -2**53 and 2**53"
        return f"time must be {kind}, not {text[:40]!r}"

    def _date(self, stamp: Any) -> int:
        if isinstance(stamp, np.datetime64):
            return int(stamp.astype("datetime64[ns]").astype(np.int64))
        kind = self._columns.time_kind
        if isinstance(stamp, bool):
            raise TypeError
        if isinstance(stamp, int | float) or (isinstance(stamp, str) and stamp.isdigit()):
            number = int(stamp)
            if number != float(stamp):
                raise ValueError
            if kind in UNIX:
                return self._local(_EPOCH + timedelta(microseconds=number * UNIX[kind] // 1000))
            stamp = _from_number(number, kind)
        if isinstance(stamp, str):
            stamp = _parse_iso(stamp)
        elif not isinstance(stamp, datetime) and isinstance(stamp, date):
            stamp = datetime(stamp.year, stamp.month, stamp.day)
        return self._local(stamp)

    def _local(self, stamp: datetime) -> int:
        columns = self._columns
        moment = pd.Timestamp(stamp)
        if columns.in_utc:
            moment = (self._moment(moment) if stamp.tzinfo is None else moment).tz_convert("UTC")
        elif stamp.tzinfo is not None:
            if columns.zone is None:
                raise DataError(f"time {stamp.isoformat()} has a zone and the model's times have none; give local time")
            moment = moment.tz_convert(pandas_zone(columns.zone))
        stamp = moment.to_pydatetime()
        if not YEARS[0] <= stamp.year <= YEARS[1]:
            raise ValueError
        return (stamp.replace(tzinfo=None) - _EPOCH) // _MICROSECOND * 1000

    def _moment(self, stamp: pd.Timestamp) -> pd.Timestamp:
        """The moment that a stamp without a zone means on the wall clock of the model's zone."""
        zone = self._columns.clock_zone
        if zone is None:
            raise DataError(f"time {stamp.isoformat()} has no zone and the model's times do; add one, such as +00:00")
        moment = stamp.tz_localize(pandas_zone(zone), ambiguous="NaT", nonexistent="NaT")
        if not isinstance(moment, pd.Timestamp):
            raise DataError(
                f"the clocks of {zone} show {stamp.isoformat()} twice or never; add the offset, such as +01:00"
            )
        return moment

    def _number(self, stamp: Any) -> int | float:
        if isinstance(stamp, bool) or not isinstance(stamp, int | float | np.integer | np.floating):
            raise TypeError
        if not abs(stamp) < _LARGEST or (self._dtype.kind == "i" and stamp != int(stamp)):
            raise ValueError
        return int(stamp) if self._dtype.kind == "i" else float(stamp)


def _from_number(number: int, kind: str) -> datetime:
    """A stamp written as the model's table did, or at least as a day or a month."""
    for each in (kind, "yyyymmdd", "yyyymm") if kind in NUMBER_FORMS else ():
        if len(str(number)) == len(each):
            return datetime.strptime(str(number), NUMBER_FORMS[each][0])
    raise ValueError


def _parse_iso(text: str) -> datetime:
    text = text.strip()
    if text.endswith(("Z", "z")):
        text = text[:-1] + "+00:00"
    if len(text) == 7 and text[4] == "-":
        text += "-01"
    return datetime.fromisoformat(text)
