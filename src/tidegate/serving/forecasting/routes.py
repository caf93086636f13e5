"""The routes that only forecasters have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from tidegate.serving.bounds import LARGE
from tidegate.serving.forecasting import loading
from tidegate.serving.forecasting.predicting import newest_rows, predict_arrays, predict_panel
from tidegate.serving.forecasting.reading import check_one, read_predict, read_push, read_text
from tidegate.serving.forecasting.schemas import PredictAnswer, PredictBody, PushAnswer, PushBody
from tidegate.serving.openapi import json_body, refusals, text_body
from tidegate.serving.responses import json_response
from tidegate.serving.schemas import read

if TYPE_CHECKING:
    from tidegate.serving.forecasting.service import ForecastingService

_History = Query(default=False, description="whether the newest rows come with each forecast, to be drawn")
_Levels = Query(default=[], max_length=10, description="interval levels in percent")


def add_predictions(app: FastAPI, service: ForecastingService) -> None:
    """Add the routes that forecast what a request holds, or what a model was fitted on."""
    shared = service.shared

    @app.post("/predict", responses=_ok(PredictAnswer) | refusals(404), openapi_extra=json_body(PredictBody))
    async def predict(request: Request) -> Response:
        """Forecast what follows rows of a table, or plain arrays."""
        content = request.scope["tidegate.body"]
        shared.bounds.check_json(content)
        if len(content) <= LARGE:
            body = read(PredictBody, content)
            version = service.version(body.model)
            check_one(body)
            if body.rows is None and body.values is not None:
                return json_response(await predict_arrays(version, body, shared.batcher, shared.bounds))
        versions = service.versions()
        readers = {name: loading.reader(version) for name, version in versions.items()}
        found = await shared.isolation.run(read_predict, content, readers, shared.bounds)
        version = versions[service.version(found.body.model).name]
        if found.body.values is not None:
            return json_response(await predict_arrays(version, found.body, shared.batcher, shared.bounds))
        loading.table_predictor(version)
        levels = tuple(found.body.level)
        return json_response(await service.table(predict_panel, version, found.panel, found.future, levels, False))

    @app.post("/predict/csv", responses=_ok(PredictAnswer) | refusals(404), openapi_extra=text_body())
    async def predict_csv(
        request: Request, model: str | None = None, history: bool = _History, level: list[float] = _Levels
    ) -> Response:
        """Forecast what follows the series of a CSV file."""
        version, text = service.version(model), request.scope["tidegate.body"]
        loading.table_predictor(version)
        shared.bounds.check_text(text)
        panel = await shared.isolation.run(read_text, text, loading.reader(version), shared.bounds)
        return json_response(await service.table(predict_panel, version, panel, None, tuple(level), history))

    @app.get("/models/{name}/forecast", responses=refusals(404))
    async def newest(name: str, series: str | None = None, level: list[float] = _Levels) -> Response:
        """The newest rows that a model was fitted on, and the forecast that follows them."""
        return json_response(await service.table(newest_rows, service.version(name), series, tuple(level)))


def add_streams(app: FastAPI, service: ForecastingService) -> None:
    """Add the routes of streams."""
    shared = service.shared

    @app.post("/streams/{id}", responses=_ok(PushAnswer) | refusals(404, 409, 507), openapi_extra=json_body(PushBody))
    async def push(id: str, request: Request) -> Response:
        """Push one observation and get the forecast of what follows it; the first one begins the stream."""
        content = request.scope["tidegate.body"]
        shared.bounds.check_json(content)
        if len(content) <= LARGE:
            body = read(PushBody, content)
        else:
            body = await shared.isolation.run(read_push, content, shared.bounds)
        return json_response(await service.streams.push(id, body))

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
