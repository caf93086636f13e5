"""The forecasting network: recurrent layers over the lookback, then a head for all steps of the horizon."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tidegate import cells
from tidegate.cells import Initial
from tidegate.layers.recurrent import Recurrent
from tidegate.layers.settings import RecurrentSettings


class ForecastNetwork(nn.Module):
    """Reads a window and forecasts every step at once.

    Without inputs known ahead the head is one dense layer on the last hidden state. With them, each step of the
    horizon combines its own view of the hidden state with its own known inputs, by weights shared over the steps.
    """

    def __init__(
        self,
        settings: RecurrentSettings,
        *,
        past_size: int,
        future_size: int,
        categories: tuple[int, ...],
        static_numbers: int,
        horizon: int,
        targets: int,
        outputs: int,
        highway: int,
    ) -> None:
        """Build the network.

        Args:
            settings: cell, units, layers, dropout, bidirectional.
            past_size, future_size: input channels per step of the lookback and of the horizon.
            categories: number of codes of each categorical static column (they come first in `static`).
            static_numbers: number of numeric static columns.
            horizon, targets, outputs: the shape of a forecast; outputs is the number of quantiles, or 1.
            highway: newest values of the targets, the first channels of `past`, that are added linearly; 0 for none.
        """
        super().__init__()
        widths = [min(16, 1 + math.isqrt(count)) for count in categories]
        self.embeddings = nn.ModuleList(nn.Embedding(count, w) for count, w in zip(categories, widths, strict=True))
        static_size = sum(widths) + static_numbers
        in_every_layer = static_size if cells.get(settings.cell).contextual else 0
        self.recurrent = Recurrent(
            settings.cell,
            past_size + static_size - in_every_layer,
            settings.units,
            layers=settings.layers,
            dropout=settings.dropout,
            bidirectional=settings.bidirectional,
            context_size=in_every_layer,
        )
        if settings.initial is not None:
            self.recurrent.reset_parameters(Initial(input=settings.initial, recurrent=settings.initial))
        self.dropout = nn.Dropout(settings.dropout)
        shape = (horizon, targets, outputs)
        hidden = self.recurrent.output_size + static_size
        self.head = StepHead(hidden, future_size, shape) if future_size else DenseHead(hidden, shape)
        self.highway = LinearSkip(highway, horizon, targets) if highway else None
        self._directions = 2 if settings.bidirectional else 1

    def forward(self, past: Tensor, future: Tensor, static: Tensor) -> Tensor:
        """Forecast: past (B, L, F), future (B, S, Q), static (B, any) to (B, S, K, outputs)."""
        newest, context = past, None
        if static.shape[1]:
            static = self._embed(static)
            if self.recurrent.context_size:
                context = static
            else:
                past = torch.cat([past, static.unsqueeze(1).expand(-1, past.shape[1], -1)], dim=2)
        _, state = self.recurrent(past, context=context)
        hidden = state[0][-self._directions :].transpose(0, 1).flatten(1)
        if static.shape[1]:
            hidden = torch.cat([hidden, static], dim=1)
        forecast = self.head(self.dropout(hidden), future)
        return forecast if self.highway is None else forecast + self.highway(newest)

    def _embed(self, static: Tensor) -> Tensor:
        codes = len(self.embeddings)
        embedded = [layer(static[:, i].long()) for i, layer in enumerate(self.embeddings)]
        return torch.cat([*embedded, static[:, codes:]], dim=1)


class LinearSkip(nn.Module):
    """A linear forecast from the newest values of each target, which starts as repeating the last one.

    The network then learns what that leaves. Source: the autoregressive part of LSTNet (Lai et al. 2018, section 3.6),
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
        newest = past[:, -self.weight.shape[1] :, : self.targets]
        return (self.weight @ newest).unsqueeze(-1)


class DenseHead(nn.Module):
    """One dense layer from the hidden state to all steps, targets and quantiles."""

    def __init__(self, hidden: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape
        self.dense = nn.Linear(hidden, math.prod(shape))

    def forward(self, hidden: Tensor, future: Tensor) -> Tensor:
        """Map hidden (B, H) to (B, S, K, outputs); `future` is empty here."""
        return self.dense(hidden).unflatten(1, self.shape)


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
