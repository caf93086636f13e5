"""Is one method's error lower than another's by more than chance: a Diebold-Mariano test that keeps its promise.

Windows overlap and losses depend on those before them, and the usual estimate of the variance, with t or normal
critical values, then calls equals different in up to half of all cases. Here the variance is the mean of a few squared
cosine terms, so few that the dependence hardly reaches them, and the statistic is compared with Student's t of as many
degrees of freedom. `benchmarks/significance.py` shows how often equals are called different.

Sources: Diebold & Mariano (1995), Comparing predictive accuracy; Lazarus, Lewis, Stock & Watson (2018), HAR inference:
recommendations for practice (the equal-weighted cosine estimate, with 0.4 n^(2/3) terms); Coroneo & Iacone (2020),
Comparing predictive accuracy in small samples using fixed-smoothing asymptotics (that such estimates mend the test).

Axes: W windows, S steps of the horizon, K targets, O origins in time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SIGNIFICANT = 0.05
# From simulations: with more cosines than this share of the independent origins, equals are called different too often.
_SHARE = 0.35
_UPPER_BOUND = 1.28  # standard errors up to the 90 % bound of an autocorrelation


@dataclass(frozen=True)
class DieboldMariano:
    """Outcome of the test of equal accuracy.

    Attributes:
        statistic: negative where a's loss is lower. NaN where the test cannot be made.
        p_value: two-sided, from the t distribution with `freedom` degrees of freedom; NaN likewise.
        better: "a" or "b", whose mean loss is lower (significant or not); None where they are equal.
        origins: number of origins in time that were compared.
        horizon: how many origins ahead a window reaches.
        freedom: degrees of freedom, which is how many cosine terms estimate the variance; 0 where origins that overlap
            and depend on one another leave too little evidence for a test.
    """

    statistic: float
    p_value: float
    better: str | None
    origins: int
    horizon: int
    freedom: int

    @property
    def significant(self) -> bool:
        """Whether equal accuracy is rejected at the 5 % level."""
        return self.p_value < SIGNIFICANT


def loss_by_origin(
    truth: np.ndarray, forecast: np.ndarray, origins: np.ndarray, scale: np.ndarray | None = None
) -> np.ndarray:
    """What each origin in time adds to the mean absolute (scaled) error; the mean of the result is that error.

    So the test, which looks at these, and the error that is told and ranked by, are of one loss: MAE without a scale,
    else MASE as in `metrics.error_table`, averaged over targets. Windows of the same time are not independent
    evidence; they make one observation.

    Args:
        truth: (W, S, K), NaN where unknown.
        forecast: (W, S, K).
        origins: (W,) the time of each window's last known row.
        scale: (K,) or (W, K), by which errors are divided; where it is not positive, the target does not count.

    Returns:
        (O,) in order of time; origins without a known point are left out.
    """
    truth = np.asarray(truth, dtype=np.float64)
    error = np.abs(truth - np.asarray(forecast, dtype=np.float64))
    counted = ~np.isnan(truth)
    if scale is not None:
        windows, _, targets = error.shape
        divisor = np.broadcast_to(np.asarray(scale, dtype=np.float64), (windows, targets))[:, None]
        counted = counted & (divisor > 0)
        error = np.divide(error, divisor, out=np.full_like(error, np.nan), where=counted)
    points = counted.sum(axis=(0, 1))
    share = np.divide(1.0, points * (points > 0).sum(), out=np.zeros(len(points)), where=points > 0)
    with np.errstate(invalid="ignore", over="ignore"):  # a diverged network's forecasts may be infinite
        by_window = np.sum(np.where(counted, error, 0.0), axis=1) @ share
    _, position = np.unique(origins, return_inverse=True)
    has_points = np.bincount(position, weights=counted.any(axis=(1, 2))) > 0
    return np.bincount(position, weights=by_window)[has_points] * has_points.sum()


def reach(origins: np.ndarray, ends: np.ndarray) -> int:
    """How many origins ahead windows reach, at most: windows from (W,) `origins` to the times (W,) `ends` overlap."""
    times = np.unique(origins)
    return int((np.searchsorted(times, ends) - np.searchsorted(times, origins)).max())


def diebold_mariano(loss_a: np.ndarray, loss_b: np.ndarray, horizon: int) -> DieboldMariano:
    """Test whether two methods' losses at the same origins differ by more than chance.

    With d = loss_a - loss_b at n origins and B cosine terms,

        C_j = sqrt(2 / n) (d_1 cos(π j (1 - ½) / n) + … + d_n cos(π j (n - ½) / n)),
        statistic = sqrt(n) mean(d) / sqrt((C_1² + … + C_B²) / B),

    which follows Student's t with B degrees of freedom as long as B is small against the number of independent
    origins. Where not even one term can be afforded, nothing is decided.

    Args:
        loss_a: (O,) losses in order of time; origins where either is NaN are left out.
        loss_b: (O,) losses of the other method at the same origins.
        horizon: h, how many origins ahead a window reaches (the steps of the horizon if origins are one step apart).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> test = diebold_mariano(rng.normal(1, 1, 50), rng.normal(3, 1, 50), horizon=1)
        >>> test.better, test.significant
        ('a', True)
    """
    loss_a, loss_b = np.asarray(loss_a, dtype=np.float64), np.asarray(loss_b, dtype=np.float64)
    known = ~np.isnan(loss_a) & ~np.isnan(loss_b)
    count = int(known.sum())
    with np.errstate(invalid="ignore"):  # a diverged network's losses may be infinite
        difference = (loss_a - loss_b)[known]
        average = float(difference.mean()) if count else math.nan
    better = "a" if average < 0 else "b" if average > 0 else None
    # harmless to the statistic, and keeps the squares of very large or small losses in range
    unit = (float(np.abs(difference).max()) if count else 0.0) or 1.0
    freedom = _freedom(difference / unit, horizon) if math.isfinite(average) else 0
    if freedom < 1:
        return DieboldMariano(math.nan, math.nan, better, count, horizon, 0)
    statistic = _statistic(difference / unit, freedom)
    from scipy.stats import t  # a second to import, and only this line needs it

    return DieboldMariano(statistic, float(2 * t.sf(abs(statistic), freedom)), better, count, horizon, freedom)


def _statistic(difference: np.ndarray, terms: int) -> float:
    from scipy.fft import dct

    average = float(difference.mean())
    if np.ptp(difference) <= 1e-12:  # no spread but that of rounding
        return math.copysign(math.inf, average) if average else 0.0
    cosines = np.asarray(dct(difference, norm="ortho"))[1 : terms + 1]
    return average * math.sqrt(len(difference) / float(np.mean(cosines**2)))


def _freedom(difference: np.ndarray, horizon: int) -> int:
    """How many cosine terms (Lazarus et al. 2018, and what the dependence between origins allows).

    Windows that overlap over `horizon` origins count as one; what is left of the dependence is the autocorrelation at
    that distance, and n observations of a first-order autoregression r are worth n (1 - r) / (1 + r). As r is estimated
    from these few observations, it is taken at its upper bound, with the usual correction of its bias.
    """
    count = len(difference)
    if horizon >= count:
        return 0
    blocks = count / horizon
    r = _autocorrelation(difference, horizon)
    upper = r + (1 + 3 * max(r, 0.0)) / blocks + _UPPER_BOUND * math.sqrt(max(1 - r * r, 0.0) / blocks)
    upper = min(max(upper, 0.0), 1.0)
    independent = blocks * (1 - upper) / (1 + upper)
    return math.floor(min(0.4 * count ** (2 / 3), _SHARE * independent))


def _autocorrelation(difference: np.ndarray, lag: int) -> float:
    centred = difference - difference.mean()
    variance = float(centred @ centred) / len(centred)
    if np.ptp(difference) <= 1e-12:
        return 0.0
    return float(centred[lag:] @ centred[:-lag]) / (len(centred) - lag) / variance
