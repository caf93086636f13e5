"""Where training starts, and whether it led anywhere: a linear forecast, on which the network must clearly improve.

Without this, a default network lost a fifth to the mean on noise: it started as repeating the last value, which there
is the worst of the simple forecasts, and then learned accidents of few rows.
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor

from tidegate.forecasting.network import ForecastNetwork, LinearSkip
from tidegate.forecasting.windows import Windows
from tidegate.training.objective import Loss
from tidegate.training.sampling import even_order

_MOST, _FOLDS = 4000, 5
_PENALTIES = tuple(10.0**power for power in range(-4, 3))  # in units of the inputs' own sum of squares


@torch.no_grad()
def choose_start(
    network: ForecastNetwork, source: Windows, season: int, quantiles: tuple[float, ...] | None
) -> ForecastNetwork | None:
    """Let a network's linear skip start as the simple forecast that is best on the training windows.

    The simple forecasts are the mean (of the window, or what scaling made it), the last value, and that of the season
    before where the skip reaches it.

    Returns:
        The best linear forecast as a network, whose other weights forecast 0; None without a linear skip. It is the
        simple one, or least squares shrunk towards a simple one by any of several penalties, where five parts of the
        windows, each forecast from the others, say that they are clearly better. It is no start for training: the large
        weights of either sign that smooth series ask for keep a network from finding what is better still.
    """
    skip = network.linear_skip
    if skip is None:
        return None
    x, y = _newest(source, skip)
    if not len(x):
        return None
    simple, best = _best(x, y, _simple(skip, season))
    skip.weight.copy_(simple)
    linear = copy.deepcopy(network)
    assert linear.linear_skip is not None
    linear.linear_skip.weight.copy_(best)
    errors = (y - x @ best.T).float()
    linear.head.start(None if quantiles is None else torch.quantile(errors, torch.tensor(quantiles), dim=0).T)
    return linear


def clearly_better(before: Tensor, after: Tensor, steps: int) -> bool:
    """Whether losses (W,) are lower on the mean, by more than two standard errors of their differences.

    Args:
        before, after: of the same windows in the order of time.
        steps: rows that neighbouring windows have in common, which makes so many worth one.
    """
    gain = before - after
    if len(gain) < 2:
        return bool(gain.mean() > 0)
    error = gain.std() / math.sqrt(max(1.0, len(gain) / steps))
    return bool(gain.mean() > 2 * error)


@torch.no_grad()
def losses(network: ForecastNetwork, windows: Windows, loss: Loss) -> Tensor:
    """The loss (W,) of each window of a part, of evenly spaced ones where there are many."""
    found = []
    network.eval()
    for chunk in even_order(len(windows), _MOST // 4).split(512):
        inputs, target = windows.batch(chunk)
        forecast = network(*inputs)
        each = [loss(forecast[i : i + 1], target[i : i + 1]) for i in range(len(chunk))]
        found += [float(value) for value, count in each if float(count)]
    return torch.tensor(found, dtype=torch.float64)


def _newest(source: Windows, skip: LinearSkip) -> tuple[Tensor, Tensor]:
    """What the skip reads (M, L) of each window and target, and what followed (M, S), where all of it is known."""
    parts = []
    for chunk in even_order(len(source), _MOST).split(1024):
        (past, _, _), target = source.batch(chunk)
        parts.append((skip.newest(past).transpose(1, 2).flatten(0, 1), target.transpose(1, 2).flatten(0, 1)))
    x, y = (torch.cat(each).double() for each in zip(*parts, strict=True))
    known = ~y.isnan().any(1)
    return x[known], y[known]


def _simple(skip: LinearSkip, season: int) -> list[Tensor]:
    """The weights (S, L) of the mean, of the last value and of the season before."""
    steps, length = skip.weight.shape
    nothing = torch.zeros(steps, length, dtype=torch.float64)
    last = nothing.clone()
    last[:, -1] = 1.0
    found = [nothing, last]
    rows = np.arange(steps)
    back = season * (rows // season + 1) - rows  # from the newest value, 1 for itself
    if season > 1 and back.max() <= length:
        seasonal = nothing.clone()
        seasonal[rows, length - back] = 1.0
        found.append(seasonal)
    return found


def _best(x: Tensor, y: Tensor, simple: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The simple weights (S, L), and any, with the least error on windows that they were not fitted to."""
    found = [(((y - x @ weight.T) ** 2).mean(1), weight) for weight in simple]
    best, chosen = min(found, key=lambda each: float(each[0].mean()))
    fold = torch.arange(len(x)) * _FOLDS // len(x)
    if len(x) < 2 * _FOLDS:
        return chosen, chosen
    whole = _moments(x, y)
    parts = [(x[fold == part], y[fold == part]) for part in range(_FOLDS)]
    others = [(whole[0] - a.T @ a, whole[1] - a.T @ b) for a, b in parts]
    shrunk = []
    for weight in simple:
        for penalty in _PENALTIES:
            fitted = [_ridge(*other, weight, penalty) for other in others]
            left = [((b - a @ each.T) ** 2).mean(1) for (a, b), each in zip(parts, fitted, strict=True)]
            shrunk.append((torch.cat(left), weight, penalty))
    error, weight, penalty = min(shrunk, key=lambda each: float(each[0].mean()))
    return chosen, _ridge(*whole, weight, penalty) if clearly_better(best, error, y.shape[1]) else chosen


def _moments(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return x.T @ x, x.T @ y


def _ridge(square: Tensor, product: Tensor, towards: Tensor, penalty: float) -> Tensor:
    """Least squares, from their moments, whose distance from given weights (S, L) costs."""
    shrinking = torch.eye(len(square), dtype=square.dtype) * penalty * max(float(square.diagonal().mean()), 1e-12)
    return towards + torch.linalg.solve(square + shrinking, product - square @ towards.T).T
