"""Numbers from outside as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidegate.errors import DataError


def as_numbers(values: Any, what: str) -> np.ndarray:
    """Values as float64, None as NaN.

    Raises:
        DataError: something is not a number.
    """
    try:
        if isinstance(values, str | bytes) or values is None or isinstance(values, Mapping):
            raise TypeError
        array = np.asarray(values)
        if array.dtype.kind in "iuf":
            return array.astype(np.float64)
        if array.dtype.kind != "O":
            raise TypeError  # text and truth values would be turned into numbers silently
        flat = array.reshape(-1).tolist()
        if not all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in flat):
            raise TypeError
        return np.array([np.nan if value is None else float(value) for value in flat]).reshape(array.shape)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{what} holds something that is not a number; give numbers, or null where missing") from None
