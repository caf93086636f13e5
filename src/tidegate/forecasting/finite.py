"""Forecasts are finite numbers or an error in words, whoever makes them."""

from __future__ import annotations

import numpy as np

from tidegate.errors import DataError


def quiet() -> np.errstate:
    """Silence about numbers that overflow: they are found in the end, and said in words; also a decorator."""
    return np.errstate(over="ignore", invalid="ignore")


def finite(values: np.ndarray) -> np.ndarray:
    """The same values.

    Raises:
        DataError: one of them is not finite.
    """
    if not np.isfinite(values).all():
        raise DataError("the forecast is not a finite number; the values lie too far from what the model has seen")
    return values
