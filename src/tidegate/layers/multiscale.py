"""Recurrences side by side that see a sequence at several scales of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tidegate.errors import DataError, SettingError
from tidegate.layers import blocks
from tidegate.layers.recurrent import Recurrent
from tidegate.layers.sequence import SequenceLayer, State, without_padding
from tidegate.layers.settings import CellSettings
from tidegate.settings import setting


@dataclass(kw_only=True)
class MultiScale(CellSettings):
    """Settings of recurrences at several scales of time; each field's help says what it does.

    Example:
        >>> MultiScale(units=20, strides=(1, 24)).build(3).output_size
        40
    """

    name = "multiscale"
    strides: tuple[int, ...] = setting((1, 4, 16), "steps in whose means each recurrence sees the sequence, 1 first")

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return a layer with fresh weights."""
        return MultiScaleLayer([self.recurrence(input_size) for _ in self.strides], self.strides)

    def check_together(self) -> None:
        """Refuse strides that are none."""
        super().check_together()
        check_counts("strides", self.strides)
        if self.strides[0] != 1 or sorted(set(self.strides)) != list(self.strides):
            raise SettingError(f"strides must begin with 1, so that each step is seen, and grow, not {self.strides!r}")


def check_counts(name: str, values: Any) -> None:
    """Refuse what is no tuple of whole numbers of at least 1.

    Raises:
        SettingError: naming the setting.
    """
    given = isinstance(values, tuple | list) and len(values) > 0
    if not given or not all(isinstance(each, int) and not isinstance(each, bool) and each > 0 for each in values):
        raise SettingError(f"{name} must be whole numbers of at least 1, such as (1, 24), not {values!r}")


class MultiScaleLayer(SequenceLayer):
    """Recurrences side by side, one over the steps and the others over the means of blocks of steps.

    A recurrence of stride s moves when s more steps are there: it reads their mean and holds its output until it moves
    again, so that a dependence over 1,000 steps is one over 1,000 / s. Outputs are those of all recurrences, joined.
    Source: El Hihi and Bengio, NIPS 1995; the parallel recurrences of Koutník et al., ICML 2014, with weights apart.

    The state is that of each recurrence, followed, for strides above 1, by the sum of the steps of its unfinished
    block (1, B, I) and their number (1, B, 1).
    """

    streams = causal = True

    def __init__(self, recurrences: Sequence[Recurrent], strides: Sequence[int]) -> None:
        """Join the recurrences.

        Args:
            recurrences: as many as strides, of the same inputs, in one direction.
            strides: steps of a block of each.
        """
        super().__init__()
        self.recurrences, self.strides = nn.ModuleList(recurrences), tuple(strides)
        self.input_size, self._output_size = recurrences[0].input_size, sum(each.output_size for each in recurrences)
        self._states = len(recurrences[0].cell.states)

    @property
    def output_size(self) -> int:
        """Features of an output: those of all recurrences."""
        return self._output_size

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`."""
        self.check(x, lengths, context)
        x = without_padding(x, lengths)
        ends, outputs, after = blocks.ends_of(x, lengths), [], []
        for scale, (recurrence, stride) in enumerate(zip(self.recurrences, self.strides, strict=True)):
            before = self._before(state, scale)
            assert isinstance(recurrence, Recurrent)
            if stride == 1:
                y, end = recurrence(x, before, lengths)
            else:
                y, end = _over_means(recurrence, stride, x, ends, before)
            outputs.append(y)
            after += end
        return without_padding(torch.cat(outputs, -1), lengths), tuple(after)

    def extra_repr(self) -> str:
        """Return what `repr` shows in the brackets."""
        return f"strides={self.strides}"

    def _before(self, state: State | None, scale: int) -> State | None:
        """Return the part of a state that is of one scale."""
        if state is None:
            return None
        counts = [self._states + (0 if stride == 1 else 2) for stride in self.strides]
        if len(state) != sum(counts):
            raise DataError(f"state must hold {sum(counts)} tensors, not {len(state)}")
        first = sum(counts[:scale])
        return state[first : first + counts[scale]]


def _over_means(
    recurrence: Recurrent, stride: int, x: Tensor, ends: Tensor, before: State | None
) -> tuple[Tensor, State]:
    """Run a recurrence over the means of blocks.

    Args:
        recurrence: what reads the means.
        stride: steps of a block.
        x: inputs (B, T, I), 0 beyond a row's end.
        ends: steps of each row (B,).
        before: its states, the sum of the unfinished block and its phase.

    Returns:
        What it holds at each step (B, T, H), and the state, shaped as the argument.
    """
    states, phase, steps = None, torch.zeros_like(ends), x.shape[1]
    time = torch.arange(steps, device=x.device)
    if before is None:
        whole = steps - steps % stride
        sums = torch.cat([x[:, :whole].unflatten(1, (-1, stride)).sum(2), x[:, whole:].sum(1, keepdim=True)], 1)
        start = x.new_zeros(len(x), recurrence.output_size)
    else:
        *states, sum_before, part = before
        phase, start = blocks.phase_of(part), states[0][-1]
        block = ((phase[:, None] + time) // stride)[:, :, None].expand_as(x)
        sums = x.new_zeros(len(x), (steps + 2 * stride - 2) // stride, x.shape[2]).scatter_add(1, block, x)
        sums = torch.cat([sums[:, :1] + sum_before[0][:, None], sums[:, 1:]], 1)
    finished = (phase + ends) // stride
    count = max(1, blocks.most(finished))  # 1 even where no block is finished, so that weights have a gradient, of 0
    y, after = recurrence(sums[:, :count] / stride, None if states is None else tuple(states), finished)
    rest = (phase + ends) % stride
    unfinished = torch.where(rest[:, None] > 0, blocks.at(sums, finished[:, None])[:, 0], 0)
    held = blocks.held(start, y, (phase[:, None] + time + 1) // stride)
    return held, (*after, unfinished[None], blocks.as_state(rest, x))
