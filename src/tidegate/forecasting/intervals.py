"""Prediction intervals: from learned quantiles, or from the errors on the validation part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.settings import WindowSettings


@dataclass(frozen=True)
class Intervals:
    """What a fitted model makes intervals from.

    Attributes:
        levels: in percent, that the network learned, when it learned quantiles.
        quantiles: what the network's outputs stand for, or None for a point forecast.
        residuals: (M, S, K) ascending absolute validation errors in scaled units; M may be 0.
    """

    levels: tuple[float, ...]
    quantiles: tuple[float, ...] | None
    residuals: np.ndarray

    def around(self, forecasts: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
        """Point forecasts with the bounds of each level, (N, S, K, 1 + 2 · levels), from (N, S, K, quantiles or 1).

        Raises:
            SettingError: a level that was not learned; DataError: one for which there are too few errors.
        """
        if not levels and forecasts.shape[-1] == 1:
            return forecasts
        point = forecasts[..., forecasts.shape[-1] // 2]
        columns = [point]
        for level in levels:
            if self.quantiles is None:
                width = conformal_width(self.residuals, level)
                columns += [point - width, point + width]
            else:
                at = self._learned(self.quantiles, level)
                columns += [forecasts[..., at], forecasts[..., -1 - at]]
        return np.stack(columns, axis=-1)

    def _learned(self, quantiles: tuple[float, ...], level: float) -> int:
        low = round((1 - level / 100) / 2, 6)
        if low not in quantiles:
            raise SettingError(
                f"level {level:g} was not learned; the network knows {self.levels}: "
                "choose one of those or fit again with levels"
            )
        return quantiles.index(low)


def as_levels(level: Sequence[float] | float) -> tuple[float, ...]:
    """Interval levels as they may be given: several, or one number."""
    return (level,) if isinstance(level, int | float) else tuple(level)


def learned_quantiles(settings: WindowSettings) -> tuple[float, ...] | None:
    """The quantiles that a network of these settings learns, or None for a point forecast."""
    return quantiles_of(settings.levels) if settings.loss == "quantile" else None


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
