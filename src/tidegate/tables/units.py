"""Lengths of time in nanoseconds, and the names of days and months that frequencies use."""

from __future__ import annotations

import numpy as np

SECOND = 10**9
DAY = 86_400 * SECOND
UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "D": DAY, "W": 7 * DAY}
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def weekday(times: np.ndarray) -> np.ndarray:
    """Day of the week of time stamps in nanoseconds, Monday 0."""
    return (times // DAY + 3) % 7
