"""The forecasting network: a sequence layer over the lookback, then a head for all steps of the horizon."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tidegate.layers import LayerSettings


class ForecastNetwork(nn.Module):
    """Reads a window and forecasts every step at once.

    Without inputs known ahead the head is one dense layer on the layer's last output. With them, each step of the
    horizon combines its own view of that output with its own known inputs, by weights shared over the steps.
    """

    def __init__(
        self,
        layer: LayerSettings,
        *,
        past_size: int,
        future_size: int,
        categories: tuple[int, ...],
        static_numbers: int,
        horizon: int,
        targets: int,
        outputs: int,
        linear_skip: int,
    ) -> None:
        """Build the network.

        Args:
            layer: settings of the sequence layer; its share of dropout also acts before the head.
            past_size, future_size: input channels per step of the lookback and of the horizon.
            categories: number of codes of each categorical static column (they come first in `static`).
            static_numbers: number of numeric static columns.
            horizon, targets, outputs: the shape of a forecast; outputs is the number of quantiles, or 1.
            linear_skip: newest values of the targets, the first channels of `past`, that are added linearly, or 0.
        """
        super().__init__()
        widths = [min(16, 1 + math.isqrt(count)) for count in categories]
        self.embeddings = nn.ModuleList(nn.Embedding(count, w) for count, w in zip(categories, widths, strict=True))
        static_size = sum(widths) + static_numbers
        context_size = static_size if layer.reads_context else 0
        self.layer = layer.build(past_size + static_size - context_size, context_size=context_size)
        self.dropout = nn.Dropout(layer.dropout)
        shape = (horizon, targets, outputs)
        hidden = self.layer.output_size + static_size
        self.head = StepHead(hidden, future_size, shape) if future_size else DenseHead(hidden, shape)
        self.linear_skip = LinearSkip(linear_skip, horizon, targets) if linear_skip else None

    def forward(self, past: Tensor, future: Tensor, static: Tensor) -> Tensor:
        """Forecast: past (B, L, F), future (B, S, Q), static (B, any) to (B, S, K, outputs)."""
        newest, context = past, None
        if static.shape[1]:
            static = self._embed(static)
            if self.layer.context_size:
                context = static
            else:
                past = torch.cat([past, static.unsqueeze(1).expand(-1, past.shape[1], -1)], dim=2)
        y, _ = self.layer(past, context=context)
        hidden = self.layer.last(y)
        if static.shape[1]:
            hidden = torch.cat([hidden, static], dim=1)
        forecast = self.head(self.dropout(hidden), future)
        return forecast if self.linear_skip is None else forecast + self.linear_skip(newest)

    def _embed(self, static: Tensor) -> Tensor:
        codes = len(self.embeddings)
        embedded = [layer(static[:, i].long()) for i, layer in enumerate(self.embeddings)]
        return torch.cat([*embedded, static[:, codes:]], dim=1)


class LinearSkip(nn.Module):
    """A linear forecast from the newest values of each target; it repeats the last one until another start is chosen.

    The network learns what that leaves. Source: the autoregressive part of LSTNet (Lai et al. 2018, section 3.6),
    here with weights per step of the horizon.
    """

    def __init__(self, length: int, horizon: int, targets: int) -> None:
        super().__init__()
        self.targets = targets
        weight = torch.zeros(horizon, length)
        weight[:, -1] = 1.0
        self.weight = nn.Parameter(weight)

    def forward(self, past: Tensor) -> Tensor:
        """Map past (B, L, F), the targets first, to (B, S, K, 1)."""
        return (self.weight @ self.newest(past)).unsqueeze(-1)

    def newest(self, past: Tensor) -> Tensor:
        """The values (B, L, K) that it reads of past (B, L or more, F)."""
        return past[:, -self.weight.shape[1] :, : self.targets]


class DenseHead(nn.Module):
    """One dense layer from the hidden state to all steps, targets and quantiles."""

    def __init__(self, hidden: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape
        self.dense = nn.Linear(hidden, math.prod(shape))

    def forward(self, hidden: Tensor, future: Tensor) -> Tensor:
        """Map hidden (B, H) to (B, S, K, outputs); `future` is empty here."""
        return self.dense(hidden).unflatten(1, self.shape)

    def start(self, levels: Tensor | None) -> None:
        """Begin as 0 for every input, or as these levels (S, Q) of each step's quantiles."""
        nn.init.zeros_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)
        if levels is not None:
            self.dense.bias.copy_(levels[:, None].expand(self.shape).flatten())


class StepHead(nn.Module):
    """For each step: a view of the hidden state joined with what is known around that step, then a dense layer."""

    def __init__(self, hidden: int, future_size: int, shape: tuple[int, int, int], width: int = 32) -> None:
        super().__init__()
        self.shape = shape
        self.view = nn.Linear(hidden, shape[0] * width)
        self.known = nn.Conv1d(future_size, width, kernel_size=5, padding=2, bias=False)
        self.output = nn.Linear(width, shape[1] * shape[2])
        self.straight = nn.Linear(future_size, shape[1] * shape[2], bias=False)

    def forward(self, hidden: Tensor, future: Tensor) -> Tensor:
        """Map hidden (B, H) and future (B, S, Q) to (B, S, K, outputs)."""
        known = self.known(future.transpose(1, 2)).transpose(1, 2)
        step = torch.relu(self.view(hidden).unflatten(1, (self.shape[0], -1)) + known)
        return (self.output(step) + self.straight(future)).unflatten(2, self.shape[1:])

    def start(self, levels: Tensor | None) -> None:
        """Begin as 0 for every input, or as the mean over the steps of these levels (S, Q) of their quantiles."""
        for weight in (self.output.weight, self.output.bias, self.straight.weight):
            nn.init.zeros_(weight)
        if levels is not None:
            self.output.bias.copy_(levels.mean(0).expand(self.shape[1:]).flatten())
