"""What happens within an epoch, measured without making each step wait."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from tidegate.errors import TrainingError

REMEDY = "lower learning_rate or clip_norm, or check that the data are scaled and free of extreme values"
_INTERVAL = 0.2
_PENDING = 1000


class StepResult(NamedTuple):
    """How far an epoch is.

    Attributes:
        epoch: its number, from 1.
        step: steps done in it.
        steps: steps that it has.
        loss: mean training loss of the steps done.
    """

    epoch: int
    step: int
    steps: int
    loss: float


class Meter:
    """Mean loss and gradient norm of an epoch.

    Values stay tensors until five times per second, or 1000 of them, are read at once; that is also when a loss that is
    not finite is noticed, and `on_step` is called.
    """

    def __init__(self, epoch: int, steps: int, on_step: Callable[[StepResult], None] | None) -> None:
        self.epoch, self.steps = epoch, steps
        self._on_step = on_step
        self._pending: list[Tensor] = []
        self._counts: list[Tensor | int] = []
        self._step = 0
        self._loss = self._norm = self._counted = 0.0
        self._next = time.perf_counter() + _INTERVAL

    def add(self, loss: Tensor, norm: Tensor, count: Tensor | int) -> None:
        """Note a step's loss, the mean over so many, and its gradient norm."""
        self._pending += (loss, norm)
        self._counts.append(count)
        if len(self._counts) >= _PENDING or time.perf_counter() >= self._next:
            self.flush()
            self._next = time.perf_counter() + _INTERVAL
            if self._on_step is not None:
                self._on_step(StepResult(self.epoch, self._step, self.steps, self.loss))

    def flush(self) -> None:
        """Read what is pending.

        Raises:
            TrainingError: when a loss or a gradient norm is not finite.
        """
        if not self._pending:
            return
        values = torch.stack(self._pending).tolist()
        for loss, norm, count in zip(values[::2], values[1::2], map(float, self._counts), strict=True):
            self._step += 1
            if not math.isfinite(loss) or not math.isfinite(norm):
                what, value = ("gradient", norm) if math.isfinite(loss) else ("loss", loss)
                raise TrainingError(f"the {what} became {value:g} in epoch {self.epoch}, step {self._step}; {REMEDY}")
            self._loss += loss * count
            self._norm += norm
            self._counted += count
        self._pending.clear()
        self._counts.clear()

    @property
    def loss(self) -> float:
        """Mean loss over all that was counted in the steps read so far; 0 when nothing was."""
        return self._loss / self._counted if self._counted else 0.0

    @property
    def gradient_norm(self) -> float:
        """Mean gradient norm over the steps read so far."""
        return self._norm / self._step
