"""Forecast windows: all steps at once, or one step at a time fed back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tidegate.engine.threads import one_torch_thread
from tidegate.forecasting.network import ForecastNetwork
from tidegate.forecasting.windows import RawWindow, WindowShape

CHUNK = 512


@one_torch_thread()
@torch.inference_mode()
def forecast_windows(network: ForecastNetwork, shape: WindowShape, raw: RawWindow, steps: int) -> np.ndarray:
    """Forecast any number of windows (N, steps, K, outputs) in scaled units, some at a time."""
    parts = [raw] if len(raw.history) <= CHUNK else [_part(raw, i) for i in range(0, len(raw.history), CHUNK)]
    forecasts = [forecast_batch(network, shape, part, steps).numpy() for part in parts]
    return forecasts[0] if len(forecasts) == 1 else np.concatenate(forecasts)


def forecast_batch(network: ForecastNetwork, shape: WindowShape, raw: RawWindow, steps: int) -> Tensor:
    """Forecast `steps` steps (B, steps, K, outputs) in scaled units, whatever the network's own horizon is."""
    forecasts = []
    for first in range(0, steps, shape.horizon):
        window = shape.assemble(raw._replace(future=raw.future[:, first : first + shape.horizon]))
        forecasts.append(window.restore(network(*window.inputs)))
        if first + shape.horizon < steps:
            raw = _fed_back(raw, shape, forecasts[-1], first)
    return forecasts[0] if len(forecasts) == 1 else torch.cat(forecasts, dim=1)


def _fed_back(raw: RawWindow, shape: WindowShape, forecast: Tensor, first: int) -> RawWindow:
    """Append the forecast (its middle quantile) to the history as if it had been observed."""
    point = forecast[..., forecast.shape[-1] // 2]
    rows = torch.cat([point, raw.future[:, first : first + shape.horizon]], dim=2)
    history = torch.cat([raw.history, rows], dim=1)[:, -shape.context :]
    observed = raw.observed
    if observed is not None:
        observed = torch.cat([observed, torch.ones_like(rows, dtype=torch.bool)], dim=1)[:, -shape.context :]
    return raw._replace(history=history, observed=observed)


def _part(raw: RawWindow, first: int) -> RawWindow:
    parts = (None if field is None else field[first : first + CHUNK] for field in raw)
    return RawWindow(*parts)  # pyright: ignore[reportArgumentType]
