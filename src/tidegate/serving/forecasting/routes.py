"""The routes that only forecasters have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from tidegate.serving.forecasting.predicting import newest_rows, predict_arrays, predict_rows, predict_text
from tidegate.serving.forecasting.schemas import PredictAnswer, PredictBody, PushAnswer, PushBody
from tidegate.serving.openapi import json_body, refusals, text_body
from tidegate.serving.responses import Refusal, json_response
from tidegate.serving.schemas import read

if TYPE_CHECKING:
    from tidegate.serving.forecasting.service import ForecastingService

_Levels = Query(default=[], max_length=10, description="interval levels in percent")


def add_predictions(app: FastAPI, service: ForecastingService) -> None:
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

    @app.post("/predict/csv", responses=_ok(PredictAnswer) | refusals(404), openapi_extra=text_body())
    async def predict_csv(request: Request, model: str | None = None, level: list[float] = _Levels) -> Response:
        """Forecast what follows the series of a CSV file; the newest rows come with it, to be drawn."""
        version, text = service.version(model), request.scope["tidegate.body"]
        return json_response(await service.table(predict_text, version, text, tuple(level), most_rows))

    @app.get("/models/{name}/forecast", responses=refusals(404))
    async def newest(name: str, series: str | None = None, level: list[float] = _Levels) -> Response:
        """The newest rows that a model was fitted on, and the forecast that follows them."""
        return json_response(await service.table(newest_rows, service.version(name), series, tuple(level)))


def add_streams(app: FastAPI, service: ForecastingService) -> None:
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
