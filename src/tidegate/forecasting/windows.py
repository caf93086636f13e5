"""Sliding windows as index ranges: nothing is copied until a batch is asked for.

A window at origin p reads the rows before p and forecasts the rows p, …, p + horizon - 1. It belongs to the part
(training, validation, test) that holds all the rows it forecasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tidegate.forecasting.features import Features
from tidegate.forecasting.scaling import window_change, window_statistics

_CHUNK = 1024  # windows held at once


class RawWindow(NamedTuple):
    """Scaled rows around an origin, before features and per-window normalisation.

    Attributes:
        history: (B, context, C); unobserved values are 0.
        observed: (B, context, C) bool, or None when all are.
        future: (B, S, Q) inputs known for the horizon.
        static: (B, any) constants of the series.
    """

    history: Tensor
    observed: Tensor | None
    future: Tensor
    static: Tensor


class Window(NamedTuple):
    """A batch of windows as the network reads it, and what undoes a per-window normalisation.

    Attributes:
        past: (B, L, F) inputs of the lookback.
        future: (B, S, Q) inputs known for the horizon.
        static: (B, C) constants of the series.
        location, spread: (B, 1, K) of a per-window normalisation, else None.
    """

    past: Tensor
    future: Tensor
    static: Tensor
    location: Tensor | None
    spread: Tensor | None

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the network is called with."""
        return self.past, self.future, self.static

    def normalise(self, targets: Tensor) -> Tensor:
        """Bring targets (B, S, K) to the network's scale."""
        if self.location is None or self.spread is None:
            return targets
        return (targets - self.location) / self.spread

    def restore(self, prediction: Tensor) -> Tensor:
        """Undo `normalise` on a prediction (B, S, K, Q)."""
        if self.location is None or self.spread is None:
            return prediction
        return prediction * self.spread.unsqueeze(-1) + self.location.unsqueeze(-1)


@dataclass(frozen=True)
class WindowShape:
    """How raw rows become the inputs of a network.

    Attributes:
        lookback: steps that the network sees.
        horizon: steps that it forecasts at once.
        targets, past, future: number of channels of each role, in the order in which rows hold them.
        features: derived features.
        flagged: whether channels that say which values were observed are added.
        window_scaler: scaler of a per-window normalisation, or None.
    """

    lookback: int
    horizon: int
    targets: int
    past: int
    future: int
    features: Features
    flagged: bool
    window_scaler: str | None

    @property
    def context(self) -> int:
        """Rows needed before an origin."""
        return self.lookback + self.features.extra_rows

    @property
    def past_size(self) -> int:
        """Input channels per step of the lookback."""
        rows = self.targets + self.past + self.future
        return rows * (2 if self.flagged else 1) + self.targets * len(self.features.derived)

    @property
    def future_size(self) -> int:
        """Input channels per step of the horizon."""
        return self.future + self.targets * len(self.features.known_lags)

    def change_of(self, raw: RawWindow) -> np.ndarray:
        """(B, 1, K) how much each window's targets change in a step, on the mean, in the units of its rows.

        It is what errors grow with: as the spread does in noise, but not the spread of a walk, which is where the walk
        happened to go. 1 without a per-window normalisation, and for a window that does not change.
        """
        if self.window_scaler is None:
            return np.ones((len(raw.history), 1, 1))
        return window_change(raw.history[:, -self.lookback :, : self.targets], self._seen(raw)).numpy()

    def _seen(self, raw: RawWindow) -> Tensor | None:
        return None if raw.observed is None else raw.observed[:, -self.lookback :, : self.targets]

    def assemble(self, raw: RawWindow) -> Window:
        """Make the network's inputs from rows."""
        history, observed, future, static = raw
        targets = history[:, :, : self.targets]
        location = spread = None
        if self.window_scaler is not None:
            window = targets[:, -self.lookback :]
            location, spread = window_statistics(window, self._seen(raw), self.window_scaler)
            targets = (targets - location) / spread
            if observed is not None:
                targets = torch.where(observed[:, :, : self.targets], targets, 0.0)
        past = [targets[:, -self.lookback :]]
        if history.shape[2] > self.targets:
            past.append(history[:, -self.lookback :, self.targets :])
        if self.features.derived:
            past.append(self.features.past(targets))
        if self.flagged and observed is not None:
            past.append(observed[:, -self.lookback :].to(history.dtype))
        if self.features.known_lags:
            future = torch.cat([future, self.features.future(targets)], dim=2)
        return Window(past[0] if len(past) == 1 else torch.cat(past, dim=2), future, static, location, spread)


class LaterValues(NamedTuple):
    """What takes the place of missing values once rows behind them are known.

    Attributes:
        columns: (G,) channels with any.
        values: (R, G) float32, scaled.
        delays: (R, G) int32; an origin more than so many rows behind a row sees its value.
    """

    columns: Tensor
    values: Tensor
    delays: Tensor


