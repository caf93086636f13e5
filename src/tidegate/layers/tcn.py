"""The temporal convolutional network: residual blocks of causal convolutions, each of which looks twice as far back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from tidegate.engine import noise
from tidegate.layers.conv import CausalConvolution
from tidegate.layers.sequence import SequenceLayer, State, start, without_padding
from tidegate.layers.settings import LayerSettings
from tidegate.settings import setting


@dataclass(kw_only=True)
class TCN(LayerSettings):
    """Settings of a temporal convolutional network; each field's help says what it does."""

    name = "tcn"
    channels: int = setting(32, "outputs of each convolution", low=1)
    kernel_size: int = setting(3, "inputs that each convolution reads, 2 to the power of its block apart", low=2)
    layers: int = setting(5, "residual blocks; an output reads 1 + 2 (kernel_size - 1) (2^layers - 1) steps", low=1)

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return a temporal convolutional network with fresh weights."""
        return TCNLayer(input_size, self.channels, self.kernel_size, layers=self.layers, dropout=self.dropout)


class TCNLayer(SequenceLayer):
    """A stack of residual blocks of two convolutions; the dilation doubles from block to block.

    The state holds, for each convolution, the newest inputs that its next output still reads,
    ((kernel_size - 1) * dilation, B, features). Source: Bai, Kolter, Koltun, 'An empirical evaluation of generic
    convolutional and recurrent networks for sequence modeling', 2018, section 3.
    """

    streams = causal = True

    def __init__(self, input_size: int, channels: int, kernel_size: int, *, layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.input_size, self.channels = input_size, channels
        sizes = [input_size, *[channels] * (layers - 1)]
        blocks = (Block(size, channels, kernel_size, 2**row, dropout) for row, size in enumerate(sizes))
        self.blocks = cast(Sequence[Block], nn.ModuleList(blocks))

    @property
    def output_size(self) -> int:
        """Features of an output."""
        return self.channels

    @property
    def receptive_field(self) -> int:
        """The number of newest inputs that an output reads; it knows nothing of those before."""
        return 1 + sum(each.reach for each in self._convolutions())

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`."""
        self.check(x, lengths, context)
        before = start(state, x, [each.state_shape(len(x)) for each in self._convolutions()])
        y, after = without_padding(x, lengths), []
        for block, first, second in zip(self.blocks, before[::2], before[1::2], strict=True):
            y, newest = block(y, (first, second), lengths)
            after += newest
        return without_padding(y, lengths), tuple(after)

    def extra_repr(self) -> str:
        """Return what `repr` shows in the brackets."""
        return f"{self.input_size}, {self.channels}, receptive_field={self.receptive_field}"

    def _convolutions(self) -> list[CausalConvolution]:
        return [each for block in self.blocks for each in (block.first, block.second)]


class Block(nn.Module):
    r"""Two convolutions and a shortcut: :math:`y = r(x + d(r(c_2(d(r(c_1(x)))))))`, r the rectifier, d dropout.

    Dropout is of whole channels of a sequence. Where the sizes differ, the shortcut maps x.
    """

    def __init__(self, input_size: int, channels: int, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.first = NormalisedConvolution(input_size, channels, kernel_size, dilation)
        self.second = NormalisedConvolution(channels, channels, kernel_size, dilation)
        self.shortcut = nn.Identity() if input_size == channels else nn.Linear(input_size, channels)

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor], lengths: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs (B, T, channels), and the convolutions' newest inputs at each row's end."""
        y, first = self.first(x, state[0], lengths)
        y, second = self.second(self._activate(y), state[1], lengths)
        return functional.relu(self.shortcut(x) + self._activate(y)), (first, second)

    def _activate(self, y: Tensor) -> Tensor:
        y = functional.relu(y)
        if not self.training or not self.dropout:
            return y
        return y * noise.dropout(y.new_ones(len(y), 1, y.shape[2]), self.dropout)


class NormalisedConvolution(CausalConvolution):
    """A convolution that learns the length and the direction of each channel's weights apart.

    Source: Salimans, Kingma, 'Weight normalization', NIPS 2016, equation 2.
    """

    def __init__(self, input_size: int, channels: int, kernel_size: int, dilation: int) -> None:
        super().__init__(input_size, channels, kernel_size, dilation)
        with torch.no_grad():
            self.gain = nn.Parameter(self._norm())

    def kernel(self) -> Tensor:
        """Return the weights (channels, input_size, kernel_size)."""
        return self.weight * (self.gain / self._norm())

    def _norm(self) -> Tensor:
        return torch.linalg.vector_norm(self.weight, dim=(1, 2), keepdim=True)
