"""On which days are public holidays in a country or a part of it, by the package `holidays`?"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module

import numpy as np

from tidegate.errors import MissingExtraError, SettingError

_NAME = re.compile(r"holidays:([A-Za-z]{2,3})(?:-(\w+))?")


def names_holidays(feature: str) -> bool:
    """Whether a feature is named as holidays are: `holidays:DE`, of a part of the country `holidays:DE-BY`."""
    return _NAME.fullmatch(feature) is not None


def holiday_column(days: np.ndarray, feature: str) -> np.ndarray:
    """Whether each day (R,) datetime64[D] is a holiday, 1 or 0, as float32.

    Raises:
        SettingError: the feature names a country, or a part of one, that the package does not know.
        MissingExtraError: the package is not installed.
    """
    if not len(days):
        return np.zeros(0, dtype=np.float32)
    first, last = (int(str(day)[:4]) for day in (days.min(), days.max()))
    return np.isin(days, _holidays(feature, first, last)).astype(np.float32)


@lru_cache(maxsize=64)
def _holidays(feature: str, first: int, last: int) -> np.ndarray:
    match = _NAME.fullmatch(feature)
    assert match is not None
    try:
        package = import_module("holidays")
    except ImportError:
        raise MissingExtraError("holidays", "holidays") from None
    try:
        found = package.country_holidays(match[1].upper(), subdiv=match[2], years=range(first, last + 1))
    except NotImplementedError as error:
        raise SettingError(
            f"features does not know {feature!r} ({error}); name a country by its code of ISO 3166, such as "
            "holidays:DE, or a part of it, such as holidays:DE-BY"
        ) from None
    return np.array(sorted(found), dtype="datetime64[D]")
