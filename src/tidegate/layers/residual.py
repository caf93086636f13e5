"""A residual stack around a recurrence over time that is linear, as S4 and its kind are used."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from tidegate.engine import noise
from tidegate.layers.sequence import SequenceLayer, State, start, without_padding


class Recurrence(nn.Module, ABC):
    """What mixes the steps of a block, feature by feature or not, by a linear recurrence with a state."""

    @abstractmethod
    def forward(self, u: Tensor, state: Tensor | None, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return outputs (B, T, H) and the state at each row's end, of inputs (B, T, H), 0 beyond a row's length."""

    @abstractmethod
    def step(self, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return one step's outputs (B, H) of inputs (B, H), and the state after it."""

    @abstractmethod
    def state_shape(self, batch: int) -> tuple[int, ...]:
        """Return the shape of the state; of a complex number it has the real and the imaginary part."""


class ResidualStack(SequenceLayer):
    r"""Blocks :math:`x + \mathrm{GLU}(W\,\mathrm{GELU}(\mathrm{recurrence}(\mathrm{norm}(x))))`, on a linear map first.

    A block's recurrence is linear and mixes steps; what follows it is not and mixes features. Dropout acts after GELU
    and after GLU; the outputs are normalised.

    Args:
        input_size: features of an input.
        units: features of an output, and of each block.
        layers: blocks.
        dropout: share of a block's features dropped while training.
        make: makes the recurrence of one block.
    """

    streams = causal = True

    def __init__(
        self, input_size: int, units: int, *, layers: int, dropout: float, make: Callable[[], Recurrence]
    ) -> None:
        super().__init__()
        self.input_size, self.units = input_size, units
        self.encoder = nn.Linear(input_size, units)
        blocks = nn.ModuleList(Block(make(), units, dropout) for _ in range(layers))
        self.blocks = cast(Sequence[Block], blocks)
        self.norm = nn.LayerNorm(units)

    @property
    def output_size(self) -> int:
        """Features of an output."""
        return self.units

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`."""
        self.check(x, lengths, context)
        before = [None] * len(self.blocks) if state is None else self._start(x, state)
        y, after = self.encoder(without_padding(x, lengths)), []
        for block, own in zip(self.blocks, before, strict=True):
            mixed, end = block.recurrence(without_padding(block.norm(y), lengths), own, lengths)
            y = y + block.gate(mixed)
            after.append(end)
        return without_padding(self.norm(y), lengths), (torch.stack(after).flatten(2),)

    def step(self, x: Tensor, state: State | None = None, context: Tensor | None = None) -> tuple[Tensor, State]:
        """Run one time step; see `SequenceLayer.step`."""
        self.check_step(x, context)
        y, after = self.encoder(x), []
        for block, own in zip(self.blocks, self._start(x, state), strict=True):
            mixed, end = block.recurrence.step(block.norm(y), own)
            y = y + block.gate(mixed)
            after.append(end)
        return self.norm(y), (torch.stack(after).flatten(2),)

    def _start(self, x: Tensor, state: State | None) -> tuple[Tensor, ...]:
        """Return the state of each block."""
        batch, *sizes = self.blocks[0].recurrence.state_shape(len(x))
        (every,) = start(state, x, [(len(self.blocks), batch, math.prod(sizes))])
        return every.unflatten(2, sizes).unbind()


class Block(nn.Module):
    """One block's recurrence, the norm before it, and the gated map after it."""

    def __init__(self, recurrence: Recurrence, units: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.recurrence = nn.LayerNorm(units), recurrence
        self.mix = nn.Linear(units, 2 * units)
        self.dropout = dropout

    def gate(self, y: Tensor) -> Tensor:
        """Map features (..., H) to as many."""
        return self._drop(functional.glu(self.mix(self._drop(functional.gelu(y)))))

    def _drop(self, y: Tensor) -> Tensor:
        return noise.dropout(y, self.dropout) if self.training else y


def draw_complex(*shape: int) -> nn.Parameter:
    """Return complex weights of variance 1, kept as their real and imaginary parts (..., 2)."""
    return nn.Parameter(torch.randn(*shape, 2) * 0.5**0.5)


def as_complex(pairs: Tensor) -> Tensor:
    """Return real and imaginary parts (..., 2) as complex numbers (...)."""
    return torch.view_as_complex(pairs.contiguous())
