"""xLSTM: residual blocks of matrix memories (mLSTM) and of scalar ones with exponential gates (sLSTM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from tidegate.engine import noise
from tidegate.errors import SettingError
from tidegate.layers import mlstm
from tidegate.layers.conv import CausalConvolution
from tidegate.layers.recurrent import Recurrent
from tidegate.layers.sequence import SequenceLayer, State, start, without_padding
from tidegate.layers.settings import LayerSettings
from tidegate.settings import setting


@dataclass(kw_only=True)
class XLSTM(LayerSettings):
    """Settings of a stack of xLSTM blocks; each field's help says what it does."""

    name = "xlstm"

    blocks: str = setting("ms", "blocks from the input on: m (mLSTM), s (sLSTM), t (sLSTM as in TiRex)")
    units: int = setting(64, "width of the stack", low=1)
    heads: int = setting(4, "heads that a block is divided into; each reads itself alone", low=1)
    factor: float = setting(2.0, "width within an mLSTM block, as a multiple of the units", above=0)
    kernel_size: int = setting(4, "steps that the convolution in an mLSTM block sees", low=1)

    def build(self, input_size: int, *, context_size: int = 0) -> XLSTMLayer:
        """Return a layer with fresh weights."""
        return XLSTMLayer(self, input_size)

    def check_together(self) -> None:
        """Refuse blocks that there are not, and widths that the heads do not divide."""
        if not isinstance(self.blocks, str) or not self.blocks or set(self.blocks) - set(_BLOCKS):
            raise SettingError(f"blocks must be letters of {', '.join(_BLOCKS)}, such as 'ms', not {self.blocks!r}")
        for name, width in (("units", self.units), ("factor * units", round(self.factor * self.units))):
            if width % self.heads or not width:
                raise SettingError(f"{name} must be a multiple of heads, {self.heads}, not {width}")


class HeadNorm(nn.Module):
    """Normalises each head of a sequence (B, T, N, D) and joins them, (B, T, N*D), each number with a weight."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(units))

    def forward(self, y: Tensor) -> Tensor:
        """Normalise."""
        return functional.layer_norm(y, y.shape[-1:]).flatten(2) * self.weight


class HeadLinear(nn.Module):
    """A product for each head, without bias: (B, T, N*D) to (B, N, T, D)."""

    def __init__(self, units: int, heads: int) -> None:
        super().__init__()
        size = units // heads
        self.weight = nn.Parameter(torch.empty(heads, size, size))
        nn.init.normal_(self.weight, std=size**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply."""
        return x.unflatten(2, (len(self.weight), -1)).transpose(1, 2) @ self.weight


class MLSTMBlock(nn.Module):
    """A matrix memory within a wider space, gated on the way out: Beck et al. 2024, figure 10 of the appendix.

    Queries, keys and values are products of each head, which the paper divides further into blocks of 4.
    """

    def __init__(self, settings: XLSTM) -> None:
        super().__init__()
        inner = round(settings.factor * settings.units)
        self.norm = nn.LayerNorm(settings.units)
        self.up = nn.Linear(settings.units, 2 * inner)
        self.conv = CausalConvolution(inner, inner, settings.kernel_size, groups=inner)
        self.query, self.key, self.value = (HeadLinear(inner, settings.heads) for _ in range(3))
        self.gates = nn.Linear(inner, 2 * settings.heads)
        self.head_norm = HeadNorm(inner)
        self.skip = nn.Parameter(torch.ones(inner))
        self.down = nn.Linear(inner, settings.units)
        self.dropout = settings.dropout
        # As in the authors' program: gates that read nothing yet, and heads that remember from 20 to 400 steps.
        nn.init.zeros_(self.gates.weight)
        write, forget = self.gates.bias.detach().chunk(2)
        nn.init.normal_(write, std=0.1)
        forget.copy_(torch.linspace(3, 6, settings.heads))

    def state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Return the shapes of the memory's state, and of the convolution's."""
        heads, size, _ = self.query.weight.shape
        return [(heads, batch, size * size), (heads, batch, size), (heads, batch, 1), self.conv.state_shape(batch)]

    def forward(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        """Run over (B, T, units), finite beyond a row's length, from a state of `state_shapes`."""
        c, n, m = (part.transpose(0, 1) for part in state[:3])
        memory = (c.unflatten(2, (n.shape[2], -1)), n, m[..., 0])
        inner, gate = self.up(self.norm(x)).chunk(2, -1)
        seen, earlier = self.conv(inner, state[3], lengths)
        seen = functional.silu(seen)
        write, forget = self.gates(seen).mT.chunk(2, 1)
        alive = None if lengths is None else torch.arange(x.shape[1], device=x.device) < lengths.to(x.device)[:, None]
        y, (c, n, m) = mlstm.scan(self.query(seen), self.key(seen), self.value(inner), write, forget, memory, alive)
        y = self.head_norm(y.transpose(1, 2)) + self.skip * seen
        y = self.down(y * functional.silu(gate))
        after = (*(part.transpose(0, 1) for part in (c.flatten(2), n, m[..., None])), earlier)
        return x + noise.dropout(y, self.dropout if self.training else 0.0), after


