"""Which moments does a column of time stamps mean: dates as datetime64[ns], or plain numbers."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tidegate.errors import DataError, SettingError
from tidegate.notes import Note
from tidegate.tables.date_formats import YEARS, DateText, form_to_dates, has_year_beyond, text_to_dates
from tidegate.tables.date_writing import find_form, read_form
from tidegate.tables.messages import row_list, shown
from tidegate.tables.numbers import is_text
from tidegate.tables.zones import offset_name

UNIX = {"unix_s": 10**9, "unix_ms": 10**6, "unix_us": 10**3, "unix_ns": 1}  # time_kind -> nanoseconds
# time_kind -> how pandas writes it, what a year counts, the note. In hours, 1900 to 2099 are Unix seconds of the 2030s.
NUMBER_FORMS = {
    "yyyymmddHHMMSS": ("%Y%m%d%H%M%S", 10**10, "number_times"),
    "yyyymmddHHMM": ("%Y%m%d%H%M", 10**8, "number_times"),
    "yyyymmddHH": ("%Y%m%d%H", 10**6, "number_times"),
    "yyyymmdd": ("%Y%m%d", 10**4, "number_dates"),
    "yyyyddd": ("%Y%j", 10**3, "number_days"),
    "yyyymm": ("%Y%m", 10**2, "number_months"),
}
_LIKELY = (1900, 2099)
_PARTS = {"year": YEARS, "month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59), "second": (0, 59)}
_DATE_NAME = re.compile(r"date|datum|日期", re.IGNORECASE)

CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([ap]\.?m\.?)?", re.IGNORECASE)
_EMPTY = ("", " ", "NA", "N/A", "nan", "NaN", "NaT", "None", "null")


@dataclass(frozen=True)
class Times:
    """Time stamps and how they were written.

    Attributes:
        values: (R,) by the wall clock, datetime64[ns], or plain numbers.
        kind: as `Columns.time_kind`.
        universal: (R,) the same moments in UTC, where the stamps have a zone.
        zone: its name or offset; None where there is none, or where only offsets that change are known.
        written: the zone or the offsets in words, for notes.
        in_utc: whether `values` are in UTC instead, as `in_steps` may decide.
        notes: what was decided.
        form: how text writes them, as `find_form` finds it.
    """

    values: np.ndarray
    kind: str = "dates"
    universal: np.ndarray | None = None
    zone: str | None = None
    written: str = ""
    in_utc: bool = False
    notes: tuple[Note, ...] = ()
    form: str | None = None


def parse_times(column: pd.Series, name: str, form: str | None = None, usual: str | None = None) -> Times:
    """Read a column of time stamps.

    Dates as datetimes, periods or text in any common format; dates as numbers (20240131, 2024013118, 2024031, 202401,
    31012024, Unix time, Excel serial dates in a column named as a date); any other whole or broken numbers stay
    numbers.

    Args:
        column: the stamps.
        name: its name, for messages.
        form: how text and numbers write dates, in the letters of strptime; found out when None.
        usual: how the column's text was written before, which is tried first.

    Raises:
        DataError: naming rows without a stamp, rows that cannot be read, or rows in different time zones.
    """
    dtype = column.dtype
    if form is not None and (is_text(column) or pd.api.types.is_numeric_dtype(dtype)):
        return _from_form(column, name, form)
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        values = column.to_numpy()
        values = values if dtype == "datetime64[ns]" else _to_nanoseconds(values, name)
        if np.isnat(values).any():
            raise _unread(column, np.isnat(values), name)
        return Times(values)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _from_zone(column, name)
    if isinstance(dtype, pd.PeriodDtype):
        _refuse_missing(column, name)
        return Times(_to_nanoseconds(column.dt.to_timestamp().to_numpy(), name), f"period:{str(dtype)[7:-1]}")
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return parse_times(pd.Series(pd.to_datetime(column.astype(object))), name)
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
        _refuse_missing(column, name)
        return _from_numbers(column.to_numpy(dtype=None if isinstance(dtype, np.dtype) else np.float64), name)
    return _from_objects(column, name, usual)


def is_midnight(value: object) -> bool:
    """Whether a value is a bare date, also one that a spreadsheet gave the time 00:00:00."""
    return str(value).strip().endswith(" 00:00:00")


def parse_date_and_clock(date: pd.Series, clock: pd.Series, form: str | None) -> Times:
    """Put stamps together from a column of dates and one of times of day.

    Raises:
        DataError: as `parse_times` does, of both together.
    """
    days = date.map(lambda value: str(value).strip().removesuffix(" 00:00:00"))
    joined = days + " " + clock.map(lambda value: str(value).strip())
    known = date.notna() & clock.notna()
    return parse_times(joined.where(known).astype(object), f"{date.name}, {clock.name}", form)


def parse_calendar(parts: dict[str, np.ndarray], names: tuple[str, ...]) -> Times:
    """Put dates together from columns of whole numbers: year, month and as many of the smaller parts as there are.

    Args:
        parts: "year", "month", "day", "hour", "minute", "second" -> (R,) numbers.
        names: the columns' own names, for messages.

    Raises:
        DataError: naming rows that make no date.
    """
    bad = np.zeros(len(parts["year"]), dtype=bool)
    whole: dict[str, np.ndarray] = {"day": np.ones(len(bad))}
    for part, values in parts.items():
        low, high = _PARTS[part]
        impossible = ~((values >= low) & (values <= high) & (values == np.floor(values)))
        bad |= impossible
        whole[part] = np.where(impossible, 1, values)
    dates = pd.to_datetime(pd.DataFrame(whole), errors="coerce").to_numpy().astype("datetime64[ns]")
    rows = np.flatnonzero(bad | np.isnat(dates))
    if len(rows):
        raise DataError(
            f"the columns {', '.join(names)} make no date in {row_list(rows)}; correct or remove those rows"
        )
    return Times(dates)


def _from_zone(column: pd.Series, name: str) -> Times:
    _refuse_missing(column, name)
    universal = _to_nanoseconds(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(), name)
    local = _to_nanoseconds(column.dt.tz_localize(None).to_numpy(), name)
    offsets = np.unique((local - universal).view(np.int64))
    zone = _zone_name(str(column.dt.tz), offsets)
    return Times(local, "dates", universal, zone, zone or str(column.dt.tz))


def _zone_name(text: str, offsets: np.ndarray) -> str | None:
    """A zone's name, or its offset where pandas does not know it by its name."""
    try:
        pd.Timestamp(0, tz=text)
    except (LookupError, ValueError, TypeError, OSError):
        return offset_name(int(offsets[0])) if len(offsets) == 1 else None
    return text


