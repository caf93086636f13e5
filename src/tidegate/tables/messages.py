"""How messages write rows (counted from 1), names and time stamps."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

ONLY_SERIES = "series"  # what that of a table is called in which nothing names any


def row_list(rows: np.ndarray | Sequence[int], limit: int = 3) -> str:
    """Zero-based data rows as text, counted from 1 below the header: `row 17`, `rows 3, 8, 9 and 40 more`."""
    count = len(rows)
    shown = ", ".join(str(int(row) + 1) for row in rows[:limit])
    more = f" and {count - limit} more" if count > limit else ""
    return ("row " if count == 1 else "rows ") + shown + more


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 row`, `3 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def name_list(names: Iterable[Any], limit: int = 12) -> str:
    """Names separated by commas, with the number left out when there are many."""
    words = [" ".join(str(name).split()) for name in names]
    more = f" and {len(words) - limit} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + more


def short_list(names: Sequence[Any], limit: int = 12) -> str:
    """Names for a note, which is said in any language: those beyond the limit are only counted, `a, b, … (+3)`."""
    return name_list(names[:limit], limit) + (f", … (+{len(names) - limit})" if len(names) > limit else "")


def shown(value: Any, limit: int = 40) -> str:
    """A value as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def stamp_text(time: Any) -> str:
    """One time stamp as a reader writes it: no time of day at midnight, no zeros behind the second."""
    if not isinstance(time, np.datetime64):
        return f"{time:.12g}" if isinstance(time, float | np.floating) else str(time)
    text = str(time.astype("datetime64[ns]")).replace("T", " ")
    while text.endswith("000"):
        text = text[:-3]
    return text.removesuffix(".").removesuffix(" 00:00:00")


def series_words(name: Any) -> str:
    """`series a`; where a table names none, its only one is `the series`."""
    return "the series" if name == ONLY_SERIES else f"series {name}"


def similar_names(name: str, names: Iterable[Any]) -> str:
    """`; did you mean 'x'?` for a misspelt name, else the list of names."""
    known = [str(other) for other in names]
    lowered = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), list(lowered), n=2, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(lowered[match]) for match in close) + "?"
    return f"the columns are {name_list(known)}"