@dataclass(frozen=True)
class WindowRows:
    """The rows of a panel as tensors, scaled, ready to be cut into windows.

    Attributes:
        values: (R, C) float32; unobserved values are 0.
        observed: (R, C) bool, or None when all are.
        truth: (R, K) float32 targets; NaN where unknown, so that a loss leaves them out.
        static: (N, any) float32.
        starts: (N + 1,) int64.
        later: what replaces some of the values, as seen from an origin far enough behind; the last that does, counts.
    """

    values: Tensor
    observed: Tensor | None
    truth: Tensor
    static: Tensor
    starts: Tensor
    later: tuple[LaterValues, ...] = ()


class Windows:
    """All windows of one part, numbered from 0; a source of samples for the training loop."""

    def __init__(
        self, rows: WindowRows, shape: WindowShape, part: tuple[np.ndarray, np.ndarray], *, steps: int, padded: bool
    ) -> None:
        """Take the origins whose forecast rows lie within the part.

        Args:
            rows: the data.
            shape: how a window reads them.
            part: two arrays (N,): within each series, the first row of the part and the row after its last.
            steps: rows that a window forecasts.
            padded: whether a window may begin before its series does.
        """
        first, last = part
        self.rows, self.shape, self.steps, self._padded = rows, shape, steps, padded
        low = np.maximum(first, 1 if padded else shape.context)
        counts = np.maximum(last - steps - low + 1, 0)
        self._ends = torch.from_numpy(np.cumsum(counts))
        self._low = torch.from_numpy(low.astype(np.int64)) + rows.starts[:-1]
        self._length = int(counts.sum())
        self._reach = torch.arange(-shape.context, steps)

    def __len__(self) -> int:
        return self._length

    def locate(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The origin row (in the whole panel) and the series of each window."""
        if len(self._ends) == 1:
            return self._low[0] + indices, torch.zeros_like(indices)
        series = torch.searchsorted(self._ends, indices, right=True)
        before = torch.where(series > 0, self._ends[series - 1], 0)
        return self._low[series] + indices - before, series

    def raw(self, indices: Tensor) -> tuple[RawWindow, Tensor]:
        """The rows of the windows with these numbers, and their true targets (B, S, K), scaled."""
        rows, shape = self.rows, self.shape
        origin, series = self.locate(indices)
        reach = origin.unsqueeze(1) + self._reach
        inside = None
        if self._padded:
            begin = rows.starts[series].unsqueeze(1)
            inside = reach >= begin
            reach = torch.maximum(reach, begin)
        values = rows.values[reach]
        history, observed = values[:, : shape.context], None
        for later in rows.later:
            self._replace(history, reach[:, : shape.context], later)
        if rows.observed is not None:
            observed = rows.observed[reach[:, : shape.context]]
        if inside is not None:
            present = inside[:, : shape.context].unsqueeze(2).expand_as(history)
            observed = present if observed is None else present & observed
            history = torch.where(present, history, 0.0)
        future = values[:, shape.context :, shape.targets + shape.past :]
        return RawWindow(history, observed, future, rows.static[series]), rows.truth[reach[:, shape.context :]]

    def changes(self, indices: Tensor) -> np.ndarray:
        """How much each of these windows changes in a step (B, 1, K); see `WindowShape.change_of`."""
        return np.concatenate([self.shape.change_of(self.raw(chunk)[0]) for chunk in indices.split(_CHUNK)])

    def _replace(self, history: Tensor, reach: Tensor, later: LaterValues) -> None:
        """Put values into a history (B, context, C), whose rows are `reach`, where the origin knows them."""
        distance = torch.arange(self.shape.context, 0, -1).unsqueeze(1)
        known = later.delays[reach] < distance
        history[:, :, later.columns] = torch.where(known, later.values[reach], history[:, :, later.columns])

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """The inputs of the network and the targets on its scale; what the training loop asks for."""
        raw, truth = self.raw(indices)
        window = self.shape.assemble(raw)
        return window.inputs, window.normalise(truth)


class ArrayWindows:
    """Windows that the user has cut already: inputs (n, L, F) and targets (n, S, K), as tensors."""

    def __init__(self, inputs: Tensor, targets: Tensor) -> None:
        self._inputs, self._targets = inputs, targets
        self._future = inputs.new_empty((1, targets.shape[1], 0))
        self._static = inputs.new_empty((1, 0))

    def __len__(self) -> int:
        return len(self._inputs)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """The inputs of the network and the targets; what the training loop asks for."""
        size = len(indices)
        future, static = self._future.expand(size, -1, -1), self._static.expand(size, -1)
        return (self._inputs[indices], future, static), self._targets[indices]