def _from_numbers(values: np.ndarray, name: str) -> Times:
    if not np.isfinite(values).all():
        raise DataError(
            f"the time column {name!r} is infinite in {row_list(np.flatnonzero(~np.isfinite(values)))}; "
            "correct or remove those rows"
        )
    low, high = values.min(), values.max()
    if values.dtype.kind == "u" and high >= 2**63:
        rows = row_list(np.flatnonzero(values >= 2**63))
        raise DataError(f"the time column {name!r} is 2**63 or more in {rows}; correct or remove those rows")
    if _DATE_NAME.search(name) and low >= 20_000 and high <= 80_000:
        days = np.rint(values.astype(np.float64) * 86_400).astype(np.int64) * 10**9
        base = np.datetime64("1899-12-30", "ns")
        return Times(base + days.astype("timedelta64[ns]"), notes=(Note("tables.excel_dates", {"column": name}),))
    if values.dtype.kind == "f":
        if high >= 2**53 or low <= -(2**53) or (values != np.rint(values)).any():
            return Times(values.astype(np.float64), "numbers")
        values = values.astype(np.int64)
    return _from_whole_numbers(values.astype(np.int64, copy=False), name, int(low), int(high))


def _from_whole_numbers(values: np.ndarray, name: str, low: int, high: int) -> Times:
    for kind, (_, size, key) in NUMBER_FORMS.items():
        dates = _from_digits(values, kind, size, low, high)
        if dates is not None:
            return Times(dates, kind, notes=(Note(f"tables.{key}", {"column": name, "number": low}),))
    for kind, size in UNIX.items():
        if low * size >= 3 * 10**17 and high * size <= 5 * 10**18:
            note = Note("tables.unix_time", {"column": name, "unit": kind.removeprefix("unix_")})
            return Times((values * size).view("datetime64[ns]"), kind, notes=(note,))
    return _without_signs(values, name, low, high) or Times(values, "numbers")


