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

from tidegate.serving.bounds import LARGE
from tidegate.serving.contract import ModelVersion, TaskService
from tidegate.serving.forecasting import loading, tensors
from tidegate.serving.forecasting.answer_schemas import (
    DroppedAnswer,
    ForecasterAnswer,
    NewestAnswer,
    PredictAnswer,
    PushAnswer,
    StreamAnswer,
    StreamsAnswer,
)
from tidegate.serving.forecasting.predicting import Tables, newest_rows, predict_arrays, predict_panel
from tidegate.serving.forecasting.reading import check_one, read_files, read_predict, read_push
from tidegate.serving.forecasting.schemas import PredictBody, PushBody
from tidegate.serving.forecasting.streams import Streams
from tidegate.serving.metrics import asks
from tidegate.serving.openapi import GUARDED, WITH_BODY, answers, file_body, json_body
from tidegate.serving.responses import Refusal, json_response
from tidegate.serving.schemas import read

if TYPE_CHECKING:
    from tidegate.serving.service import Service

_Result = TypeVar("_Result")
_History = Query(default=False, description="whether the newest rows come with each forecast, to be drawn")
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
    description = ForecasterAnswer
    words = ("tidegate.forecasting.evaluation",)
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
        _add_predictions(app, self)
        _add_streams(app, self)

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


def _add_predictions(app: FastAPI, service: ForecastingService) -> None:
    """Add the routes that forecast what a request holds, or what a model was fitted on."""
    shared = service.shared
    predicted = answers(PredictAnswer, *GUARDED, 404, *WITH_BODY, 422)

    @app.post("/predict", responses=predicted, openapi_extra=json_body(PredictBody))
    async def predict(request: Request) -> Response:
        """Forecast what follows rows of a table, or plain arrays."""
        content = request.scope["tidegate.body"]
        shared.bounds.check_json(content)
        if len(content) <= LARGE:
            body = read(PredictBody, content)
            version = asks(service.version(body.model))
            check_one(body)
            if body.values is not None:
                return json_response(await predict_arrays(version, body, shared.batcher, shared.bounds))
        versions = service.versions()
        readers = {name: loading.reader(version) for name, version in versions.items()}
        found = await shared.isolation.run(read_predict, content, readers, shared.bounds)
        version = asks(versions[service.version(found.body.model).name])
        if found.body.values is not None:
            return json_response(await predict_arrays(version, found.body, shared.batcher, shared.bounds))
        loading.table_model(version)
        levels = tuple(found.body.level)
        return json_response(await service.table(predict_panel, version, found.panel, found.future, levels, False))

    @app.post("/predict/csv", responses=predicted, openapi_extra=file_body("table", "future"))
    async def predict_csv(
        request: Request,
        model: str | None = None,
        history: bool = _History,
        level: list[float] = _Levels,
        columns: str | None = _Columns,
    ) -> Response:
        """Forecast what follows the series of a CSV file.

        A form holds the file as `table`, and as `future` the file of what is known ahead; without `table` the forecast
        continues the rows that the model was fitted on.
        """
        version = asks(service.version(model))
        loading.table_model(version)
        content, kind = request.scope["tidegate.body"], request.headers.get("content-type", "")
        reader = loading.reader(version)
        panel, future = await shared.isolation.run(read_files, content, kind, columns, reader, shared.bounds)
        return json_response(await service.table(predict_panel, version, panel, future, tuple(level), history))

    @app.get("/models/{name}/forecast", responses=answers(NewestAnswer, *GUARDED, 404, 422))
    async def newest(name: str, series: str | None = None, level: list[float] = _Levels) -> Response:
        """The newest rows that a model was fitted on, and the forecast that follows them."""
        return json_response(await service.table(newest_rows, asks(service.version(name)), series, tuple(level)))


def _add_streams(app: FastAPI, service: ForecastingService) -> None:
    """Add the routes of streams."""
    shared = service.shared
    pushed = answers(PushAnswer, *GUARDED, 404, 409, *WITH_BODY, 422, 507)

    @app.post("/streams/{id}", responses=pushed, openapi_extra=json_body(PushBody))
    async def push(id: str, request: Request) -> Response:
        """Push one observation and get the forecast of what follows it; the first one begins the stream."""
        content = request.scope["tidegate.body"]
        shared.bounds.check_json(content)
        if len(content) <= LARGE:
            body = read(PushBody, content)
        else:
            body = await shared.isolation.run(read_push, content, shared.bounds)
        return json_response(await service.streams.push(id, body))

    @app.get("/streams/{id}", responses=answers(StreamAnswer, *GUARDED, 404, 409, 422))
    async def look(id: str, level: list[float] = _Levels) -> Response:
        """A stream's newest rows and its forecast."""
        return json_response(await service.streams.look(id, tuple(level)))

    @app.delete("/streams/{id}", responses=answers(DroppedAnswer, *GUARDED, 404, *WITH_BODY, 507))
    async def drop(id: str) -> Response:
        """Forget a stream."""
        return json_response(await service.streams.drop(id))

    @app.get("/streams", responses=answers(StreamsAnswer, *GUARDED))
    async def streams() -> Response:
        """How many streams there are, and the hundred used last."""
        return json_response(await service.streams.list())
