"""In which form does a column write its dates, and how are others written in the same form?

A form is written as for strftime, where `%-d` has no leading zero, `%3f` three digits, `%q` is the quarter, `%^b` a
month in capitals and `%:z` an offset with a colon. Names are English ones, whatever the locale.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from tidegate.tables.zones import offset_name, pandas_zone, without_zone

_MOST_FORMS, _SAMPLE = 2_000, 500
_RUN = re.compile(r"\d+|[A-Za-z]+|.", re.DOTALL)
_TOKEN = re.compile(r"%[-^:\d]?[A-Za-z]|[^%]+|%")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_TOKENS = {
    "year": "%Y %y %G",
    "month": "%m %-m %b %B %^b %^B %q",
    "day": "%d %-d %j",
    "week": "%V %-V",
    "weekday": "%u %a %A %^a %^A",
    "hour": "%H %-H %I %-I",
    "minute": "%M",
    "second": "%S",
    "fraction": "%1f %2f %3f %4f %5f %6f %7f %8f %9f",
    "half": "%p %-p",
}
_PARTS = {token: {part} for part, tokens in _TOKENS.items() for token in tokens.split()}
_PARTS |= {token: {"year", "month", "day"} for token in ("%Y%m%d", "%d%m%Y", "%m%d%Y")}
_SIGNS = {*"TtQqWwhZ", "of", "at"}  # letters that are no part of a date


def find_form(texts: list[str], values: np.ndarray, offsets: np.ndarray | None) -> str | None:
    """The form that writes each of these distinct texts (U,) as it is; None where no one does.

    Args:
        texts: as a column has them.
        values: (U,) datetime64[ns] by the wall clock, which they were read as.
        offsets: (U,) nanoseconds from UTC, or None.
    """
    if not len(texts):
        return None
    chosen = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), _SAMPLE)).astype(int))
    sample = [(texts[i], _stamp(values[i], None if offsets is None else int(offsets[i]))) for i in chosen.tolist()]
    # Where day, month and hour are different numbers, one text tells which is which.
    telling = max(sample, key=lambda each: len(set(_RUN.findall(each[0]))))
    for form in islice(_forms(*telling), _MOST_FORMS):
        if all(_write(stamp, form) == text for text, stamp in sample):
            return form
    return None


def write_dates(times: pd.Series, form: str) -> pd.Series:
    """Time stamps as texts in a form; an offset is left out where they have no zone."""
    codes, distinct = pd.factorize(times)
    texts = np.array([_write(stamp, form) for stamp in pd.DatetimeIndex(distinct)], dtype=object)
    return pd.Series(texts[codes], index=times.index)


def read_form(texts: Sequence[str], form: str) -> np.ndarray | None:
    """Texts in a form of numbers alone as datetime64[ns]; None where the form has more, or they are in another."""
    plain = re.sub(r"%(?:-|\d(?=f))", "%", form)
    if {token[-1] for token in _TOKEN.findall(plain) if token[0] == "%"} - set("YymdHMSf"):
        return None
    dates = pd.to_datetime(pd.Series(list(texts), dtype=object), format=plain, errors="coerce", cache=False)
    return None if dates.isna().any() else dates.to_numpy().astype("datetime64[ns]")


def _stamp(value: Any, offset: int | None) -> pd.Timestamp:
    stamp = pd.Timestamp(value)
    return stamp if offset is None else stamp.tz_localize(pandas_zone(offset_name(offset)))


def _forms(text: str, stamp: pd.Timestamp) -> Iterator[str]:
    """Every form that writes this text so."""
    day = without_zone(text)
    zone = text[len(day) :]
    blank, zone = zone[: len(zone) - len(zone.lstrip())], zone.lstrip()
    token = next((token for token in ("%:z", "%z") if zone and _write(stamp, token) == zone), zone)
    if token[:1] not in ("+", "-"):
        forms = _of_runs(_RUN.findall(day), stamp, frozenset())
        yield from (form + blank + token for form in forms if _is_whole(form))


def _of_runs(runs: list[str], stamp: pd.Timestamp, used: frozenset[str]) -> Iterator[str]:
    """The forms of these runs of digits, letters and signs, in which no part of a date is there twice."""
    if not runs:
        yield ""
        return
    run = runs[0]
    tokens = [token for token in _PARTS if _write(stamp, token) == run and not used & _PARTS[token]]
    if run in _SIGNS or not (run.isascii() and run.isalnum()):
        tokens.append(run)
    for token in tokens:
        for rest in _of_runs(runs[1:], stamp, used | _PARTS.get(token, frozenset())):
            yield token + rest


def _is_whole(form: str) -> bool:
    """Whether no part stands without the one that it needs."""
    tokens = set(_TOKEN.findall(form))
    parts = {part for token in tokens for part in _PARTS.get(token, ())}
    needs = {"minute": "hour", "second": "minute", "fraction": "second", "hour": "day", "day": "year"}
    return (
        "year" in parts
        and all(
            need in parts for part, need in needs.items() if part in parts and not (part == "hour" and "week" in parts)
        )
        and ("half" in parts) == bool({"%I", "%-I"} & tokens)
        and ("week" in parts) == ("%G" in tokens)
    )


def _write(stamp: pd.Timestamp, form: str) -> str:
    return "".join(_token(stamp, token) if token[0] == "%" else token for token in _TOKEN.findall(form))


def _token(stamp: pd.Timestamp, token: str) -> str:
    kind = token[-1]
    if kind == "z":
        offset = stamp.strftime("%z")
        return f"{offset[:3]}:{offset[3:]}" if offset and ":" in token else offset
    if kind == "f":
        return f"{stamp.microsecond * 1000 + stamp.nanosecond:09d}"[: int(token[1])]
    if kind in "bBaA":
        name = _DAYS[stamp.weekday()] if kind in "aA" else _MONTHS[stamp.month - 1]
        name = name[:3] if kind in "ba" else name
        return name.upper() if "^" in token else name
    if kind == "p":
        half = "PM" if stamp.hour >= 12 else "AM"
        return half.lower() if "-" in token else half
    year, week, day = stamp.isocalendar()
    numbers = {"Y": (stamp.year, 4), "y": (stamp.year % 100, 2), "m": (stamp.month, 2), "d": (stamp.day, 2)}
    numbers |= {"H": (stamp.hour, 2), "I": ((stamp.hour - 1) % 12 + 1, 2), "M": (stamp.minute, 2)}
    numbers |= {"S": (stamp.second, 2), "q": (stamp.quarter, 1), "j": (stamp.day_of_year, 3)}
    numbers |= {"G": (year, 4), "V": (week, 2), "u": (day, 1)}
    if kind not in numbers:
        return token
    number, width = numbers[kind]
    return str(number) if "-" in token else f"{number:0{width}d}"