def _from_digits(values: np.ndarray, kind: str, size: int, low: int, high: int) -> np.ndarray | None:
    """Dates of numbers such as 2024013123, or None unless all of them exist."""
    years = YEARS if kind in ("yyyymmdd", "yyyymm") else _LIKELY
    if low < years[0] * size or high >= (years[1] + 1) * size:
        return None
    if kind == "yyyyddd":
        return _days_of_year(values // 1000, values % 1000)
    if kind == "yyyymm":
        return _calendar(values // 100, values % 100, np.ones_like(values))
    days, clock = np.divmod(values, size // 10_000)
    dates = _calendar(days // 10_000, days // 100 % 100, days % 100)
    if dates is None or size == 10_000:
        return dates
    clock = clock * (10**10 // size)
    hours, minutes, seconds = clock // 10_000, clock // 100 % 100, clock % 100
    if (hours > 23).any() or (minutes > 59).any() or (seconds > 59).any():
        return None
    return dates + ((hours * 60 + minutes) * 60 + seconds).astype("timedelta64[s]")


def _days_of_year(years: np.ndarray, days: np.ndarray) -> np.ndarray | None:
    first = (years - 1970).astype("datetime64[Y]")
    dates = first.astype("datetime64[D]") + (days - 1)
    return dates.astype("datetime64[ns]") if (dates.astype("datetime64[Y]") == first).all() else None


def _without_signs(values: np.ndarray, name: str, low: int, high: int) -> Times | None:
    """Dates as 31012024, whose leading zero a number has lost; None unless all of them exist."""
    if low < 1_01_0000 or high > 31_12_2099 or not np.isin(values % 10_000 // 100, (19, 20)).all():
        return None
    codes, numbers = pd.factorize(values)
    texts = [f"{number // 10**6:02d}/{number // 10**4 % 100:02d}/{number % 10**4}" for number in numbers.tolist()]
    try:
        read = text_to_dates(texts, codes, name)
    except DataError:
        return None
    return None if np.isnat(read.values).any() else Times(read.values[codes], notes=read.notes)


def _calendar(years: np.ndarray, months: np.ndarray, days: np.ndarray) -> np.ndarray | None:
    """Dates, or None unless all of them exist."""
    if ((months < 1) | (months > 12) | (days < 1) | (days > 31)).any():
        return None
    number = ((years - 1970) * 12 + months - 1).astype("datetime64[M]")
    dates = number.astype("datetime64[D]") + (days - 1)
    return dates.astype("datetime64[ns]") if (dates.astype("datetime64[M]") == number).all() else None


def _from_objects(column: pd.Series, name: str, usual: str | None) -> Times:
    empty = column.isna().to_numpy() | column.isin(_EMPTY).to_numpy()
    if empty.any():
        raise _unread(column, empty, name)
    codes, values = pd.factorize(column.astype(object).to_numpy())
    values = np.asarray(values, dtype=object)
    first = values[0]
    if isinstance(first, pd.Period):
        return _from_periods(codes, values, column, name)
    if isinstance(first, datetime.date):
        zones = {str(getattr(value, "tzinfo", None)) for value in values}
        if len(zones) == 1 and zones != {"None"}:
            moments = pd.Series(pd.to_datetime(list(values), utc=True).tz_convert(getattr(first, "tzinfo", None)))
            return _from_zone(moments.take(codes), name)
    texts = [value.isoformat() if isinstance(value, datetime.date) else str(value).strip() for value in values]
    numbers = _as_numbers(texts)
    if numbers is not None:
        return _from_numbers(numbers[codes], name)
    known = None if usual is None else read_form(texts, usual)
    if known is not None:
        return Times(known[codes], form=usual)
    read = text_to_dates(texts, codes, name)
    if np.isnat(read.values).any():
        raise _unread(column, np.isnat(read.values)[codes], name)
    return _of_texts(read, codes, texts if isinstance(first, str) else [])


def _from_form(column: pd.Series, name: str, form: str) -> Times:
    _refuse_missing(column, name)
    whole = pd.api.types.is_float_dtype(column.dtype) and (column % 1 == 0).all()
    codes, values = pd.factorize((column.astype("int64") if whole else column).astype(object).to_numpy())
    texts = [str(value).strip() for value in values]
    try:
        read = form_to_dates(texts, codes, name, form)
    except ValueError as error:
        raise SettingError(f"date_format={form!r} is no format of dates ({error}); use one such as %d.%m.%Y") from None
    unread = np.isnat(read.values)[codes]
    if unread.any():
        rows = np.flatnonzero(unread)
        raise DataError(
            f"the time column {name!r} is not written as date_format={form!r} in {row_list(rows)} "
            f"({shown(texts[codes[rows[0]]])}); correct date_format (--date-format) or those rows"
        )
    return _of_texts(read, codes, texts)


def _of_texts(read: DateText, codes: np.ndarray, texts: list[str]) -> Times:
    form = find_form(texts, read.values, read.offsets)
    if read.offsets is None:
        return Times(read.values[codes], notes=read.notes, form=form)
    universal = read.values - read.offsets.astype("timedelta64[ns]")
    zones = [offset_name(int(offset)) for offset in np.unique(read.offsets)]
    zone = zones[0] if len(zones) == 1 else None
    return Times(read.values[codes], "dates", universal[codes], zone, ", ".join(zones), notes=read.notes, form=form)


def _as_numbers(texts: list[str]) -> np.ndarray | None:
    if not all(re.fullmatch(r"[+-]?\d{1,18}(\.\d*)?", text) for text in texts):
        return None
    whole = all("." not in text for text in texts)
    return np.array([int(text) for text in texts]) if whole else np.array([float(text) for text in texts])


def _from_periods(codes: np.ndarray, values: np.ndarray, column: pd.Series, name: str) -> Times:
    odd = np.array([not isinstance(value, pd.Period) or value.freq != values[0].freq for value in values])
    if odd.any():
        raise _unread(column, odd[codes], name)
    return parse_times(pd.Series(pd.PeriodIndex(list(values)).take(codes)), name)


def _to_nanoseconds(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype == "datetime64[ns]":
        return values
    days = values.astype("datetime64[D]")
    bad = (days < np.datetime64("1677-09-22")) | (days > np.datetime64("2262-04-10"))
    if bad.any():
        rows = np.flatnonzero(bad)
        raise _beyond(name, rows, days[rows[0]])
    return values.astype("datetime64[ns]")


def _beyond(name: str, rows: np.ndarray, stamp: object) -> DataError:
    return DataError(
        f"the time column {name!r} reaches beyond the years {YEARS[0]} to {YEARS[1]} in {row_list(rows)} "
        f"({shown(str(stamp))}); correct or remove those rows"
    )


def _refuse_missing(column: pd.Series, name: str) -> None:
    if column.hasnans:
        raise _unread(column, column.isna().to_numpy(), name)


def _unread(column: pd.Series, bad: np.ndarray, name: str) -> DataError:
    rows = np.flatnonzero(bad)
    value = column.iloc[int(rows[0])]
    if pd.isna(value) or value in _EMPTY:
        return DataError(
            f"the time column {name!r} is empty in {row_list(rows)}; give a time stamp or remove those rows"
        )
    beyond = rows[[has_year_beyond(str(stamp)) for stamp in column.to_numpy()[rows]]]
    if len(beyond):
        return _beyond(name, beyond, column.iloc[int(beyond[0])])
    return DataError(
        f"the time column {name!r} cannot be read as dates of one format between 1678 and 2261 in {row_list(rows)} "
        f"({shown(str(value))}); write dates as 2024-01-31 or 2024-01-31 18:00, or remove those rows"
    )
