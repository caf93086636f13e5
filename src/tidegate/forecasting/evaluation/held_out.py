"""How many of the last rows of each series are kept for the test."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np

from tidegate.errors import DataError, SettingError


def held_out(test_size: float, lengths: np.ndarray) -> np.ndarray:
    """The rows (N,) at the end of series with these lengths (N,) that are for the test.

    Args:
        test_size: a share between 0 and 1 of each series, or a whole number of rows of each.
        lengths: rows of each series.

    Raises:
        SettingError: `test_size` is neither.
        DataError: it leaves no row to test on, or none to train on.
    """
    check_test_size(test_size)
    longest = lengths.max()
    if isinstance(test_size, Integral):
        if test_size >= longest:
            raise DataError(
                f"a test_size of {test_size} rows leaves none of the longest series ({longest} rows) to train on; "
                "lower test_size or give more rows"
            )
        return np.minimum(lengths, int(test_size))
    rows = np.round(lengths * test_size).astype(np.int64)
    if not rows.any():
        raise DataError(
            f"a test_size of {test_size:g} leaves no row of the longest series ({longest} rows) to judge on; raise "
            "test_size or give more rows"
        )
    return rows


def check_test_size(test_size: float) -> None:
    """Raise a SettingError for what is neither a share nor a number of rows."""
    usable = isinstance(test_size, Real) and not isinstance(test_size, bool)
    if not usable or not (test_size >= 1 if isinstance(test_size, Integral) else 0 < test_size < 1):
        raise SettingError(
            f"test_size must be a share between 0 and 1 or a whole number of rows of each series, not {test_size!r}"
        )
