"""Forecasters as a part of the service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from fastapi import FastAPI

from tidegate.serving.contract import TaskService
from tidegate.serving.forecasting import loading, tensors
from tidegate.serving.forecasting.predicting import Tables
from tidegate.serving.forecasting.routes import add_predictions, add_streams
from tidegate.serving.forecasting.schemas import PredictBody, PushBody
from tidegate.serving.forecasting.streams import Streams
from tidegate.serving.models import ModelVersion
from tidegate.serving.responses import Refusal

if TYPE_CHECKING:
    from tidegate.serving.service import Service

_Result = TypeVar("_Result")


class ForecastingService(TaskService):
    """Serves forecasters.

    Attributes:
        shared: what all tasks share.
        streams: its streams; from the start of the event loop on.
    """

    bodies = (PredictBody, PushBody)
    reading = ("tidegate.serving.forecasting.reading",)
    streams: Streams

    def __init__(self, service: Service) -> None:
        self.shared = service

    def load(self, folder: Path) -> loading.LoadedForecaster:
        """Load a forecaster and run it once."""
        return loading.load(folder)

    def describe(self, version: ModelVersion) -> dict[str, Any]:
        """What the page shows of a forecaster."""
        return loading.describe(version.model)

    def metadata(self, version: ModelVersion) -> dict[str, Any]:
        """The tensors of a forecaster."""
        return tensors.metadata(version.model.predictor)

    async def infer(
        self, version: ModelVersion, inputs: dict[str, np.ndarray], parameters: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Forecast what follows the tensor `history`."""
        return await tensors.infer(version, inputs, parameters, self.shared.batcher, self.shared.bounds)

    def add_routes(self, app: FastAPI) -> None:
        """Add /predict, the newest rows of models, and streams."""
        add_predictions(app, self)
        add_streams(app, self)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the thread that forecasts tables, and the streams."""
        shared = self.shared
        self._tables = Tables()
        self.streams = Streams(
            self.version,
            shared.batcher,
            shared.transactions,
            limit=shared.settings.max_streams,
            bounds=shared.bounds,
            evicted=shared.metrics.evicted.inc,
        )
        try:
            yield
        finally:
            self._tables.close()

    def version(self, name: str | None) -> ModelVersion:
        """The newest version of a forecaster; None names the only model.

        Raises:
            Refusal: there is no such model, or it is no forecaster.
        """
        version = self.shared.models.get(name)
        if version.task is not self:
            raise Refusal(422, f"model {version.name!r} is no forecaster; name one that is, or ask it by /v2/models")
        return version

    def versions(self) -> dict[str, ModelVersion]:
        """The newest versions of all forecasters by name."""
        newest = (self.shared.models.get(name) for name in self.shared.models.names)
        return {version.name: version for version in newest if version.task is self}

    async def table(self, work: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run work on a table beside the event loop, within the time that a request may take."""
        return await asyncio.wait_for(self._tables.run(work, *arguments), self.shared.settings.timeout)
