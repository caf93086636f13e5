"""Prediction intervals: from learned quantiles, or from the errors on the validation part."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tidegate.errors import DataError, SettingError


def quantiles_of(levels: Sequence[float]) -> tuple[float, ...]:
    """The quantiles that a network learns for these interval levels in percent; the median is the middle one.

    Raises:
        SettingError: for a level outside 0–100.
    """
    check_levels(levels)
    tails = sorted({round((1 - level / 100) / 2, 6) for level in levels})
    return (*tails, 0.5, *(round(1 - tail, 6) for tail in reversed(tails)))


def check_levels(levels: Sequence[float]) -> None:
    """Raise a SettingError unless every level lies between 0 and 100 percent."""
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 100:
            raise SettingError(f"level must hold percentages between 0 and 100, such as 90, not {level!r}")


def conformal_width(residuals: np.ndarray, level: float) -> np.ndarray:
    """Half-width (S, K) of the interval that covers `level` percent of new errors.

    Split conformal prediction (Vovk et al. 2005; Lei et al. 2018, eq. 2.3): the ⌈(M + 1)·level⌉-th smallest of M
    absolute validation errors, step by step.

    Args:
        residuals: (M, S, K) absolute errors, ascending along the first axis.
        level: percent.

    Raises:
        DataError: when there are too few errors for that level.
    """
    count = len(residuals)
    rank = math.ceil((count + 1) * level / 100 - 1e-9)
    if rank > count:
        needed = math.ceil(level / (100 - level) - 1e-9)
        raise DataError(
            f"a {level:g} % interval needs at least {needed} validation windows and there are {count}; "
            "raise validation_size, give more rows, ask for a lower level, or train with loss='quantile'"
        )
    return residuals[rank - 1]
