"""Errors of forecasts of rows that they were not fitted to, from which intervals are made.

A validation part of 60 windows tells the width of an interval to a sixth or so, whatever is done with them: of many
series, a tenth then cover 10 points too few. A linear forecast costs nothing to fit again, so where that is what the
model gives, all rows tell it (cross-validation in blocks: Bergmeir and Benítez 2012).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tidegate.forecasting.network import ForecastNetwork
from tidegate.forecasting.recursive import forecast_windows
from tidegate.forecasting.starting import LinearStart
from tidegate.forecasting.windows import Windows
from tidegate.training.sampling import even_order

_MOST = 500


def window_errors(network: ForecastNetwork, windows: Windows) -> np.ndarray:
    """Absolute errors (M, S, K) of windows, of evenly spaced ones where there are many, in the order of time.

    They are in scaled units or, with a normalisation per window, in units of how much a window changes in a step.
    Windows of which not all is known are left out.
    """
    return _known(_errors(network, windows, even_order(len(windows), _MOST)))


def linear_errors(start: LinearStart, training: Windows, validation: Windows) -> np.ndarray:
    """As `window_errors`, of a linear forecast on both parts; each training window by a fit without its neighbours."""
    chosen = even_order(len(training) + len(validation), _MOST)
    early, late = chosen[chosen < len(training)], chosen[chosen >= len(training)] - len(training)
    part = start.part_of(training.locate(early)[0])
    found = [_errors(start.network_without(each), training, early[part == each]) for each in part.unique().tolist()]
    return _known(np.concatenate([*found, _errors(start.network, validation, late)]))


def resized(errors: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Errors (M, S, K) of one forecast, `theirs`, brought to the size of another by their ratio on a few windows.

    A ratio (Cochran 1977, chapter 6), step by step, varies less than the errors themselves where the two forecasts err
    alike. It is drawn towards 1 as if S more windows, which is one that shares no rows, had shown no difference.
    """
    typical = errors.shape[1] * errors.mean(axis=0)
    known = ours.sum(axis=0) + typical, theirs.sum(axis=0) + typical
    return errors * np.divide(*known, out=np.ones_like(typical), where=known[1] > 0)


@torch.no_grad()
def _errors(network: ForecastNetwork, windows: Windows, indices: Tensor) -> np.ndarray:
    if not len(indices):
        return np.empty((0, windows.steps, windows.shape.targets))
    network.eval()
    raw, truth = windows.raw(indices)
    forecasts = forecast_windows(network, windows.shape, raw, windows.steps)
    errors = np.abs(forecasts[..., forecasts.shape[-1] // 2] - truth.numpy())
    return errors / windows.shape.change_of(raw)


def _known(errors: np.ndarray) -> np.ndarray:
    return errors[~np.isnan(errors).any(axis=(1, 2))]
