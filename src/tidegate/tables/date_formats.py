"""Which date does a text mean: patterns for the common forms, and the decision between day and month first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.notes import Note
from tidegate.tables.messages import row_list
from tidegate.tables.zones import offsets_of, refuse_other_zones, without_zone

# No text is read by two of these. A month's name stands here as m01 to m12; _REWRITES brings other forms to these.
PATTERNS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y %m %d", "%Y-%m", "%Y/%m", "%Y.%m", "%Y %m", "%G-w%V-%u"),
    *("%m-%Y", "%m/%Y", "%m.%Y", "%d m%m %Y", "%d m%m %y", "m%m %d %Y", "m%m %d %y"),
    *("m%m %Y", "m%m %y", "%Y m%m", "%Y m%m %d"),
)
DAY_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d %m %Y", "%d/%m/%y", "%d-%m-%y", "%d.%m.%y", "%d %m %y")
MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%m %d %Y", "%m/%d/%y", "%m-%d-%y", "%m.%d.%y", "%m %d %y")
YEAR_FIRST = ("%y-%m-%d", "%y/%m/%d", "%y.%m.%d", "%y %m %d")
_ORDERS = {"year": YEAR_FIRST, "day": DAY_FIRST, "month": MONTH_FIRST}
YEARS = (1678, 2261)  # whole years that nanoseconds in 64 bits can hold
_YEAR = re.compile(r"\s*([+-]?\d{4,12})-\d")

_MONTHS = "jan(?:uary)? feb(?:ruary)? mar(?:ch)? apr(?:il)? may june? july? aug(?:ust)? sept?(?:ember)?"
_MONTHS += " oct(?:ober)? nov(?:ember)? dec(?:ember)?"
_MONTH = "|".join(f"({name})" for name in _MONTHS.split())
_WEEKDAY = "(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
_REWRITES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3"),
    (r"^(\d{4})[-\s/]?q([1-4])$", lambda match: f"{match[1]}-{int(match[2]) * 3 - 2}"),
    (r"^q([1-4])[-\s/]?(\d{4})$", lambda match: f"{match[2]}-{int(match[1]) * 3 - 2}"),
    (r"^(\d{4})-?w(\d{1,2})$", r"\1-w\2-1"),
    (r"^(\d{4})-?w(\d{1,2})-?([1-7])$", r"\1-w\2-\3"),
    (r"\s*[年月]\s*(?=\d)", "-"),
    (r"\s*[年月日]\s*$", ""),
    (rf"^{_WEEKDAY}[.,]?\s+", ""),
    (r"(?<=\d)(?:st|nd|rd|th)\b", ""),
    (rf"[-\s./,]*(?<![a-z])(?:{_MONTH})(?![a-z])[-\s./,]*", lambda match: f" m{match.lastindex or 0:02d} "),
    (r"[\s,]+", " "),
)
_COMPILED = [(re.compile(form), plain) for form, plain in _REWRITES]
_TO_REWRITE = re.compile(r"[^\W\d_]|^\d{8}$")  # a letter, or a date without signs
_REWRITTEN = re.compile(r"[-\d/. mw]{4,12}")  # what any pattern could read
_SHORT_MONTH = re.compile(r"(\d{1,2})-(\d{2})")
_TIME_OF_DAY = re.compile(
    r"(?:^|(?-i:[T\s,]+)|(?<=日))(?P<hour>\d{1,2})"
    r"(?:[:时](?P<minute>\d{2})(?:[:分](?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9})\d*)?)?[分秒]?|时|(?=\s*[ap]m$))"
    r"\s*(?:(?P<half>[ap])\.?(?:m\.?)?)?$",
    re.IGNORECASE,
)
_SAMPLE = 20
_NAT = np.datetime64("NaT", "ns")


@dataclass(frozen=True)
class DateText:
    """Distinct dates by the wall clock, NaT where unreadable, with what had to be decided.

    Attributes:
        values: (U,) datetime64[ns].
        offsets: (U,) nanoseconds from UTC; None where the texts name no zone.
        notes: what was decided.
    """

    values: np.ndarray
    offsets: np.ndarray | None
    notes: tuple[Note, ...]


def text_to_dates(texts: list[str], codes: np.ndarray, name: str) -> DateText:
    """Read distinct texts as dates.

    Args:
        texts: the distinct values.
        codes: (R,) which of them each row holds; for row numbers in messages.
        name: the column's name.

    Raises:
        DataError: where rows are in different time zones, or both day first and month first.
    """
    offsets = offsets_of(texts, codes, name)
    values, notes = _read_iso(texts, 0 if offsets is None else offsets.astype("timedelta64[ns]")), []
    if values is None:
        days, clock = zip(*map(_split_time_of_day, texts), strict=True)
        at, distinct = pd.factorize(np.array(days, dtype=object))
        dates, notes = _read_days(np.asarray(distinct, dtype=object), at[codes], name)
        values = dates[at] + np.array(clock, dtype="timedelta64[ns]")
    if offsets is not None and not np.isnat(values).any():
        refuse_other_zones(values - offsets.astype("timedelta64[ns]"), offsets, codes, name)
    return DateText(values, offsets, tuple(notes))


def form_to_dates(texts: list[str], codes: np.ndarray, name: str, form: str) -> DateText:
    """As `text_to_dates`, of texts written in one form of strptime.

    Raises:
        ValueError: it is no form.
        DataError: where rows are in different time zones.
    """
    zoned = "%z" in form
    dates = pd.to_datetime(pd.Series(texts, dtype=object), format=form, utc=zoned, errors="coerce", cache=False)
    values = _within_years(dates.dt.tz_localize(None) if zoned else dates)
    if not zoned or np.isnat(values).any():
        return DateText(values, None, ())
    behind = [datetime.strptime(text, form).utcoffset() for text in texts]
    offsets = np.array(behind, dtype="timedelta64[ns]").astype(np.int64)
    refuse_other_zones(values, offsets, codes, name)
    return DateText(values + offsets.astype("timedelta64[ns]"), offsets, ())


def has_year_beyond(text: str) -> bool:
    """Whether a text begins with a year that no stamp can hold, such as 0001-01-01 or 30000-01-01."""
    year = _YEAR.match(text)
    return year is not None and not YEARS[0] <= int(year[1]) <= YEARS[1]


def date_like(texts: list[str]) -> np.ndarray:
    """Whether each text (U,) by itself is a date in one of the forms, with day, month or year first."""
    days = np.array([day for day, _ in map(_split_time_of_day, texts)], dtype=object)
    read = ~np.isnat(_read(days, PATTERNS + DAY_FIRST + MONTH_FIRST + YEAR_FIRST))
    read[_matching(_SHORT_MONTH, days)] = True
    return read


def _read_iso(texts: list[str], offset: np.ndarray | int) -> np.ndarray | None:
    """Local time of texts in the forms of ISO 8601; None unless all are, for the other forms are tried then."""
    if not all(re.match(r"\d{4}(\D|\d{4}$)", text) for text in texts[:100]):
        return None
    dates = pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601", utc=True, errors="coerce")
    values = _within_years(dates.dt.tz_localize(None))
    return None if np.isnat(values).any() else values + offset


def _split_time_of_day(text: str) -> tuple[str, np.timedelta64]:
    """The date part as `PATTERNS` have it, and the time since midnight, NaT for an impossible one."""
    text = without_zone(text)
    match = _TIME_OF_DAY.search(text)
    if match is None:
        return _rewrite(text), np.timedelta64(0, "ns")
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    if match["half"]:
        hour = hour % 12 + (12 if match["half"] in "pP" else 0) if 1 <= hour <= 12 else 99
    possible = minute < 60 and second < 60 and (hour < 24 or (hour == 24 and minute == second == 0))
    nanoseconds = ((hour * 60 + minute) * 60 + second) * 10**9 + int((match["fraction"] or "0").ljust(9, "0"))
    return _rewrite(text[: match.start()]), np.timedelta64(nanoseconds if possible else "NaT", "ns")


def _rewrite(day: str) -> str:
    """The date part without names: `15-Jan-20` is `15 m01 20`, `2020Q3` is `2020-7`."""
    day = day.strip(" ,")
    if not _TO_REWRITE.search(day):
        return day
    day = day.lower()
    for form, plain in _COMPILED:
        day = form.sub(plain, day)
    return day.strip()


def _read_days(days: np.ndarray, codes: np.ndarray, name: str) -> tuple[np.ndarray, list[Note]]:
    """Dates (U,) of distinct date parts; `codes` (R,) say which of them each row holds."""
    dates, notes = _read(days, PATTERNS), []
    short = _matching(_SHORT_MONTH, days)
    if 2 * len(short) > len(days):
        # Only a column of such texts is one of months; among other dates 1-01 would be a guess.
        dates[short] = _read(np.array([f"20{day:0>5}" for day in days[short]], dtype=object), ("%Y-%m",))
        notes.append(Note("tables.short_months", {"column": name, "text": str(days[short[0]])}))
    unread = np.flatnonzero(np.isnat(dates))
    read = {order: _read(days[unread], patterns) for order, patterns in _ORDERS.items()}
    some = ~np.all([np.isnat(order) for order in read.values()], axis=0)
    if some.any():
        unread = unread[some]
        orders = {order: values[some] for order, values in read.items()}
        order, reason = _choose_order(orders, unread, days, codes, name)
        dates[unread] = orders[order]
        notes.append(Note(f"tables.{order}_first_{reason}", {"column": name}))
    return dates, notes


def _choose_order(
    orders: dict[str, np.ndarray], unread: np.ndarray, days: np.ndarray, codes: np.ndarray, name: str
) -> tuple[str, str]:
    """Which part comes first, and why: from the numbers above 12, else from what gives the more regular steps."""
    missing = {order: np.isnat(values) for order, values in orders.items()}
    only_day, only_month = unread[missing["month"] & ~missing["day"]], unread[missing["day"] & ~missing["month"]]
    fitting = [order for order in orders if not missing[order].any()]
    if not fitting and len(only_day) and len(only_month):
        first, second = (np.flatnonzero(np.isin(codes, only)) for only in (only_day, only_month))
        raise DataError(
            f"the time column {name!r} has the day first in {row_list(first)} ({days[codes[first[0]]]!r}) but the "
            f"month first in {row_list(second)} ({days[codes[second[0]]]!r}); write all dates as 2024-01-31"
        )
    if len(fitting) < 2:
        return (fitting or [min(orders, key=lambda order: int(missing[order].sum()))])[0], "shown"
    scores = {order: _regularity(orders[order]) for order in fitting}
    best = [order for order in fitting if scores[order] == max(scores.values())]
    if len(best) == 1:
        return best[0], "regular"
    if "year" in best and _slowest_first(days[unread]):
        return "year", "unclear"
    return ("day" if "day" in best and any("." in text for text in days[unread]) else best[-1]), "unclear"


def _slowest_first(days: np.ndarray) -> bool:
    """Whether texts with hyphens change less in their first part than in their last, as years do before days."""
    parts = [day.split("-") for day in days]
    return all(len(part) == 3 for part in parts) and len({p[0] for p in parts}) <= len({p[2] for p in parts})


def _regularity(dates: np.ndarray) -> float:
    """Share of the most frequent distance between neighbouring distinct dates, in days or in months."""
    dates = np.unique(dates[~np.isnat(dates)])
    if len(dates) < 2:
        return 0.0
    shares = []
    for unit in ("datetime64[D]", "datetime64[M]"):
        distance = np.diff(dates.astype(unit).astype(np.int64))
        other_days = unit.endswith("[M]") and len(np.unique(dates - dates.astype(unit))) > 1
        shares.append(0.0 if other_days else np.unique(distance, return_counts=True)[1].max() / len(distance))
    return max(shares)


def _read(days: np.ndarray, patterns: tuple[str, ...]) -> np.ndarray:
    """Dates (U,) of date parts, NaT where no pattern reads them; patterns that read the first of them come first."""
    dates = np.full(len(days), _NAT)
    unread = _matching(_REWRITTEN, days)
    if len(unread) > _SAMPLE:
        sample = days[unread[:_SAMPLE]]
        patterns = tuple(sorted(patterns, key=lambda pattern: int(np.isnat(_parse(sample, pattern)).sum())))
    for pattern in patterns:
        if not len(unread):
            break
        dates[unread] = _parse(days[unread], pattern)
        unread = unread[np.isnat(dates[unread])]
    return dates


def _matching(form: re.Pattern[str], days: np.ndarray) -> np.ndarray:
    return np.flatnonzero([form.fullmatch(day) is not None for day in days])


def _parse(days: np.ndarray, pattern: str) -> np.ndarray:
    return _within_years(pd.to_datetime(pd.Series(days, dtype=object), format=pattern, errors="coerce", cache=False))


def _within_years(dates: pd.Series) -> np.ndarray:
    return dates.where(dates.dt.year.between(*YEARS)).to_numpy().astype("datetime64[ns]")
