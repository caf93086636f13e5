"""Dates written as text: ISO forms, day or month first, month names, quarters, weeks, Chinese forms, zones."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.tables.messages import row_list

_MONTHS = {
    name: i + 1
    for i, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
}
_ZONE = re.compile(r"(?<=\d)\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|(?<=:\d\d)[+-]\d{2})$", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?:^|[T\s,]+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9})\d*)?)?\s*([AaPp])?\.?(?:[Mm]\.?)?$|[T\s]+(\d{1,2})\s*([AaPp])[Mm]$"
)
_YEAR_FIRST = re.compile(r"(\d{4})[-/. ](\d{1,2})(?:[-/. ](\d{1,2}))?")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})")
_MONTH_YEAR = re.compile(r"(\d{1,2})[-/.](\d{4})")
_SHORT_YEAR_MONTH = re.compile(r"(\d{1,2})-(\d{2})")
_QUARTER = re.compile(r"(?:(\d{4})[-\s/]?Q([1-4])|Q([1-4])[-\s/]?(\d{4}))", re.IGNORECASE)
_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})(?:-?([1-7]))?", re.IGNORECASE)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NAMED = re.compile(
    r"(?:[a-z]{3,9},?\s+)?(?:(\d{1,2})(?:st|nd|rd|th)?[-\s./]+)?([a-z]{3,9})\.?[-\s./,]*(?:(\d{1,2})(?:st|nd|rd|th)?[,\s]+)?(\d{4}|\d{2})",
    re.IGNORECASE,
)
_YEAR_NAMED = re.compile(r"(\d{4})[-\s./]+([a-z]{3,9})(?:[-\s./]+(\d{1,2}))?", re.IGNORECASE)


@dataclass(frozen=True)
class DateText:
    """Distinct dates, NaT where unreadable, with what had to be decided."""

    values: np.ndarray
    zone: str | None
    notes: tuple[str, ...]


def text_to_dates(texts: list[str], codes: np.ndarray, name: str) -> DateText:
    """Read distinct texts as dates.

    Args:
        texts: the distinct values.
        codes: (R,) which of them each row holds; for row numbers in messages.
        name: the column's name.

    Raises:
        DataError: where rows are in different time zones, or both day first and month first.
    """
    zones = _zones(texts)
    zone = _one_zone(zones, codes, name)
    iso = pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601", utc=True, errors="coerce")
    iso = iso.where(iso.dt.year.between(1678, 2261))  # what nanoseconds can hold
    if not iso.isna().any() and all(re.match(r"\d{4}(\D|\d{4}$)", text) for text in texts[:100]):
        values, notes = iso.dt.tz_localize(None).to_numpy().astype("datetime64[ns]"), []
        values = values + np.timedelta64(_offset_ns(zone or "Z"), "ns")
    else:
        values, notes = _read_slowly([_plain(text) for text in texts], codes, name)
    if zone is not None and _offset_ns(zone):
        notes.append(f"the time column {name!r} has the offset {zone} throughout; local time is kept without it")
    return DateText(values, None if zone is None else _zone_name(zone), tuple(notes))


def _plain(text: str) -> str:
    """The text without its zone and with Chinese units as signs."""
    text = _ZONE.sub("", text) if ":" in text or text[-1:] in "Zz" else text
    if "年" in text or "月" in text or "时" in text:
        text = re.sub(r"[年月](?=\s*\d)", "-", text)
        text = re.sub(r"[时分](?=\s*\d)", ":", re.sub(r"[年月日秒]", " ", text))
        text = re.sub(r"\s*(\d{1,2})时", r" \1:00", text).replace("分", "")
        text = re.sub(r"\s*-\s*", "-", text)
    return text.strip()


def _zones(texts: list[str]) -> list[str]:
    found = (_ZONE.search(text) if ":" in text or text[-1:] in "Zz" else None for text in texts)
    return [match[1].upper() if match else "" for match in found]


def _one_zone(zones: list[str], codes: np.ndarray, name: str) -> str | None:
    distinct = {zone and _offset_ns(zone) for zone in zones}
    if len(distinct) == 1:
        return zones[0] or None
    first = zones[codes[0]]
    other = np.array([(zone and _offset_ns(zone)) != (first and _offset_ns(first)) for zone in zones])
    rows = np.flatnonzero(other[codes])
    raise DataError(
        f"the time column {name!r} mixes time zones: row 1 has {first or 'no offset'} but {row_list(rows)} "
        f"{zones[codes[rows[0]]] or 'no offset'}; convert all stamps to one zone, for instance UTC"
    )


def _offset_ns(zone: str) -> int:
    if zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (1 if zone[0] == "+" else -1) * (int(digits[:2]) * 60 + int(digits[2:])) * 60 * 10**9


def _zone_name(zone: str) -> str:
    seconds = _offset_ns(zone) // 10**9
    return (
        f"{'+' if seconds > 0 else '-'}{abs(seconds) // 3600:02d}:{abs(seconds) // 60 % 60:02d}" if seconds else "UTC"
    )


def _read_slowly(texts: list[str], codes: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    parts = [_split_clock(text) for text in texts]
    fields = [_fields(date) for date, _ in parts]
    notes: list[str] = []
    if any(field and field[0] == "last" for field in fields):
        fields = _decide_order(fields, [date for date, _ in parts], codes, name, notes)
    short = [field is not None and field[0] == "short" for field in fields]
    if 2 * sum(short) > len(fields):
        date = parts[short.index(True)][0]
        fields = [("date", 2000 + field[1], field[2], 1) if field and field[0] == "short" else None for field in fields]
        notes.append(f"the time column {name!r} was read as year and month, year 1 as 2001 ({date!r})")
    else:
        fields = [field if field and field[0] == "date" else None for field in fields]
    values = np.array([_stamp(field, clock) for field, (_, clock) in zip(fields, parts, strict=True)])
    return values.astype("datetime64[ns]"), notes


def _split_clock(text: str) -> tuple[str, int | None]:
    """Date part and nanoseconds since midnight; None for an impossible time of day."""
    match = _CLOCK.search(text)
    if not match:
        return text, 0
    hour, minute, second = int(match[1] or match[6]), int(match[2] or 0), int(match[3] or 0)
    half = (match[5] or match[7] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0) if 1 <= hour <= 12 else 99
    fraction = int((match[4] or "0").ljust(9, "0"))
    possible = minute < 60 and second < 60 and (hour < 24 or (hour == 24 and minute == second == 0))
    nanoseconds = ((hour * 60 + minute) * 60 + second) * 10**9 + fraction
    return text[: match.start()].strip(" ,T"), nanoseconds if possible else None


def _fields(text: str) -> tuple[str, int, int, int] | None:
    """("date", year, month, day), or ("last", first, second, year), or ("short", year, month, 1)."""
    if match := _YEAR_FIRST.fullmatch(text):
        return "date", int(match[1]), int(match[2]), int(match[3] or 1)
    if match := _YEAR_LAST.fullmatch(text):
        return "last", int(match[1]), int(match[3]), _full_year(match[4])
    if match := _COMPACT.fullmatch(text):
        return "date", int(match[1]), int(match[2]), int(match[3])
    if match := _MONTH_YEAR.fullmatch(text):
        return "date", int(match[2]), int(match[1]), 1
    if match := _QUARTER.fullmatch(text):
        return "date", int(match[1] or match[4]), int(match[2] or match[3]) * 3 - 2, 1
    if match := _WEEK.fullmatch(text):
        return _week_fields(int(match[1]), int(match[2]), int(match[3] or 1))
    if match := _SHORT_YEAR_MONTH.fullmatch(text):
        return "short", int(match[1]), int(match[2]), 1
    return _named_fields(text)


def _named_fields(text: str) -> tuple[str, int, int, int] | None:
    if match := _YEAR_NAMED.fullmatch(text):
        year, word, day = match[1], match[2], match[3]
    elif match := _NAMED.fullmatch(text):
        year, word, day = match[4], match[2], match[1] or match[3]
    else:
        return None
    month = _MONTHS.get(word[:3].lower())
    return None if month is None else ("date", _full_year(year), month, int(day or 1))


def _week_fields(year: int, week: int, day: int) -> tuple[str, int, int, int] | None:
    try:
        date = pd.Timestamp.fromisocalendar(year, week, day)
    except ValueError:
        return None
    return "date", date.year, date.month, date.day


def _full_year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else year + (2000 if year < 69 else 1900)


def _decide_order(
    fields: list[tuple[str, int, int, int] | None], dates: list[str], codes: np.ndarray, name: str, notes: list[str]
) -> list[tuple[str, int, int, int] | None]:
    """Day first or month first, from the numbers above 12, else from the order that gives the more regular steps."""
    fields = [None if field and field[0] == "last" and min(field[1], field[2]) > 12 else field for field in fields]
    last = [field if field and field[0] == "last" else None for field in fields]
    day_first = np.array([field is not None and field[1] > 12 for field in last])
    month_first = np.array([field is not None and field[2] > 12 for field in last])
    if day_first.any() and month_first.any():
        first, second = np.flatnonzero(day_first[codes]), np.flatnonzero(month_first[codes])
        raise DataError(
            f"the time column {name!r} has the day first in {row_list(first)} ({dates[codes[first[0]]]!r}) but the "
            f"month first in {row_list(second)} ({dates[codes[second[0]]]!r}); write all dates as 2024-01-31"
        )
    orders = {True: _ordered(fields, True), False: _ordered(fields, False)}
    if day_first.any() or month_first.any():
        chosen, reason = bool(day_first.any()), "a number above 12 shows it"
    else:
        scores = {order: _regularity(_values(found)) for order, found in orders.items()}
        dotted = any("." in date for date, field in zip(dates, last, strict=True) if field)
        chosen = scores[True] > scores[False] or (scores[True] == scores[False] and dotted)
        reason = "this order gives the more regular steps"
        if scores[True] == scores[False]:
            reason = "nothing in the column tells day from month; write 2024-01-31 if this is wrong"
    order = "day first, then month" if chosen else "month first, then day"
    notes.append(f"the dates in {name!r} were read as {order} ({reason})")
    return orders[chosen]


def _ordered(fields: list[tuple[str, int, int, int] | None], day_first: bool) -> list[tuple[str, int, int, int] | None]:
    return [
        ("date", field[3], field[2] if day_first else field[1], field[1] if day_first else field[2])
        if field and field[0] == "last"
        else field
        for field in fields
    ]


def _values(fields: list[tuple[str, int, int, int] | None]) -> np.ndarray:
    return np.array([_stamp(field, 0) for field in fields]).astype("datetime64[ns]")


def _regularity(values: np.ndarray) -> float:
    """Share of the most frequent distance between neighbouring distinct dates, in days or in months."""
    if np.isnat(values).any() or len(values) < 2:
        return 0.0
    dates = np.unique(values)
    if len(dates) < 2:
        return 0.0
    shares = []
    for unit in ("datetime64[D]", "datetime64[M]"):
        distance = np.diff(dates.astype(unit).astype(np.int64))
        whole_months = unit.endswith("[M]") and len(set((dates - dates.astype(unit)).tolist())) > 1
        shares.append(0.0 if whole_months else np.unique(distance, return_counts=True)[1].max() / len(distance))
    return max(shares)


def _stamp(field: tuple[str, int, int, int] | None, clock: int | None) -> np.datetime64:
    """One date and time of day as a stamp, NaT where there is no such date."""
    if field is None or clock is None or not 1678 <= field[1] <= 2261:
        return np.datetime64("NaT", "ns")
    _, year, month, day = field
    try:
        date = np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "ns")
    except ValueError:
        return np.datetime64("NaT", "ns")
    return date + np.timedelta64(clock, "ns")
