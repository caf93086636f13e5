"""Forecasts as JSON has them."""

from __future__ import annotations

from typing import Any

from tidegate.forecasting.context import NextForecast
from tidegate.serving.contract import ModelVersion


def head_of(version: ModelVersion, levels: tuple[float, ...] = ()) -> dict[str, Any]:
    """What every answer with a forecast begins with: whose it is, and how good that model was found."""
    head = {"model": version.name, "version": version.version, "verdict": version.model.judged.short}
    return head | assumptions(version, levels)


def assumptions(version: ModelVersion, levels: tuple[float, ...]) -> dict[str, Any]:
    """What the model's intervals of these levels rest on, where there are too few errors for them."""
    found = version.model.predictor.assumptions(levels) if levels else []
    return {"assumptions": found} if found else {}


def forecast_body(forecast: NextForecast) -> dict[str, Any]:
    """A forecast as JSON has it: times, and each column by its name."""
    columns = dict(zip(forecast.columns, forecast.values.T.tolist(), strict=True))
    return {"times": forecast.texts(), "columns": columns}
