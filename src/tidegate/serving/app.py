"""The routes that every service has; each reads its request, asks the part that knows, and answers."""

from __future__ import annotations

from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute
from pydantic import create_model
from starlette.exceptions import HTTPException

from tidegate.errors import TidegateError
from tidegate.serving import protocol
from tidegate.serving.answers import (
    BINARY_EXAMPLE,
    METRICS_EXAMPLE,
    Answer,
    InferAnswer,
    LiveAnswer,
    MetadataAnswer,
    ModelReadyAnswer,
    ReadyAnswer,
    ServerAnswer,
)
from tidegate.serving.contract import ModelVersion
from tidegate.serving.limits import Limits, as_refusal
from tidegate.serving.metrics import CONTENT_TYPE, asks
from tidegate.serving.openapi import GUARDED, WITH_BODY, answers, describe, json_body, page, refusals
from tidegate.serving.responses import FAULT, Refusal, json_response, to_json
from tidegate.serving.routing import DirectRoutes, check_query
from tidegate.serving.schemas import InferBody
from tidegate.serving.service import Service
from tidegate.words import LANGUAGES, words_of

PAGE = Path(__file__).parent / "page"
WORDS = ("tidegate.reporting", "tidegate.serving")
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"


def build_app(service: Service) -> Limits:
    """The ASGI application of a service."""
    checks = [Depends(check_query)]
    none: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}
    app = FastAPI(title="Tidegate", **none, lifespan=service.lifespan, dependencies=checks)
    bodies = [body for task in service.tasks for body in task.bodies]
    app.openapi = lambda: describe(app, [*bodies, InferBody])
    _add_errors(app)
    _add_models(app, service)
    for task in service.tasks:
        task.add_routes(app)
    _add_protocol(app, service)
    _add_pages(app, service)
    return Limits(DirectRoutes(app), service.settings, service.metrics, lambda: service.token)


def _add_models(app: FastAPI, service: Service) -> None:
    kinds = [task.description for task in service.tasks]
    models_of: Any = list.__class_getitem__(reduce(or_, kinds))
    listed: type[Answer] = create_model("ModelsAnswer", __base__=Answer, models=(models_of, ...))
    listed.__doc__, listed.example = "The served models.", {"models": [kind.example for kind in kinds]}

    @app.get("/models", responses=answers(listed, *GUARDED))
    async def models() -> Response:
        """The served models."""
        versions = [service.models.get(name) for name in service.models.names]
        return json_response(to_json({"models": [_described(version) for version in versions]}))


def _described(version: ModelVersion) -> dict[str, Any]:
    return {"name": version.name, "version": version.version, **version.task.describe(version)}


def _add_protocol(app: FastAPI, service: Service) -> None:
    @app.get("/v2", responses=answers(ServerAnswer, *GUARDED))
    async def server() -> Response:
        """The server's name, version and extensions (open inference protocol)."""
        return json_response(protocol.server_metadata())

    @app.get("/v2/health/live", responses=answers(LiveAnswer))
    async def live() -> Response:
        """Whether the service lives."""
        return json_response(b'{"live":true}')

    @app.get("/v2/health/ready", responses=answers(ReadyAnswer))
    async def ready() -> Response:
        """Whether the service answers requests."""
        if not service.ready:
            raise Refusal(503, "the service is starting or ending", retry_after=1)
        return json_response(b'{"ready":true}')

    async def metadata(name: str) -> Response:
        """A model's inputs and outputs (open inference protocol)."""
        return json_response(protocol.model_metadata(asks(service.models.get(name))))

    async def model_ready(name: str) -> Response:
        """Whether a model answers requests (open inference protocol)."""
        return json_response(to_json({"name": asks(service.models.get(name)).name, "ready": service.ready}))

    async def infer(name: str, request: Request) -> Response:
        """Answer input tensors with output tensors (open inference protocol)."""
        length = request.headers.get("inference-header-content-length")
        version, body = asks(service.models.get(name)), request.scope["tidegate.body"]
        content, headers = await protocol.infer(version, service.isolation, service.bounds, body, length)
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

    binary = {"schema": {"type": "string", "format": "binary"}, "example": BINARY_EXAMPLE}
    more = {"application/octet-stream": binary}
    inferred = answers(InferAnswer, *GUARDED, 404, *WITH_BODY, 422, more=more)
    for path, get, is_ready, post in (
        ("/v2/models/{name}", metadata, model_ready, infer),
        ("/v2/models/{name}/versions/{version}", metadata_of, model_ready_of, infer_of),
    ):
        app.get(path, responses=answers(MetadataAnswer, *GUARDED, 404))(get)
        app.get(f"{path}/ready", responses=answers(ModelReadyAnswer, *GUARDED, 404))(is_ready)
        app.post(f"{path}/infer", responses=inferred, openapi_extra=json_body(InferBody))(post)


def _check_version(service: Service, name: str, version: str) -> None:
    newest = service.models.get(name).version
    if version != newest:
        raise Refusal(404, f"model {name!r} is served in version {newest}, not {version[:40]!r}; leave it out")


def _add_pages(app: FastAPI, service: Service) -> None:
    files = {path.relative_to(PAGE).as_posix(): path for path in PAGE.rglob("*") if path.is_file()}
    packages = [*WORDS, *(package for task in service.tasks for package in task.words)]
    texts = {f"words/{lang}.json": to_json(dict(words_of(packages, lang))) for lang in LANGUAGES}

    @app.get("/", include_in_schema=False)
    async def start() -> Response:
        return FileResponse(PAGE / "index.html", headers={"content-security-policy": _POLICY})

    @app.get("/page/{path:path}", include_in_schema=False)
    async def asset(path: str) -> Response:
        fresh = {"cache-control": "no-cache"}
        if path in texts:
            return Response(texts[path], media_type="application/json", headers=fresh)
        if path not in files:
            raise Refusal(404, "there is no such file")
        return FileResponse(files[path], headers=fresh)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return json_response(to_json(app.openapi()))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page(app.openapi()), headers={"content-security-policy": _POLICY})

    text = {"text/plain": {"schema": {"type": "string"}, "example": METRICS_EXAMPLE}}
    told = {200: {"description": "Prometheus' text format", "content": text}} | refusals(*GUARDED)

    @app.get("/metrics", responses=told, response_class=PlainTextResponse)
    async def metrics() -> Response:
        """What Prometheus reads."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def _methods(app: FastAPI, path: str) -> list[str]:
    """What any route of a path takes."""
    routes = (route for route in app.routes if isinstance(route, APIRoute) and route.path_regex.match(path))
    found = {method for route in routes for method in route.methods or ()}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _add_errors(app: FastAPI) -> None:
    async def refuse(request: Request, error: Exception) -> Response:
        return as_refusal(error).response

    async def refuse_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        sentence = {404: "there is no such page; / lists what there is", 405: "this page does not take that method"}
        refusal = Refusal(error.status_code, sentence.get(error.status_code, "the request cannot be answered"))
        headers = {"allow": ", ".join(_methods(app, request.url.path))} if error.status_code == 405 else {}
        return Response(refusal.body, refusal.status, headers, "application/json")

    async def refuse_query(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        return Refusal(422, f"{place}: {fault['msg']}; correct it").response

    async def refuse_fault(request: Request, error: Exception) -> Response:
        return FAULT.response  # the error goes on to where it is logged

    app.add_exception_handler(Exception, refuse_fault)
    for kind in (TidegateError, Refusal, TimeoutError):
        app.add_exception_handler(kind, refuse)
    app.add_exception_handler(HTTPException, refuse_http)
    app.add_exception_handler(RequestValidationError, refuse_query)
