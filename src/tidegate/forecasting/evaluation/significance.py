"""Is one method's error lower than another's by more than chance: the Diebold-Mariano test.

Sources: Diebold & Mariano (1995), Comparing predictive accuracy; Harvey, Leybourne & Newbold (1997), Testing the
equality of prediction mean squared errors, equations 8 and 9 (the small-sample correction and the t distribution);
Harvey, Leybourne & Whitehouse (2017), Forecast evaluation tests and negative long-run variance estimates in small
samples (Bartlett weights where the estimated variance is not positive).

Axes: W windows, S steps of the horizon, K targets, O origins in time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SIGNIFICANT = 0.05
ENOUGH_ORIGINS = 10


@dataclass(frozen=True)
class DieboldMariano:
    """Outcome of the test of equal accuracy.

    Attributes:
        statistic: corrected statistic; negative where a's loss is lower. NaN where the test cannot be made.
        p_value: two-sided, from the t distribution with origins - 1 degrees of freedom; NaN likewise.
        better: "a" or "b", whose mean loss is lower (significant or not); None where they are equal.
        origins: number of origins in time that were compared.
        horizon: how many origins ahead a window reaches.
    """

    statistic: float
    p_value: float
    better: str | None
    origins: int
    horizon: int

    @property
    def significant(self) -> bool:
        """Whether equal accuracy is rejected at the 5 % level."""
        return self.p_value < SIGNIFICANT

    @property
    def too_few_origins(self) -> bool:
        """Whether the p-value may be too small: with so few, simulations reject equals in up to 19 % of cases."""
        return self.origins < ENOUGH_ORIGINS * self.horizon


def origin_loss(
    truth: np.ndarray, forecast: np.ndarray, scale: np.ndarray | None = None, *, power: int = 1
) -> np.ndarray:
    """The loss of each window: mean of |truth - forecast|^power over its known steps and targets.

    Args:
        truth: (W, S, K), NaN where unknown.
        forecast: (W, S, K).
        scale: (K,) or (W, K), by which errors are divided so that targets of different units are comparable;
            None for a single target. Where it is not positive, the target does not count.
        power: 1 for absolute, 2 for squared errors.

    Returns:
        (W,) losses; NaN where a window has no known point.
    """
    truth = np.asarray(truth, dtype=np.float64)
    error = np.abs(truth - np.asarray(forecast, dtype=np.float64))
    known = ~np.isnan(truth)
    if scale is not None:
        windows, _, targets = error.shape
        divisor = np.broadcast_to(np.asarray(scale, dtype=np.float64), (windows, targets))[:, None]
        known = known & (divisor > 0)
        error = np.divide(error, divisor, out=np.full_like(error, np.nan), where=known)
    count = known.sum(axis=(1, 2))
    with np.errstate(over="ignore"):
        total = np.sum(error**power, axis=(1, 2), where=known)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def mean_by_origin(loss: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """Average the windows' losses (W,) over the series that share an origin in time (W,); (O,) in order of time.

    Windows of the same time are not independent evidence, so they make one observation of the test.
    """
    _, position = np.unique(origins, return_inverse=True)
    known = ~np.isnan(loss)
    count = np.bincount(position, weights=known)
    total = np.bincount(position, weights=np.where(known, loss, 0))
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def diebold_mariano(loss_a: np.ndarray, loss_b: np.ndarray, horizon: int) -> DieboldMariano:
    """Test whether two methods' losses at the same origins differ by more than chance.

    With d = loss_a - loss_b at n origins, their mean m and autocovariances g_0 … g_(h-1) (windows of h steps that
    start one step apart overlap, so neighbours are correlated up to h - 1 origins apart):

        statistic = m / sqrt((g_0 + 2 (g_1 + … + g_(h-1))) / n) * sqrt((n + 1 - 2 h + h (h - 1) / n) / n)

    Args:
        loss_a: (O,) losses in order of time; origins where either is NaN are left out.
        loss_b: (O,) losses of the other method at the same origins.
        horizon: h, how many origins ahead a window reaches (the steps of the horizon if origins are one step apart).

    Example:
        >>> diebold_mariano(np.array([1.0, 2.0, 1.0, 2.0]), np.array([2.0, 4.0, 3.0, 3.0]), horizon=1).better
        'a'
    """
    loss_a, loss_b = np.asarray(loss_a, dtype=np.float64), np.asarray(loss_b, dtype=np.float64)
    known = ~np.isnan(loss_a) & ~np.isnan(loss_b)
    count = int(known.sum())
    with np.errstate(invalid="ignore"):  # a diverged network's losses may be infinite
        difference = (loss_a - loss_b)[known]
        average = float(difference.mean()) if count else math.nan
    better = "a" if average < 0 else "b" if average > 0 else None
    if count < 2 or horizon >= count or not math.isfinite(average):
        return DieboldMariano(math.nan, math.nan, better, count, horizon)
    # harmless to the statistic, and keeps the squares of very large or small losses in range
    unit = float(np.abs(difference).max()) or 1.0
    variance = _long_run_variance(difference / unit, horizon)
    correction = math.sqrt((count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count)
    if variance > 0:
        statistic = average / unit / math.sqrt(variance / count) * correction
    else:
        statistic = math.copysign(math.inf, average) if average else 0.0
    from scipy.stats import t  # a second to import, and only this line needs it

    return DieboldMariano(statistic, float(2 * t.sf(abs(statistic), count - 1)), better, count, horizon)


def _long_run_variance(difference: np.ndarray, horizon: int) -> float:
    count = len(difference)
    centred = difference - difference.mean()
    covariances = np.array([centred[lag:] @ centred[: count - lag] / count for lag in range(horizon)])
    if covariances[0] <= np.finfo(float).eps ** 2:
        return 0.0
    variance = covariances[0] + 2 * covariances[1:].sum()
    if variance > 0:
        return float(variance)
    bartlett = 1 - np.arange(1, horizon) / horizon
    return float(covariances[0] + 2 * bartlett @ covariances[1:])
