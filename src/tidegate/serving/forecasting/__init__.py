"""What `tidegate serve` runs forecasters with."""

from tidegate.serving.forecasting.service import ForecastingService

__all__ = ["ForecastingService"]
