"""A layer on a live stream: one step in, one output out, the state kept in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

State = tuple[Tensor, ...]


class Session(Protocol):
    """What a session offers, whoever computes it."""

    def step(self, x: Tensor) -> Tensor:
        """Run one time step: x (B, I) to the layer's outputs (B, H), which the next step may overwrite."""
        ...

    @property
    def state(self) -> State | None:
        """The state as the layer's `forward` takes it, which another session may continue; None before the first."""
        ...

    @state.setter
    def state(self, state: State | None) -> None: ...


class LoopSession:
    """A session of any step function (x, state) to (y, state)."""

    def __init__(self, step: Callable[[Tensor, State | None], tuple[Tensor, State]]) -> None:
        self._step = step
        self.state: State | None = None

    @torch.no_grad()
    def step(self, x: Tensor) -> Tensor:
        """Run one time step; see `Session`."""
        y, self.state = self._step(x, self.state)
        return y
