"""Scaling by location and spread, fitted on training rows only; scikit-learn's conventions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tidegate.forecasting.finite import quiet

Statistics = tuple[np.ndarray, np.ndarray]

_LEAST_SPREAD = 1e-6  # of a window, in units of its series' own spread


@dataclass(frozen=True)
class Scale:
    """Location and spread of each channel, for all series (N = 1) or for each.

    Attributes:
        location: (N, C) float64.
        spread: (N, C) float64, never zero: a constant channel has spread 1, as in scikit-learn.
    """

    location: np.ndarray
    spread: np.ndarray

    def of(self, series: np.ndarray) -> Scale:
        """The rows of these series; a scale for all is returned as it is."""
        return self if len(self.location) == 1 else Scale(self.location[series], self.spread[series])

    def transform(self, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Scale values (R, C) of series with these lengths (N,) into a float32 copy."""
        location, spread = self.location, self.spread
        if len(location) > 1:
            location, spread = np.repeat(location, lengths, axis=0), np.repeat(spread, lengths, axis=0)
        with quiet():
            return ((values - location) / spread).astype(np.float32)


def fit_scale(values: np.ndarray, starts: np.ndarray, scaler: str, *, by_series: bool) -> Scale:
    """Fit the scale of values (R, C) laid out as `starts` (N + 1,) says; NaN are left out.

    Args:
        values: training rows only.
        starts: where each series starts.
        scaler: "standard" (mean, deviation), "minmax" (minimum, range), "robust" (median, quartile range) or "none".
        by_series: fit each series by itself, not one scale for all.
    """
    if scaler == "none":
        return Scale(np.zeros((1, values.shape[1])), np.ones((1, values.shape[1])))
    if not by_series:
        starts = np.array([0, len(values)])
    with quiet():  # a spread beyond all numbers is none, and what follows from that is found later
        location, spread = _STATISTICS[scaler](values.astype(np.float64, copy=False), starts)
    location = np.where(np.isfinite(location), location, 0.0)
    # The floor is scikit-learn's: a spread that is only rounding noise counts as zero.
    noise = 10 * np.finfo(np.float64).eps * np.maximum(np.abs(location), 1e-30)
    return Scale(location, np.where(np.isfinite(spread) & (spread > noise), spread, 1.0))


def _standard(values: np.ndarray, starts: np.ndarray) -> Statistics:
    seen = ~np.isnan(values)
    count = np.maximum(_sums(seen.astype(np.float64), starts), 1)
    mean = _sums(np.where(seen, values, 0.0), starts) / count
    deviation = np.where(seen, values - np.repeat(mean, np.diff(starts), axis=0), 0.0)
    return mean, np.sqrt(_sums(deviation**2, starts) / count)


def _minmax(values: np.ndarray, starts: np.ndarray) -> Statistics:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = _reduce(np.fmin, values, starts), _reduce(np.fmax, values, starts)
    return low, high - low


def _robust(values: np.ndarray, starts: np.ndarray) -> Statistics:
    series = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    quartiles = np.empty((3, len(starts) - 1, values.shape[1]))
    for channel in range(values.shape[1]):
        column = values[:, channel]
        ordered = column[np.lexsort((column, series))]  # NaN sort to the end of their series
        count = _sums((~np.isnan(column)).astype(np.float64)[:, None], starts)[:, 0].astype(np.int64)
        for row, share in enumerate((0.25, 0.5, 0.75)):
            quartiles[row, :, channel] = _quantile(ordered, starts[:-1], count, share)
    return quartiles[1], quartiles[2] - quartiles[0]


def _quantile(ordered: np.ndarray, first: np.ndarray, count: np.ndarray, share: float) -> np.ndarray:
    position = np.maximum(count - 1, 0) * share
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    last = len(ordered) - 1
    low, high = ordered[np.minimum(first + below, last)], ordered[np.minimum(first + above, last)]
    return np.where(count > 0, low + (high - low) * (position - below), np.nan)


def _sums(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return _reduce(np.add, values, starts)


def _reduce(operation: np.ufunc, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    # reduceat returns a value of the next series for an empty one; those are set to NaN afterwards.
    empty = np.diff(starts) == 0
    if len(values) == 0:
        return np.full((len(starts) - 1, values.shape[1]), np.nan)
    result = operation.reduceat(values, np.minimum(starts[:-1], len(values) - 1), axis=0)
    result = result.astype(np.float64)
    result[empty] = np.nan
    return result


_STATISTICS: dict[str, Callable[[np.ndarray, np.ndarray], Statistics]] = {
    "standard": _standard,
    "minmax": _minmax,
    "robust": _robust,
}


def window_statistics(window: Tensor, observed: Tensor | None, scaler: str) -> tuple[Tensor, Tensor]:
    """Location and spread (B, 1, K) of each window (B, L, K), for reversible per-window normalisation.

    Source: Kim et al. 2022 (RevIN), without its learned affine part. A window that is constant keeps spread 1.

    Args:
        window: the targets of the lookback window.
        observed: which of them count (same shape), or None for all.
        scaler: as in `fit_scale`.
    """
    if scaler == "none":
        return torch.zeros_like(window[:, :1]), torch.ones_like(window[:, :1])
    if scaler == "standard" and observed is None:  # the usual case, in two calls: it counts when one series is forecast
        spread, location = torch.std_mean(window, dim=1, correction=0, keepdim=True)
        return location, torch.where(spread > _LEAST_SPREAD, spread, 1.0)
    if observed is not None:
        window = torch.where(observed, window, torch.nan)
    if scaler == "standard":
        location = window.nanmean(1, keepdim=True)
        spread = (window - location).square().nanmean(1, keepdim=True).sqrt()
    elif scaler == "minmax":
        location = torch.nan_to_num(window, nan=torch.inf).amin(1, keepdim=True)
        spread = torch.nan_to_num(window, nan=-torch.inf).amax(1, keepdim=True) - location
    else:
        shares = torch.tensor((0.25, 0.5, 0.75), dtype=window.dtype)
        quartiles = torch.nanquantile(window, shares, dim=1, keepdim=True)
        location, spread = quartiles[1], quartiles[2] - quartiles[0]
    location = torch.where(torch.isfinite(location), location, 0.0)
    return location, torch.where(torch.isfinite(spread) & (spread > _LEAST_SPREAD), spread, 1.0)


def window_change(window: Tensor, observed: Tensor | None) -> Tensor:
    """The mean absolute difference (B, 1, K) of neighbouring rows of each window (B, L, K); 1 for a constant one.

    Args:
        window: the targets of the lookback window.
        observed: which of them count (same shape), or None for all.
    """
    steps = window.diff(dim=1).abs()
    if observed is not None:
        steps = torch.where(observed[:, 1:] & observed[:, :-1], steps, torch.nan)
    change = steps.nanmean(1, keepdim=True)
    return torch.where(change > _LEAST_SPREAD, change, 1.0)  # also where there is nothing to compare, NaN
