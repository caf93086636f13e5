"""Numbers, times and settings as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import numpy as np
import pandas as pd

UNKNOWN = "–"
_LONGEST = 6  # decimals that still read as a number


def number_text(value: float, digits: int = 3) -> str:
    """A number with a few significant digits, without losing the whole part: 41235 -> "41,235", 2.3149 -> "2.31"."""
    if not math.isfinite(value):
        return UNKNOWN
    if value != 0 and not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{digits - 1}e}"
    decimals = digits - 1 - (math.floor(math.log10(abs(value))) if value else 0)
    return f"{value:,.{max(0, decimals)}f}"


def column_texts(values: Mapping[str, float], decimals: int | None = None) -> dict[str, str]:
    """Numbers to stand under one another: as many decimals for all as the smallest needs to show three digits."""
    sizes = [abs(value) for value in values.values() if math.isfinite(value) and value != 0]
    if decimals is None and sizes:
        decimals = max(0, 2 - math.floor(math.log10(min(sizes))))
    if not sizes or max(sizes) >= 1e9 or decimals is None or decimals > _LONGEST:
        return {name: number_text(value) for name, value in values.items()}
    return {
        name: minus_text(f"{value:,.{decimals}f}") if math.isfinite(value) else UNKNOWN
        for name, value in values.items()
    }


def list_texts(values: Iterable[float]) -> list[str]:
    """Numbers to stand under one another, in order, the largest with five digits."""
    named = {str(number): float(value) for number, value in enumerate(values)}
    largest = max((abs(value) for value in named.values() if math.isfinite(value)), default=0.0)
    decimals = min(max(0, 4 - math.floor(math.log10(largest))), _LONGEST) if largest else None
    return list(column_texts(named, decimals).values())


def minus_text(number: str) -> str:
    """A number with the sign that is as wide as its digits."""
    return number.replace("-", "−")


def p_value_text(p_value: float) -> str:
    """A p-value as people write it: "p < 0.001", "p = 0.21"."""
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.3f}" if p_value < 0.1 else f"p = {p_value:.2f}"


def time_text(moment: object) -> str:
    """A time as people write it: without a clock where it is midnight."""
    return time_texts([moment])[0]


def time_texts(moments: Iterable[object]) -> list[str]:
    """Times to stand under one another: all with a clock, or none where all are midnight; anything else as it is."""
    stamps = [pd.Timestamp(each) if isinstance(each, datetime | np.datetime64) else each for each in moments]
    clock = any(isinstance(each, pd.Timestamp) and each != each.normalize() for each in stamps)
    form = "%Y-%m-%d %H:%M" if clock else "%Y-%m-%d"
    return [each.strftime(form) if isinstance(each, pd.Timestamp) else str(each) for each in stamps]


def setting_text(value: object) -> str:
    """A setting's value: lists without brackets, a dash for nothing."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or UNKNOWN
    return UNKNOWN if value is None else str(value)


def unbroken(text: str) -> str:
    """The text kept whole where a line break would hurt: "37 %", "p < 0.001", "Diebold–Mariano"."""
    text = re.sub(r"(?<=[^\W\d_])–(?=[^\W\d_])", "–\u2060", text)
    return re.sub(r"(?<=\d) (?=%)|(?<=\bp) (?=[<=])|(?<=[<=]) (?=\d)", "\u00a0", text)
