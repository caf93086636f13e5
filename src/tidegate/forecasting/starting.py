"""Where training starts, and whether it led anywhere: a linear forecast, on which the network must clearly improve.

Without this, a default network lost a fifth to the mean on noise: it started as repeating the last value, which there
is the worst of the simple forecasts, and then learned accidents of few rows.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from tidegate.forecasting.network import ForecastNetwork, LinearSkip
from tidegate.forecasting.windows import Windows
from tidegate.training.objective import Loss
from tidegate.training.sampling import even_order

_MOST, _PARTS = 4000, 5
_PENALTIES = tuple(10.0**power for power in range(-4, 3))  # in units of the inputs' own sum of squares


@dataclass(frozen=True)
class LinearForecast:
    """A forecast y = W x + b of S steps from the L newest values.

    Attributes:
        weight: (S, L) float64.
        intercept: (S,) float64.
    """

    weight: Tensor
    intercept: Tensor

    def losses(self, x: Tensor, y: Tensor) -> Tensor:
        """The mean squared error (M,) of windows x (M, L), y (M, S)."""
        return ((y - x @ self.weight.T - self.intercept) ** 2).mean(1)


@dataclass(frozen=True)
class LinearStart:
    """The best linear forecast, and what it would have been without each part of the training windows.

    Attributes:
        network: the forecast as a network, whose other weights forecast 0.
        without: one forecast per part, fitted to the windows of the others.
        begins: (parts,) the origin, a row of the whole panel, at which each part begins.
    """

    network: ForecastNetwork
    without: tuple[LinearForecast, ...]
    begins: Tensor

    def part_of(self, origins: Tensor) -> Tensor:
        """The part that windows with these origins belong to."""
        return torch.searchsorted(self.begins, origins, right=True) - 1

    def network_without(self, part: int) -> ForecastNetwork:
        """As `network`, from the windows of the other parts; its point forecasts alone count."""
        return _as_network(self.network, self.without[part])


@torch.no_grad()
def choose_start(
    network: ForecastNetwork, source: Windows, season: int, quantiles: tuple[float, ...] | None
) -> LinearStart | None:
    """Let a network's linear skip start as the simple forecast that is best on the training windows.

    The simple forecasts are the mean (of the window, or what scaling made it), the last value, and that of the season
    before where the skip reaches it; to each is added what it leaves on the mean, such as a walk's drift.

    Returns:
        The best linear forecast; None without a linear skip. It is the simple one, or least squares shrunk towards a
        simple one by any of several penalties, where five parts of the windows, each forecast from the others, say
        that they are clearly better. It is no start for training: the large weights of either sign that smooth series
        ask for keep a network from finding what is better still.
    """
    skip = network.linear_skip
    if skip is None:
        return None
    x, y, part = _newest(source, skip)
    if not len(x):
        return None
    worth = independent_windows(len(x), source)
    simple, best, without = _best(Sample(x, y), part, _simple(skip, season), worth)
    skip.weight.copy_(simple)
    linear = _as_network(network, best)
    if quantiles is not None:
        errors = (y - x @ best.weight.T).float()
        linear.head.start(torch.quantile(errors, torch.tensor(quantiles), dim=0).T)
    begins, _ = source.locate(torch.arange(_PARTS) * len(source) // _PARTS)
    return LinearStart(linear, without, begins)


def clearly_better(before: Tensor, after: Tensor, independent: float) -> bool:
    """Whether losses (W,) are lower on the mean, by more than two standard errors of their differences.

    Args:
        before, after: of the same windows.
        independent: how many that share no rows these are worth; see `independent_windows`.
    """
    gain = before - after
    if len(gain) < 2:
        return bool(gain.mean() > 0)
    error = gain.std() / math.sqrt(max(1.0, independent))
    return bool(gain.mean() > 2 * error)


def independent_windows(judged: int, windows: Windows) -> float:
    """How many windows that share no rows so many evenly spread ones are worth: neighbours have S - 1 of S in common.

    Those of many series, or one in S, are worth as many as they are.
    """
    return min(judged, len(windows) / windows.steps)


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


@dataclass(frozen=True)
class Sample:
    """Windows to fit to: what the skip reads (M, L) of each window and target, and what followed (M, S)."""

    x: Tensor
    y: Tensor

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """The sums of squares (L, L) and products (L, S) that least squares follows from."""
        return self.x.T @ self.x, self.x.T @ self.y

    def fit(self, towards: Tensor, penalty: float | None) -> LinearForecast:
        """Least squares whose distance from given weights (S, L) costs; those themselves without a penalty."""
        if penalty is None:
            weight, drifts = towards, bool(towards.any())
        else:
            square, product = self.moments
            shrinking = torch.eye(len(square), dtype=square.dtype) * penalty
            shrinking *= max(float(square.diagonal().mean()), 1e-12)
            weight, drifts = towards + torch.linalg.solve(square + shrinking, product - square @ towards.T).T, True
        # What the mean leaves on a walk is where that happened to go, and says nothing of what follows.
        left = intercept(self.y - self.x @ weight.T)
        return LinearForecast(weight, left if drifts else torch.zeros_like(left))

    def where(self, rows: Tensor) -> Sample:
        """Those of the windows."""
        return Sample(self.x[rows], self.y[rows])


def intercept(errors: Tensor) -> Tensor:
    """The mean (S,) of errors (M, S), smaller by as much as it may be an accident, and 0 within a standard error.

    Source: the nonnegative garrote (Breiman 1995) of a single coefficient. On a walk of 170 rows without a drift it
    costs 0.1 % of the error, where the mean itself would cost 0.3 %; without it a drift of 0.2 deviations costs 2 %.
    """
    if len(errors) < 2:
        return torch.zeros(errors.shape[1], dtype=errors.dtype)
    mean = errors.mean(0)
    # Windows one row apart share s - 1 of the s steps that led to the s-th.
    independent = (len(errors) / torch.arange(1, errors.shape[1] + 1)).clamp(min=1.0)
    accident = errors.var(0) / independent
    return mean * torch.where(mean != 0, 1 - accident / mean**2, 0.0).clamp(min=0.0)


def _newest(source: Windows, skip: LinearSkip) -> tuple[Tensor, Tensor, Tensor]:
    """What the skip reads of each window and target, what followed, where all of it is known, and the window's part."""
    found = []
    for chunk in even_order(len(source), _MOST).split(1024):
        (past, _, _), target = source.batch(chunk)
        x, y = skip.newest(past).transpose(1, 2).flatten(0, 1), target.transpose(1, 2).flatten(0, 1)
        found.append((x.double(), y.double(), (chunk * _PARTS // len(source)).repeat_interleave(len(x) // len(chunk))))
    x, y, part = (torch.cat(each) for each in zip(*found, strict=True))
    known = ~y.isnan().any(1)
    return x[known], y[known], part[known]


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


def _best(
    whole: Sample, part: Tensor, simple: list[Tensor], worth: float
) -> tuple[Tensor, LinearForecast, tuple[LinearForecast, ...]]:
    """The simple weights (S, L), and any forecast, with the least error on windows that they were not fitted to.

    Args:
        whole: the windows.
        part: (M,) the part that each belongs to.
        simple: the weights to choose from.
        worth: how many windows that share no rows these are.

    Returns:
        The weights, the forecast, and what it is without each part.
    """
    inside = [part == number for number in range(_PARTS)]
    others, held = [whole.where(~own) for own in inside], [whole.where(own) for own in inside]

    def tried(towards: Tensor, penalty: float | None) -> tuple[Tensor, Tensor, float | None]:
        fitted = [other.fit(towards, penalty) for other in others]
        left = [each.losses(own.x, own.y) for each, own in zip(fitted, held, strict=True)]
        return torch.cat(left), towards, penalty

    best = first = min((tried(weight, None) for weight in simple), key=lambda each: float(each[0].mean()))
    if len(whole.x) >= 2 * _PARTS:
        shrunk = (tried(weight, penalty) for weight in simple for penalty in _PENALTIES)
        closest = min(shrunk, key=lambda each: float(each[0].mean()))
        if clearly_better(first[0], closest[0], worth):
            best = closest
    return first[1], whole.fit(*best[1:]), tuple(other.fit(*best[1:]) for other in others)


@torch.no_grad()
def _as_network(network: ForecastNetwork, linear: LinearForecast) -> ForecastNetwork:
    """A copy of a network that gives a linear forecast."""
    copied = copy.deepcopy(network)
    assert copied.linear_skip is not None
    copied.linear_skip.weight.copy_(linear.weight)
    copied.head.start(linear.intercept[:, None].float())
    return copied.eval()
