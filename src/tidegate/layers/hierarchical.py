"""Recurrences on top of each other, each of which moves once per block of the one below: steps, days, weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tidegate.errors import DataError
from tidegate.layers import blocks
from tidegate.layers.multiscale import check_counts
from tidegate.layers.recurrent import Recurrent
from tidegate.layers.sequence import SequenceLayer, State, without_padding
from tidegate.layers.settings import CellSettings
from tidegate.settings import setting


@dataclass(kw_only=True)
class Hierarchical(CellSettings):
    """Settings of recurrences in levels; each field's help says what it does.

    Example:
        >>> Hierarchical(units=20, periods=(24, 7)).build(3).output_size
        60
    """

    name = "hierarchical"
    periods: tuple[int, ...] = setting((24, 7), "steps of a block, blocks of a block of blocks, and so on")

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return a layer with fresh weights."""
        levels = [self.recurrence(input_size)]
        for _ in self.periods:
            levels.append(self.recurrence(levels[-1].output_size))
        return HierarchicalLayer(levels, self.periods)

    def check_together(self) -> None:
        """Refuse periods that are none."""
        super().check_together()
        check_counts("periods", self.periods)


class HierarchicalLayer(SequenceLayer):
    """Recurrences in levels: the lowest reads each block of steps from its beginning, and what it has made of a whole
    block is one step of the level above, whose blocks are read in the same way; the highest reads on for ever.

    An output joins, of each level, the newest there is: of the lowest that of the step, of the others what the newest
    finished block below has led to, 0 before the first. Source: Li, Luong and Jurafsky, ACL 2015, section 3.3.

    The state is, level by level, that of the recurrence in its unfinished block, how many steps of this block are there
    (1, B, 1), and the newest output (1, B, H).
    """

    streams = causal = True

    def __init__(self, levels: Sequence[Recurrent], periods: Sequence[int]) -> None:
        """Join the levels.

        Args:
            levels: the lowest first; each reads the outputs of the one below.
            periods: steps of a block of each level but the highest.
        """
        super().__init__()
        self.levels = nn.ModuleList(
            _Level(recurrence, period) for recurrence, period in zip(levels, (*periods, None), strict=True)
        )
        self.input_size, self._output_size = levels[0].input_size, sum(level.output_size for level in levels)
        self._parts = len(levels[0].cell.states) + 2

    @property
    def output_size(self) -> int:
        """Features of an output: those of all levels."""
        return self._output_size

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`."""
        self.check(x, lengths, context)
        if state is not None and len(state) != self._parts * len(self.levels):
            raise DataError(f"state must hold {self._parts * len(self.levels)} tensors, not {len(state)}")
        inputs, ends = without_padding(x, lengths), blocks.ends_of(x, lengths)
        read = torch.arange(1, x.shape[1] + 1, device=x.device).expand(len(x), -1)  # by a level, up to each step
        outputs, after = [], []
        for number, level in enumerate(self.levels):
            before = None if state is None else state[number * self._parts : (number + 1) * self._parts]
            y, inputs, read, ends, end = level(inputs, read, ends, before)
            outputs.append(y)
            after += end
        return without_padding(torch.cat(outputs, -1), lengths), tuple(after)

    def extra_repr(self) -> str:
        """Return what `repr` shows in the brackets."""
        return f"periods={tuple(level.period for level in self.levels)[:-1]}"


class _Level(nn.Module):
    """A recurrence that begins anew with every block, or, without a period, reads on for ever."""

    def __init__(self, recurrence: Recurrent, period: int | None) -> None:
        super().__init__()
        self.recurrence, self.period = recurrence, period

    def forward(
        self, x: Tensor, read: Tensor, ends: Tensor, before: State | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, State]:
        """Run over a batch of sequences.

        Args:
            x: inputs (B, N, I).
            read: how many of them are there at each step of the whole layer (B, T).
            ends: how many of them each row has (B,).
            before: a state: those of the recurrence, the phase, and the newest output.

        Returns:
            The newest output at each step of the whole layer (B, T, H), then, for the level above, its inputs, how many
            of them are there at each step, and how many each row has; and the state.
        """
        if before is None:
            carried, phase, start = None, torch.zeros_like(ends), x.new_zeros(len(x), self.recurrence.output_size)
        else:
            carried, phase, start = before[:-2], blocks.phase_of(before[-2]), before[-1][0]
        if self.period is None:
            y, after = self.recurrence(x, carried, ends)
            results, finished, done = x, read, ends
        else:
            y, results, after = self._in_blocks(x, ends, carried, phase)
            finished, done = (phase[:, None] + read) // self.period, (phase + ends) // self.period
            # One step even where no block is finished, so that all weights have a gradient, if of 0.
            results, phase = results[:, : max(1, blocks.most(done))], (phase + ends) % self.period
        newest = blocks.held(start, y, ends[:, None])[:, 0]
        state = (*after, blocks.as_state(phase, x), newest[None])
        return blocks.held(start, y, read), results, finished, done, state

    def _in_blocks(self, x: Tensor, ends: Tensor, carried: State | None, phase: Tensor) -> tuple[Tensor, Tensor, State]:
        """Run over the blocks of all rows at once.

        Returns:
            The outputs (B, N, H), what became of each block (B, blocks, H), and the states of the unfinished ones.
        """
        assert self.period is not None
        steps, period = x.shape[1], self.period
        width = min(period, steps)
        most = blocks.most(phase)
        count = max(1, -(-(most + steps) // period))
        edges = torch.arange(count + 1, device=x.device) * period - phase[:, None]
        starts, lengths = edges[:, :-1].clamp(min=0), edges.clamp(min=0).minimum(ends[:, None]).diff()
        if most:  # a first block that was begun before is shorter
            cut = blocks.at(x, (starts[:, :, None] + torch.arange(width, device=x.device)).flatten(1))
        else:
            cut = functional.pad(x, (0, 0, 0, count * width - steps))
        first = None if carried is None else tuple(_first_of(part, count) for part in carried)
        y, after = self.recurrence(cut.unflatten(1, (count, width)).flatten(0, 1), first, lengths.flatten())
        y = y.unflatten(0, (len(x), count)).flatten(1, 2)
        if most:  # where in its block each step is
            time = torch.arange(steps, device=x.device)
            block = (phase[:, None] + time) // period
            y = blocks.at(y, block * width + time - starts.gather(1, block))
        states = [part.unflatten(1, (len(x), count)) for part in after]
        unfinished = (phase + ends) // period, ((phase + ends) % period > 0)
        kept = tuple(_of_block(part, *unfinished) for part in states)
        return y[:, :steps], states[0][-1], kept


def _first_of(part: Tensor, count: int) -> Tensor:
    """Return states (L, B * count, H) in which the first block of each row carries on from (L, B, H)."""
    return functional.pad(part[:, :, None], (0, 0, 0, count - 1)).flatten(1, 2)


def _of_block(part: Tensor, block: Tensor, there: Tensor) -> Tensor:
    """Return, of states (L, B, blocks, H), those (L, B, H) of one block per row; zeros where it is not there."""
    rows = torch.arange(len(block), device=part.device)
    return torch.where(there[:, None], part[:, rows, block.clamp(max=part.shape[2] - 1)], 0)
