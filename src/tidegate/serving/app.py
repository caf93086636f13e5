"""The routes: each reads its request, asks the part that knows, and answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from tidegate.errors import TidegateError
from tidegate.serving import protocol
from tidegate.serving.limits import Limits, Receive, Scope, Send, as_refusal
from tidegate.serving.metrics import CONTENT_TYPE
from tidegate.serving.models import described
from tidegate.serving.openapi import describe, json_body, page, refusals, text_body
from tidegate.serving.predicting import newest_rows, predict_arrays, predict_rows, predict_text
from tidegate.serving.responses import Refusal, to_json
from tidegate.serving.schemas import InferBody, PredictAnswer, PredictBody, PushAnswer, PushBody, read
from tidegate.serving.service import Service

PAGE = Path(__file__).parent / "page"
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
_Levels = Query(default=[], max_length=10, description="interval levels in percent")


def build_app(service: Service) -> Limits:
    """The ASGI application of a service."""
    app = FastAPI(title="Tidegate", docs_url=None, redoc_url=None, openapi_url=None, lifespan=service.lifespan)
    app.openapi = lambda: describe(app)
    _add_errors(app)
    _add_predictions(app, service)
    _add_streams(app, service)
    _add_protocol(app, service)
    _add_pages(app, service)
    return Limits(Straight(app), service.settings, service.metrics, service.token)


class Straight:
    """Sends the three busiest routes straight to their functions, and all else through FastAPI.

    The functions read their bodies themselves, so that of what FastAPI does for a route only its description in OpenAPI
    is used; going around the rest nearly doubles the requests that one process answers.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._routes = {
            route.path: route for route in app.routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = self._find(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        route, arguments = found
        scope["route"] = route
        try:
            response = await route.endpoint(request=Request(scope), **arguments)
        except (TidegateError, Refusal, TimeoutError) as error:
            refusal = as_refusal(error)
            response = Response(refusal.body, refusal.status, refusal.headers, "application/json")
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[APIRoute, dict[str, str]] | None:
        match scope["path"].split("/"):
            case ["", "predict"]:
                return self._routes["/predict"], {}
            case ["", "streams", id] if id:
                return self._routes["/streams/{id}"], {"id": id}
            case ["", "v2", "models", name, "infer"] if name:
                return self._routes["/v2/models/{name}/infer"], {"name": name}
        return None


def _add_predictions(app: FastAPI, service: Service) -> None:
    @app.post("/predict", responses=_ok(PredictAnswer) | refusals(404), openapi_extra=json_body(PredictBody))
    async def predict(request: Request) -> Response:
        """Forecast what follows rows of a table, or plain arrays."""
        body = read(PredictBody, request.scope["tidegate.body"])
        served = service.models.get(body.model)
        if (body.rows is None) == (body.values is None):
            raise Refusal(422, "give either rows of a table or values as arrays, one of the two")
        if body.values is not None:
            return _json(await predict_arrays(served, body, service.batcher, service.settings.max_rows))
        return _json(await service.table(predict_rows, served, body, service.settings.max_rows))

    @app.post("/predict/csv", responses=_ok(PredictAnswer) | refusals(404), openapi_extra=text_body())
    async def predict_csv(request: Request, model: str | None = None, level: list[float] = _Levels) -> Response:
        """Forecast what follows the series of a CSV file; the newest rows come with it, to be drawn."""
        served, text = service.models.get(model), request.scope["tidegate.body"]
        return _json(await service.table(predict_text, served, text, tuple(level), service.settings.max_rows))

    @app.get("/models")
    async def models() -> Response:
        """The served models."""
        return _json(to_json({"models": [described(service.models.get(name)) for name in service.models.names]}))

    @app.get("/models/{name}/forecast", responses=refusals(404))
    async def newest(name: str, series: str | None = None, level: list[float] = _Levels) -> Response:
        """The newest rows that a model was fitted on, and the forecast that follows them."""
        return _json(await service.table(newest_rows, service.models.get(name), series, tuple(level)))


def _add_streams(app: FastAPI, service: Service) -> None:
    @app.post("/streams/{id}", responses=_ok(PushAnswer) | refusals(404, 409, 507), openapi_extra=json_body(PushBody))
    async def push(id: str, request: Request) -> Response:
        """Push one observation and get the forecast of what follows it; the first one begins the stream."""
        return _json(await service.streams.ask("push", id, request.scope["tidegate.body"]))

    @app.get("/streams/{id}", responses=refusals(404, 409))
    async def look(id: str, level: list[float] = _Levels) -> Response:
        """A stream's newest rows and its forecast."""
        return _json(await service.streams.ask("look", id, b"", tuple(level)))

    @app.delete("/streams/{id}", responses=refusals(404, 507))
    async def drop(id: str) -> Response:
        """Forget a stream."""
        return _json(await service.streams.ask("drop", id))

    @app.get("/streams")
    async def streams() -> Response:
        """How many streams there are, and the hundred used last."""
        return _json(await service.streams.ask("names", ""))


def _add_protocol(app: FastAPI, service: Service) -> None:
    @app.get("/v2")
    async def server() -> Response:
        """The server's name, version and extensions (open inference protocol)."""
        return _json(protocol.server_metadata())

    @app.get("/v2/health/live")
    async def live() -> Response:
        """Whether the service lives."""
        return _json(b'{"live":true}')

    @app.get("/v2/health/ready", responses=refusals())
    async def ready() -> Response:
        """Whether the service answers requests."""
        if not service.ready:
            raise Refusal(503, "the service is starting or ending", retry_after=1)
        return _json(b'{"ready":true}')

    async def metadata(name: str) -> Response:
        """A model's inputs and outputs (open inference protocol)."""
        return _json(protocol.model_metadata(service.models.get(name)))

    async def model_ready(name: str) -> Response:
        """Whether a model answers requests (open inference protocol)."""
        return _json(to_json({"name": service.models.get(name).name, "ready": service.ready}))

    async def infer(name: str, request: Request) -> Response:
        """Forecast what follows the input `history` (open inference protocol)."""
        length = request.headers.get("inference-header-content-length")
        served, body = service.models.get(name), request.scope["tidegate.body"]
        content, headers = await protocol.infer(served, body, length, service.batcher, service.settings.max_rows)
        return Response(content, headers=headers)

    async def metadata_of(name: str, version: str) -> Response:
        """As without a version; only the newest version is served."""
        _check_version(service, name, version)
        return await metadata(name)

    async def model_ready_of(name: str, version: str) -> Response:
        """As without a version; only the newest version is served."""
        _check_version(service, name, version)
        return await model_ready(name)

    async def infer_of(name: str, version: str, request: Request) -> Response:
        """As without a version; only the newest version is served."""
        _check_version(service, name, version)
        return await infer(name, request)

    for path, get, is_ready, post in (
        ("/v2/models/{name}", metadata, model_ready, infer),
        ("/v2/models/{name}/versions/{version}", metadata_of, model_ready_of, infer_of),
    ):
        app.get(path, responses=refusals(404))(get)
        app.get(f"{path}/ready", responses=refusals(404))(is_ready)
        app.post(f"{path}/infer", responses=refusals(404), openapi_extra=json_body(InferBody))(post)


def _check_version(service: Service, name: str, version: str) -> None:
    served = service.models.get(name)
    if version != served.version:
        raise Refusal(404, f"model {name!r} is served in version {served.version}, not {version[:40]!r}; leave it out")


def _add_pages(app: FastAPI, service: Service) -> None:
    files = {path.relative_to(PAGE).as_posix(): path for path in PAGE.rglob("*") if path.is_file()}

    @app.get("/", include_in_schema=False)
    async def start() -> Response:
        return FileResponse(PAGE / "index.html", headers={"content-security-policy": _POLICY})

    @app.get("/page/{path:path}", include_in_schema=False)
    async def asset(path: str) -> Response:
        if path not in files:
            raise Refusal(404, "there is no such file")
        return FileResponse(files[path], headers={"cache-control": "no-cache"})

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return _json(to_json(app.openapi()))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page(app.openapi()), headers={"content-security-policy": _POLICY})

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def _add_errors(app: FastAPI) -> None:
    async def refuse(request: Request, error: Exception) -> Response:
        refusal = as_refusal(error)
        return Response(refusal.body, refusal.status, refusal.headers, "application/json")

    async def refuse_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        sentence = {404: "there is no such page; / lists what there is", 405: "this page does not take that method"}
        refusal = Refusal(error.status_code, sentence.get(error.status_code, "the request cannot be answered"))
        return Response(refusal.body, refusal.status, dict(error.headers or {}), "application/json")

    async def refuse_query(request: Request, error: Exception) -> Response:
        fault = error.errors()[0]  # pyright: ignore[reportAttributeAccessIssue]
        place = ".".join(str(part) for part in fault["loc"])
        return Response(Refusal(422, f"{place}: {fault['msg']}; correct it").body, 422, media_type="application/json")

    from fastapi.exceptions import RequestValidationError

    for kind in (TidegateError, Refusal, TimeoutError):
        app.add_exception_handler(kind, refuse)
    app.add_exception_handler(HTTPException, refuse_http)
    app.add_exception_handler(RequestValidationError, refuse_query)


def _ok(kind: type[Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": kind}}


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
