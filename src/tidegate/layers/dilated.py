"""The dilated recurrent network: each recurrence reads its own state of so many steps ago, and not that of the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from tidegate import cells
from tidegate.engine import noise
from tidegate.errors import SettingError
from tidegate.layers.multiscale import check_counts
from tidegate.layers.recurrent import Recurrent
from tidegate.layers.sequence import SequenceLayer, State, start, without_padding
from tidegate.layers.settings import CellSettings
from tidegate.settings import setting


@dataclass(kw_only=True)
class Dilated(CellSettings):
    """Settings of a dilated recurrent network; each field's help says what it does.

    Example:
        >>> Dilated(cell="gru", units=20, dilations=(1, 4, 24, 168)).build(3).output_size
        20
    """

    name = "dilated"
    dilations: tuple[int, ...] = setting((1, 2, 4, 8), "how many steps back the state is that each recurrence reads")
    block: int = setting(2, "recurrences in a block; each block but the first is added to its input (0: none)", low=0)
    attention: int = setting(
        0, "hidden units of an attention over all states since the one that many steps back (0: none; slow)", low=0
    )

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return a dilated recurrent network with fresh weights."""
        parts: list[Folded] = []
        for dilation in self.dilations:
            recurrence = self.recurrence(parts[-1].recurrence.output_size if parts else input_size)
            attends = self.attention and dilation > 1
            parts.append(Attentive(recurrence, dilation, self.attention) if attends else Folded(recurrence, dilation))
        return DilatedLayer(parts, self.block, self.dropout)

    def check_together(self) -> None:
        """Refuse dilations that are none, and what attention cannot go with."""
        super().check_together()
        check_counts("dilations", self.dilations)
        cell = cells.get(self.cell)
        if self.attention and (self.layers > 1 or cell.noise or cells.alias(self.cell) is not None):
            raise SettingError(
                "attention chooses what a recurrence reads of its states, so it goes with layers=1 and a cell without "
                f"noise; set attention=0, not {self.attention!r}, for layers={self.layers} and cell {self.cell!r}"
            )


