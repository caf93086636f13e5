"""Forecasters as a part of the service, and the routes that only they have."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from tidegate.serving.contract import ModelVersion, TaskService
from tidegate.serving.forecasting import loading, tensors
from tidegate.serving.forecasting.predicting import Tables, newest_rows, predict_arrays, predict_files, predict_rows
from tidegate.serving.forecasting.schemas import PredictAnswer, PredictBody, PushAnswer, PushBody
from tidegate.serving.forecasting.streams import Streams
from tidegate.serving.forecasting.uploads import read_upload
from tidegate.serving.openapi import file_body, json_body, refusals
from tidegate.serving.responses import Refusal, json_response
from tidegate.serving.schemas import read

if TYPE_CHECKING:
    from tidegate.serving.service import Service

_Result = TypeVar("_Result")
_Levels = Query(default=[], max_length=10, description="interval levels in percent")
_Columns = Query(
    default=None, description='which of the file\'s columns stand for the model\'s, as JSON: {"y": "sales"}'
)


class ForecastingService(TaskService):
    """Serves forecasters.

    Attributes:
        shared: what all tasks share.
        streams: its streams; from the start of the event loop on.
    """

    bodies = (PredictBody, PushBody)
    words = ("tidegate.forecasting.evaluation",)
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
        return await tensors.infer(version, inputs, parameters, self.shared.batcher, self.shared.settings.max_rows)

    def add_routes(self, app: FastAPI) -> None:
        """Add /predict, the newest rows of models, and streams."""
        _add_predictions(app, self)
        _add_streams(app, self)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the thread for tables, and the streams."""
        shared = self.shared
        self._tables = Tables()
        self.streams = Streams(
            self.version,
            shared.batcher,
            shared.transactions,
            limit=shared.settings.max_streams,
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

    async def table(self, work: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run work on a table beside the event loop, within the time that a request may take."""
        return await asyncio.wait_for(self._tables.run(work, *arguments), self.shared.settings.timeout)


def _add_predictions(app: FastAPI, service: ForecastingService) -> None:
    """Add the routes that forecast what a request holds, or what a model was fitted on."""
    most_rows = service.shared.settings.max_rows

    @app.post("/predict", responses=_ok(PredictAnswer) | refusals(404), openapi_extra=json_body(PredictBody))
    async def predict(request: Request) -> Response:
        """Forecast what follows rows of a table, or plain arrays."""
        body = read(PredictBody, request.scope["tidegate.body"])
        version = service.version(body.model)
        if (body.rows is None) == (body.values is None):
            raise Refusal(422, "give either rows of a table or values as arrays, one of the two")
        if body.values is not None:
            return json_response(await predict_arrays(version, body, service.shared.batcher, most_rows))
        return json_response(await service.table(predict_rows, version, body, most_rows))

    @app.post("/predict/csv", responses=_ok(PredictAnswer) | refusals(404), openapi_extra=file_body("table", "future"))
    async def predict_csv(
        request: Request, model: str | None = None, level: list[float] = _Levels, columns: str | None = _Columns
    ) -> Response:
        """Forecast what follows the series of a CSV file; the newest rows come with it, to be drawn.

        A form holds the file as `table`, and as `future` the file of what is known ahead; without `table` the forecast
        continues the rows that the model was fitted on.
        """
        version = service.version(model)
        upload = read_upload(request.scope["tidegate.body"], request.headers.get("content-type", ""))
        return json_response(await service.table(predict_files, version, upload, columns, tuple(level), most_rows))

    @app.get("/models/{name}/forecast", responses=refusals(404))
    async def newest(name: str, series: str | None = None, level: list[float] = _Levels) -> Response:
        """The newest rows that a model was fitted on, and the forecast that follows them."""
        return json_response(await service.table(newest_rows, service.version(name), series, tuple(level)))


def _add_streams(app: FastAPI, service: ForecastingService) -> None:
    """Add the routes of streams."""

    @app.post("/streams/{id}", responses=_ok(PushAnswer) | refusals(404, 409, 507), openapi_extra=json_body(PushBody))
    async def push(id: str, request: Request) -> Response:
        """Push one observation and get the forecast of what follows it; the first one begins the stream."""
        return json_response(await service.streams.push(id, read(PushBody, request.scope["tidegate.body"])))

    @app.get("/streams/{id}", responses=refusals(404, 409))
    async def look(id: str, level: list[float] = _Levels) -> Response:
        """A stream's newest rows and its forecast."""
        return json_response(await service.streams.look(id, tuple(level)))

    @app.delete("/streams/{id}", responses=refusals(404, 507))
    async def drop(id: str) -> Response:
        """Forget a stream."""
        return json_response(await service.streams.drop(id))

    @app.get("/streams", responses=refusals())
    async def streams() -> Response:
        """How many streams there are, and the hundred used last."""
        return json_response(await service.streams.list())


def _ok(kind: type[Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": kind}}
