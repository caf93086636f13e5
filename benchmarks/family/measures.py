"""What a network is trained by, and the figure that the table shows of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Measure:
    """A loss and a figure.

    Attributes:
        name: what the table calls the figure.
        loss: of outputs and a batch, a number to make small.
        total: of outputs and a batch, a sum and what it is divided by.
        finish: makes the figure of the mean over all batches.
        higher: whether more is better.
    """

    name: str
    loss: Callable[[Tensor, Any], Tensor]
    total: Callable[[Tensor, Any], tuple[float, float]]
    finish: Callable[[float], float] = float
    higher: bool = False


def squared() -> Measure:
    """The mean squared error."""
    return Measure("MSE", lambda y, batch: functional.mse_loss(y, batch.y), _squares)


def root() -> Measure:
    """The root of the mean squared error."""
    return Measure("RMSE", lambda y, batch: functional.mse_loss(y, batch.y), _squares, math.sqrt)


def accuracy() -> Measure:
    """The share of classes that are right, in percent, of logits (..., classes)."""

    def total(y: Tensor, batch: Any) -> tuple[float, float]:
        return float((y.argmax(-1) == batch.y).sum()), batch.y.numel()

    return Measure("accuracy %", _cross_entropy, total, lambda mean: 100 * mean, higher=True)


def surprise(*, bits: bool = False) -> Measure:
    """The cross-entropy of classes, of logits (..., classes), in nats or bits."""

    def total(y: Tensor, batch: Any) -> tuple[float, float]:
        return float(_cross_entropy(y, batch)) * batch.y.numel(), batch.y.numel()

    unit = math.log(2) if bits else 1.0
    return Measure("bits" if bits else "cross-entropy", _cross_entropy, total, lambda mean: mean / unit)


def steps_nll() -> Measure:
    """The negative log-likelihood of a step's yes-or-no numbers (B, T, F), of logits, over the steps there are."""

    def parts(y: Tensor, batch: Any) -> tuple[Tensor, int]:
        each = functional.binary_cross_entropy_with_logits(y, batch.y, reduction="none").sum(-1)
        if batch.lengths is None:
            return each.sum(), each.numel()
        there = torch.arange(each.shape[1]) < batch.lengths[:, None]
        return (each * there).sum(), int(there.sum())

    def loss(y: Tensor, batch: Any) -> Tensor:
        nll, count = parts(y, batch)
        return nll / count

    def total(y: Tensor, batch: Any) -> tuple[float, float]:
        nll, count = parts(y, batch)
        return float(nll), count

    return Measure("NLL of a step", loss, total)


def bits_wrong() -> Measure:
    """The share of yes-or-no numbers that are wrong, in percent, of logits, where an answer is due (not NaN)."""

    def loss(y: Tensor, batch: Any) -> Tensor:
        due = ~batch.y.isnan()
        return functional.binary_cross_entropy_with_logits(y[due], batch.y[due])

    def total(y: Tensor, batch: Any) -> tuple[float, float]:
        due = ~batch.y.isnan()
        return float(((y[due] > 0) != (batch.y[due] > 0.5)).sum()), int(due.sum())

    return Measure("bits wrong %", loss, total, lambda mean: 100 * mean)


def _squares(y: Tensor, batch: Any) -> tuple[float, float]:
    return float(((y - batch.y) ** 2).sum()), batch.y.numel()


def _cross_entropy(y: Tensor, batch: Any) -> Tensor:
    return functional.cross_entropy(y.flatten(0, -2), batch.y.flatten())