class DilatedLayer(SequenceLayer):
    """Recurrences stacked on each other, each with a dilation of its own, and shortcuts around blocks of them.

    The state holds, for each recurrence and each state of its cell, the newest as many as its dilation,
    (layers * dilation, B, units), in the order of time. Source: Chang et al., 'Dilated recurrent neural networks',
    NIPS 2017; the shortcuts and the attention are those of Smyl, 'A hybrid method of exponential smoothing and
    recurrent neural networks for time series forecasting', International Journal of Forecasting 36 (2020).
    """

    streams = causal = True

    def __init__(self, parts: Sequence[Folded], block: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.parts = cast(Sequence[Folded], nn.ModuleList(parts))
        self.input_size, self.block, self.dropout = parts[0].recurrence.input_size, block or len(parts), dropout

    @property
    def output_size(self) -> int:
        """Features of an output."""
        return self.parts[-1].recurrence.output_size

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`."""
        self.check(x, lengths, context)
        return self._run(x, state, lambda part, y, before: part(y, before, lengths))

    def step(self, x: Tensor, state: State | None = None, context: Tensor | None = None) -> tuple[Tensor, State]:
        """Run one time step; see `SequenceLayer.step`."""
        self.check_step(x, context)
        return self._run(x, state, lambda part, y, before: part.step(y, before))

    def _run(
        self, x: Tensor, state: State | None, run: Callable[[Folded, Tensor, State], tuple[Tensor, State]]
    ) -> tuple[Tensor, State]:
        """Run each recurrence on the outputs of the one below."""
        before = start(state, x, [shape for part in self.parts for shape in part.state_shapes(len(x))])
        after: list[Tensor] = []
        y = x
        for first in range(0, len(self.parts), self.block):
            inputs = y
            for part in self.parts[first : first + self.block]:
                own = before[len(after) : len(after) + len(part.recurrence.cell.states)]
                y, end = run(part, self._drop(y, part) if after else y, own)
                after += end
            y = y + inputs if first else y
        return y, tuple(after)

    def _drop(self, y: Tensor, part: Folded) -> Tensor:
        """Apply dropout between recurrences, where it does not act within them."""
        return noise.dropout(y, self.dropout) if self.training and not part.recurrence.variational else y


class Folded(nn.Module):
    """A recurrence whose state before a step is that of `dilation` steps ago.

    So it is as many recurrences side by side, over every dilation-th step each: a sequence is folded into as many rows,
    which take as many steps fewer.
    """

    def __init__(self, recurrence: Recurrent, dilation: int) -> None:
        super().__init__()
        self.recurrence, self.dilation = recurrence, dilation

    def forward(self, x: Tensor, before: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        """Return the outputs (B, T, units), 0 beyond a row's length, and the newest states at each row's end."""
        batch, time, _ = x.shape
        rows = -(-time // self.dilation)
        padded = functional.pad(x, (0, 0, 0, rows * self.dilation - time)).transpose(0, 1)
        folded = padded.reshape(rows, self.dilation * batch, x.shape[2]).transpose(0, 1)
        states = tuple(part.reshape(self.recurrence.layers, -1, part.shape[-1]) for part in before)
        y, ends = self.recurrence(folded, states, self._lengths(x, lengths))
        y = y.transpose(0, 1).reshape(rows * self.dilation, batch, y.shape[2])[:time].transpose(0, 1)
        return y, tuple(self._in_order(part, x, lengths) for part in ends)

    def step(self, x: Tensor, before: State) -> tuple[Tensor, State]:
        """Return one step's outputs (B, units), and the newest states after it."""
        before = tuple(part.unflatten(0, (self.recurrence.layers, self.dilation)) for part in before)
        y, new = self.recurrence.step(x, tuple(part[:, 0] for part in before))
        after = (torch.cat([old[:, 1:], part[:, None]], 1) for old, part in zip(before, new, strict=True))
        return y, tuple(part.flatten(0, 1) for part in after)

    def state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Return the shapes of the newest states."""
        recurrence = self.recurrence
        return [(recurrence.layers * self.dilation, batch, size) for size in recurrence.cell.sizes(recurrence.units)]

    def _lengths(self, x: Tensor, lengths: Tensor | None) -> Tensor | None:
        """Return the steps of each folded row; None when all have as many."""
        batch, time, _ = x.shape
        if lengths is None and time % self.dilation == 0:
            return None
        ends = torch.full((batch,), time) if lengths is None else lengths.cpu()
        later = torch.arange(self.dilation - 1, -1, -1)
        return ((ends + later[:, None]) // self.dilation).flatten()

    def _in_order(self, part: Tensor, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Return states after the folded rows (layers, dilation * B, units) in the order of time."""
        batch, time, _ = x.shape
        part = part.unflatten(1, (self.dilation, batch))
        if lengths is None:
            return part.roll(-(time % self.dilation), 1).flatten(0, 1)
        oldest_first = (lengths.to(x.device) + torch.arange(self.dilation, device=x.device)[:, None]) % self.dilation
        return part.take_along_dim(oldest_first[None, :, :, None], 1).flatten(0, 1)


class Attentive(Folded):
    r"""A dilated recurrence that reads a mean of its outputs of the last `dilation` steps, weighed by an attention:

    .. math:: w_t = \mathrm{softmax}(V \tanh(W [x_t, s_{t-1}] + b) + c),\quad \bar h_t = \sum_i w_{ti} h_{t-i}

    s are all states of the cell; those but the output are still those of `dilation` steps ago. Before the first step
    all are 0. Each step needs the one before, so this takes a loop over time, and nothing is folded. Source: Smyl 2020,
    after Qin et al., 'A dual-stage attention-based recurrent neural network for time series prediction', IJCAI 2017.
    """

    def __init__(self, recurrence: Recurrent, dilation: int, attention: int) -> None:
        super().__init__(recurrence, dilation)
        inputs = recurrence.input_size + sum(recurrence.cell.sizes(recurrence.units))
        self.score = nn.Sequential(nn.Linear(inputs, attention), nn.Tanh(), nn.Linear(attention, dilation))

    def forward(self, x: Tensor, before: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        """Return the outputs (B, T, units), 0 beyond a row's length, and the newest states at each row's end."""
        x = without_padding(x, lengths)
        every = [list(part.unbind()) for part in before]
        for t, inputs in enumerate(x.unbind(1)):
            weights = self.score(torch.cat([inputs, *(part[-1] for part in every)], -1)).softmax(-1)
            mean = torch.einsum("bd,dbh->bh", weights, torch.stack(every[0][t:]))
            old = (mean, *(part[t] for part in every[1:]))
            _, new = self.recurrence.step(inputs, tuple(part[None] for part in old))
            for part, latest in zip(every, new, strict=True):
                part.append(latest[0])
        states = [torch.stack(part) for part in every]
        y = states[0][self.dilation :].transpose(0, 1)
        return without_padding(y, lengths), tuple(self._newest(part, lengths) for part in states)

    def step(self, x: Tensor, before: State) -> tuple[Tensor, State]:
        """Return one step's outputs (B, units), and the newest states after it."""
        y, after = self(x[:, None], before, None)
        return y[:, 0], after

    def _newest(self, part: Tensor, lengths: Tensor | None) -> Tensor:
        """Return of all states (dilation + T, B, units) the newest at each row's end."""
        if lengths is None:
            return part[len(part) - self.dilation :]
        newest = lengths.to(part.device) + torch.arange(self.dilation, device=part.device)[:, None]
        return part.take_along_dim(newest[:, :, None], 0)
