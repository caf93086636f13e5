"""Prediction intervals: from learned quantiles, or from errors on rows that were not learned from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.settings import WindowSettings


@dataclass(frozen=True)
class Intervals:
    """What a fitted model makes intervals from.

    Attributes:
        levels: in percent, that the network learned, when it learned quantiles.
        quantiles: what the network's outputs stand for, or None for a point forecast.
        residuals: (M, S, K) ascending absolute errors, not shrinking with the step, in scaled units, or, by window, in
            units of how much its window changes in a step; M may be 0.
        by_window: whether they are.
        origins: windows from which the M were taken; neighbours share rows.
    """

    levels: tuple[float, ...]
    quantiles: tuple[float, ...] | None
    residuals: np.ndarray
    by_window: bool
    origins: int

    def around(self, forecasts: np.ndarray, levels: tuple[float, ...], change: np.ndarray | float = 1.0) -> np.ndarray:
        """Point forecasts with the bounds of each level, (N, S, K, 1 + 2 · levels), from (N, S, K, quantiles or 1).

        Args:
            forecasts: in scaled units.
            levels: in percent.
            change: (N, 1, K) of a step in each window, in scaled units, where residuals are in units of it.

        Raises:
            SettingError: a level that was not learned; DataError: one for which there are too few errors.
        """
        if not levels and forecasts.shape[-1] == 1:
            return forecasts
        point = forecasts[..., forecasts.shape[-1] // 2]
        columns = [point]
        for level in levels:
            if self.quantiles is None:
                width = interval_width(self.residuals, level, self.origins) * change
                columns += [point - width, point + width]
            else:
                at = self._learned(self.quantiles, level)
                columns += [forecasts[..., at], forecasts[..., -1 - at]]
        return np.stack(columns, axis=-1)

    @property
    def variance(self) -> np.ndarray:
        """The mean square (S, K) of the errors, in their units; there must be some."""
        return np.square(self.residuals).mean(axis=0)

    def assumption(self, level: float) -> str | None:
        """What the interval of a level, in percent, rests on, where there are too few errors; None where nothing."""
        if self.quantiles is not None:
            return None
        least = math.floor(independent(self.residuals, self.origins).min())
        if least >= needed(level):
            return None
        return (
            f"a {level:g} % interval that assumes nothing needs {needed(level)} windows that were not learned from and "
            f"share no rows, and there are {least}; where there are too few, this one takes the errors as normal and "
            "is wider"
        )

    def _learned(self, quantiles: tuple[float, ...], level: float) -> int:
        low = round((1 - level / 100) / 2, 6)
        if low not in quantiles:
            raise SettingError(
                f"level {level:g} was not learned; the network knows {self.levels}: "
                "choose one of those or fit again with levels"
            )
        return quantiles.index(low)


def as_levels(level: Sequence[float] | float) -> tuple[float, ...]:
    """Interval levels as they may be given: several, or one number (or what is none, to be refused as a whole)."""
    return (level,) if isinstance(level, int | float | str) else tuple(level)  # pyright: ignore[reportReturnType]


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


def ascending(errors: np.ndarray) -> np.ndarray:
    """Absolute errors (M, S, K) in ascending order of each step and target, such that none shrinks with the step.

    Farther steps are not easier; where a few errors say so, neighbouring steps share their mean (isotonic regression,
    which leaves the order along the first axis as it is).
    """
    from sklearn.isotonic import isotonic_regression

    ordered = np.sort(errors, axis=0)
    if ordered.shape[1] < 2:
        return ordered
    for row in ordered:
        for target in range(ordered.shape[2]):
            row[:, target] = isotonic_regression(row[:, target])
    return ordered


def independent(residuals: np.ndarray, origins: int) -> np.ndarray:
    """How many errors (S,) of each step share no rows: neighbouring windows have s - 1 of s steps in common.

    Args:
        residuals: (M, S, K), of evenly spaced windows.
        origins: windows in all, of which these are M.
    """
    return np.clip(origins / np.arange(1, residuals.shape[1] + 1), 1, max(1, len(residuals)))


def interval_width(residuals: np.ndarray, level: float, origins: int) -> np.ndarray:
    """Half-width (S, K) of the interval that covers `level` percent of new errors; it does not shrink with the step.

    Where a step has too few independent errors for `conformal_width`, they are also taken as normal ones, whose
    interval for one more is Student's, and the wider counts.

    Args:
        residuals: (M, S, K) absolute errors, ascending along the first axis and not shrinking with the step.
        level: percent.
        origins: windows in all, of which these are M.

    Raises:
        DataError: there are fewer than a tenth of those that `conformal_width` needs, or than two.
    """
    count, least = len(residuals), max(2, math.ceil(needed(level) / 10))
    if count < least:
        raise DataError(
            f"a {level:g} % interval needs at least {least} validation windows and there are {count}; "
            "raise validation_size, give more rows, ask for a lower level, or train with loss='quantile'"
        )
    width = conformal_width(residuals, level) if count >= needed(level) else residuals[-1]
    own = independent(residuals, origins)[:, None]
    if own.min() >= needed(level):
        return np.maximum.accumulate(width, axis=0)
    normal = stdtrit(own, 0.5 + level / 200) * np.sqrt((residuals**2).mean(axis=0) * (1 + 1 / own))
    return np.maximum.accumulate(np.where(own >= needed(level), width, np.maximum(width, normal)), axis=0)


def conformal_width(residuals: np.ndarray, level: float) -> np.ndarray:
    """Half-width (S, K) of the interval that covers `level` percent of new errors, whatever their distribution.

    Split conformal prediction (Vovk et al. 2005; Lei et al. 2018, eq. 2.3): the ⌈(M + 1)·level⌉-th smallest of M
    absolute errors of rows that were not learned from, step by step.

    Args:
        residuals: (M, S, K) absolute errors, ascending along the first axis.
        level: percent.

    Raises:
        DataError: when there are too few errors for that level.
    """
    count = len(residuals)
    if count < needed(level):
        raise DataError(f"a {level:g} % interval needs {needed(level)} validation windows and there are {count}")
    return residuals[math.ceil((count + 1) * level / 100 - 1e-9) - 1]


def needed(level: float) -> int:
    """The errors from which on `conformal_width` tells a level, in percent."""
    return math.ceil(level / (100 - level) - 1e-9)
