"""Causal convolutions over time: an output reads the newest few inputs and nothing later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from tidegate.engine import noise
from tidegate.layers.sequence import SequenceLayer, State, start, without_padding
from tidegate.layers.settings import LayerSettings
from tidegate.settings import setting


@dataclass(kw_only=True)
class Conv(LayerSettings):
    """Settings of a stack of causal convolutions; each field's help says what it does."""

    name = "conv"
    channels: int = setting(64, "outputs of each convolution", low=1)
    kernel_size: int = setting(5, "steps that each convolution sees", low=1)
    layers: int = setting(1, "convolutions stacked on each other", low=1)

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return a convolutional layer with fresh weights."""
        return ConvLayer(input_size, self.channels, self.kernel_size, layers=self.layers, dropout=self.dropout)


class ConvLayer(SequenceLayer):
    r"""A stack of causal convolutions, each followed by a rectifier: :math:`y_t = \max(0, b + \sum_k W_k x_{t-k})`.

    The state holds, for each convolution, the newest inputs that its next output still reads,
    (kernel_size - 1, B, features). Source: Waibel et al., 'Phoneme recognition using time-delay neural networks',
    IEEE Transactions on Acoustics, Speech, and Signal Processing 37 (1989).
    """

    streams = causal = True

    def __init__(
        self, input_size: int, channels: int, kernel_size: int, *, layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.input_size, self.channels, self.dropout = input_size, channels, dropout
        sizes = [input_size, *[channels] * (layers - 1)]
        convolutions = nn.ModuleList(CausalConvolution(size, channels, kernel_size) for size in sizes)
        self.convolutions = cast(Sequence[CausalConvolution], convolutions)

    @property
    def output_size(self) -> int:
        """Features of an output."""
        return self.channels

    @property
    def receptive_field(self) -> int:
        """The number of newest inputs that an output reads."""
        return 1 + sum(each.reach for each in self.convolutions)

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`."""
        self.check(x, lengths, context)
        before = start(state, x, [each.state_shape(len(x)) for each in self.convolutions])
        y, after = without_padding(x, lengths), []
        for row, (convolution, earlier) in enumerate(zip(self.convolutions, before, strict=True)):
            if row and self.training:
                y = noise.dropout(y, self.dropout)
            y, newest = convolution(y, earlier, lengths)
            y = functional.relu(y)
            after.append(newest)
        return without_padding(y, lengths), tuple(after)


class CausalConvolution(nn.Module):
    r"""One convolution, :math:`y_t = b + \sum_{k<K} W_k x_{t-kd}` with the dilation d, that can be continued.

    Args:
        input_size: features of an input.
        channels: features of an output.
        kernel_size: K, the inputs that an output reads.
        dilation: d, the steps from one of them to the next.
        groups: parts of equal size that inputs and outputs are divided into, each read by its own part alone.
    """

    def __init__(self, input_size: int, channels: int, kernel_size: int, dilation: int = 1, *, groups: int = 1) -> None:
        super().__init__()
        self.dilation, self.reach, self.groups = dilation, (kernel_size - 1) * dilation, groups
        self.weight = nn.Parameter(torch.empty(channels, input_size // groups, kernel_size))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor, earlier: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the outputs (B, T, channels), and at each row's end the newest inputs, as many as `earlier`.

        Args:
            x: inputs (B, T, input_size), finite beyond a row's length.
            earlier: the inputs before x (reach, B, input_size), in the order of time.
            lengths: steps of each row (B,); all T when None.
        """
        batch, time, _ = x.shape
        joined = torch.cat([earlier.transpose(0, 1), x], 1)
        y = self._convolve(joined) if time else x.new_zeros(batch, 0, len(self.bias))
        if lengths is None:
            return y, joined[:, time:].transpose(0, 1)
        newest = lengths.to(x.device)[:, None] + torch.arange(self.reach, device=x.device)
        return y, joined.take_along_dim(newest[:, :, None], 1).transpose(0, 1)

    def state_shape(self, batch: int) -> tuple[int, ...]:
        """Return the shape of the inputs that the next output still reads."""
        return self.reach, batch, self.weight.shape[1] * self.groups

    def kernel(self) -> Tensor:
        """Return the weights (channels, input_size, kernel_size), the newest input's last."""
        return self.weight

    def _convolve(self, x: Tensor) -> Tensor:
        """Convolve as an image of one row, whose channels may stand last in memory: twice as fast as conv1d."""
        image, kernel = x.mT[:, :, None], self.kernel()[:, :, None]
        return functional.conv2d(image, kernel, self.bias, dilation=(1, self.dilation), groups=self.groups)[:, :, 0].mT