class SLSTMBlock(nn.Module):
    """The cell `slstm`, then a gated feed-forward layer: Beck et al. 2024, figure 9, without its convolution."""

    norm: type[nn.Module] = nn.LayerNorm
    factor = 4 / 3
    activation = staticmethod(functional.gelu)

    def __init__(self, settings: XLSTM) -> None:
        super().__init__()
        units, inner = settings.units, round(self.factor * settings.units)
        self.cell_norm, self.feed_norm = self.norm(units), self.norm(units)
        self.cell = Recurrent("slstm", units, units, heads=settings.heads)
        self.heads, self.head_norm = settings.heads, HeadNorm(units)
        self.up = nn.Linear(units, 2 * inner)
        self.down = nn.Linear(inner, units)
        self.dropout = settings.dropout

    def state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Return the shapes of the cell's state."""
        return [(1, batch, size) for size in self.cell.cell.sizes(self.cell.units)]

    def forward(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        """Run over (B, T, units) from a state of `state_shapes`."""
        share = self.dropout if self.training else 0.0
        y, after = self.cell(self.cell_norm(x), state, lengths)
        x = x + noise.dropout(self.head_norm(y.unflatten(2, (self.heads, -1))), share)
        inner, gate = self.up(self.feed_norm(x)).chunk(2, -1)
        return x + noise.dropout(self.down(inner * self.activation(gate)), share), after


class TiRexBlock(SLSTMBlock):
    """The same with the norms, activation and width of Auer et al., 'TiRex: zero-shot forecasting', 2025."""

    norm = nn.RMSNorm
    factor = 8 / 3
    activation = staticmethod(functional.silu)


_BLOCKS: dict[str, type[MLSTMBlock | SLSTMBlock]] = {"m": MLSTMBlock, "s": SLSTMBlock, "t": TiRexBlock}


class XLSTMLayer(SequenceLayer):
    """A dense layer to the width of the stack, residual blocks with their norms in front, and a last norm.

    Source: Beck, Pöppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter, Hochreiter, 'xLSTM: extended long
    short-term memory', NeurIPS 2024. A state holds those of the blocks, one after the other.

    Args:
        settings: what the layer was told.
        input_size: features of an input.
    """

    streams = causal = True

    def __init__(self, settings: XLSTM, input_size: int) -> None:
        super().__init__()
        self.input_size, self.units = input_size, settings.units
        self.inputs = nn.Linear(input_size, settings.units)
        self.blocks = nn.ModuleList(_BLOCKS[kind](settings) for kind in settings.blocks)
        self.norm = nn.LayerNorm(settings.units)

    @property
    def output_size(self) -> int:
        """Features of an output: the width of the stack."""
        return self.units

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`."""
        self.check(x, lengths, context)
        blocks = cast("list[MLSTMBlock | SLSTMBlock]", list(self.blocks))
        shapes = [block.state_shapes(len(x)) for block in blocks]
        before = iter(start(state, x, [shape for own in shapes for shape in own]))
        x, after = self.inputs(without_padding(x, lengths)), ()
        for block, own in zip(blocks, shapes, strict=True):
            x, end = block(x, tuple(next(before) for _ in own), lengths)
            after += end
        return without_padding(self.norm(x), lengths), after
