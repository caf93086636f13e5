"""Forecast a batch of windows: all steps at once, or one step at a time fed back."""

from __future__ import annotations

import torch
from torch import Tensor

from tidegate.forecasting.network import ForecastNetwork
from tidegate.forecasting.windows import RawWindow, WindowShape


def forecast_window(network: ForecastNetwork, shape: WindowShape, raw: RawWindow, steps: int) -> Tensor:
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
