"""Forecasts as JSON has them."""

from __future__ import annotations

from typing import Any

from tidegate.forecasting.context import NextForecast


def forecast_body(forecast: NextForecast) -> dict[str, Any]:
    """A forecast as JSON has it: times, and each column by its name."""
    columns = dict(zip(forecast.columns, forecast.values.T.tolist(), strict=True))
    return {"times": forecast.texts(), "columns": columns}
