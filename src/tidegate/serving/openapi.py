"""What the service says about itself: OpenAPI, and a page that shows it without anything from the network."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import tidegate
from tidegate.serving.answers import Answer, ErrorAnswer

_CODE = re.compile("`([^`]+)`")
_RETRY = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
_HEADERS = {401: {"WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}}}, 503: _RETRY}
_REFUSALS = {
    400: ("The request cannot be read", "this is no HTTP request that can be read; send HTTP/1.1"),
    401: (
        "No valid token",
        "the request carries no valid token; send the header Authorization: Bearer <token>",
    ),
    403: (
        "The service is called by a name that is not its own, or from a page of another site",
        "this service is not called 'forecasts.example'; call it by its address, or start it with --allow-host "
        "and that name",
    ),
    404: ("No such model, or nothing of that name", "there is no model 'share'; there are shares, power"),
    408: ("The request did not arrive in time", "the body did not arrive in time; send it faster or in smaller pieces"),
    409: (
        "What is there already does not go with the request",
        "the stream 'meter-1' has begun, so it takes no history; delete it to begin again",
    ),
    413: (
        "Too large, or too costly to read",
        "the request has more than 100000 rows; send fewer at a time",
    ),
    415: (
        "The body is encoded as something else than gzip",
        "the body is encoded as 'br'; send it as it is, or as gzip",
    ),
    422: (
        "The request cannot be answered as it is",
        "values[1] must be a finite number, not nan; correct it",
    ),
    431: ("The head is too large", "the head of the request is too large; send shorter headers"),
    500: ("A fault of the service", "the service met a fault of its own; its log says more"),
    503: (
        "Too much work at the moment, or the answer takes too long",
        "the service has all the work it may hold; try again in a second",
    ),
    507: (
        "It cannot be saved, and was not taken",
        "the streams cannot be saved (database or disk is full), so the observation was not taken; make room "
        "and try again",
    ),
}
EVERY = (400, 408, 431, 500, 503)  # what any request may be answered with
GUARDED = (401, 403)  # where a token, and one of the service's names, is asked for
WITH_BODY = (413, 415)
_ABOUT = (
    'Answers of saved models. Every refusal is JSON, {"error": "one sentence"}. Numbers must be finite; null '
    "stands for a missing value."
)


def json_body(kind: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI of a JSON body that the route reads by itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _schema(kind)}}}}


def _schema(kind: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def file_body(*parts: str) -> dict[str, Any]:
    """OpenAPI of a body that is a CSV file, or a form with files of these names."""
    form = {"type": "object", "properties": {part: {"type": "string", "format": "binary"} for part in parts}}
    content = {"text/csv": {"schema": {"type": "string"}}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI of the refusals that a route may answer with, beside those of every route."""
    return {status: _refusal(status) for status in sorted({*EVERY, *statuses})}


def _refusal(status: int) -> dict[str, Any]:
    sentence, error = _REFUSALS[status]
    content = {"application/json": {"schema": _schema(ErrorAnswer), "example": {"error": error}}}
    return {"description": sentence, "content": content, "headers": _HEADERS.get(status, {})}


def answers(kind: type[Answer], *statuses: int, more: dict[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """OpenAPI of what a route may answer: with 200 JSON, or one of `more` by media type; else a refusal."""
    content = {"application/json": {"example": kind.example}} | (more or {})
    return {200: {"model": kind, "description": kind.__doc__, "content": content}} | refusals(*statuses)


def describe(app: FastAPI, bodies: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The OpenAPI document, made once; `bodies` are what `json_body` was called with."""
    if app.openapi_schema is None:
        document = get_openapi(title="Tidegate", version=tidegate.__version__, description=_ABOUT, routes=app.routes)
        _, definitions = models_json_schema(
            [(kind, "validation") for kind in (*bodies, ErrorAnswer)], ref_template="#/components/schemas/{model}"
        )
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(definitions["$defs"])
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{}, {"token": []}]
        _without_fastapis(document)
        app.openapi_schema = document
    return app.openapi_schema


def _without_fastapis(document: dict[str, Any]) -> None:
    """Take out the refusals that FastAPI would give, and this service never does."""
    for methods in document["paths"].values():
        for route in methods.values():
            if "HTTPValidationError" in str(route["responses"].get("422", "")):
                del route["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def page(document: dict[str, Any]) -> str:
    """The documentation as one HTML page without scripts."""
    parts = []
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            body = route.get("requestBody", {}).get("content", {})
            fields = "".join(_fields(kind, document) for kind in body.values())
            statuses = ", ".join(sorted(route["responses"]))
            parts.append(
                f"<section><h2><code>{method.upper()} {html.escape(path)}</code></h2>"
                f"<p>{_prose(route.get('description') or route.get('summary', ''))}</p>"
                f"{fields}<p>Answers: {statuses}</p>{_example(route)}</section>"
            )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tidegate: interface</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="/page/style.css"></head>'
        f"<body><main><h1>Interface</h1><p>{html.escape(document['info']['description'])} "
        '<a href="/openapi.json">OpenAPI</a> · <a href="/">back</a></p>' + "".join(parts) + "</main></body></html>"
    )


def _example(route: dict[str, Any]) -> str:
    told = next(iter(route["responses"]["200"]["content"].values()))["example"]
    text = told if isinstance(told, str) else json.dumps(told, indent=1, ensure_ascii=False)
    return f"<details><summary>An answer</summary><pre>{html.escape(text)}</pre></details>"


def _fields(kind: dict[str, Any], document: dict[str, Any]) -> str:
    name = kind["schema"].get("$ref", "").rpartition("/")[2]
    if "properties" in kind["schema"]:
        return f"<p>Body: a form with the files {', '.join(kind['schema']['properties'])}.</p>"
    if not name:
        return "<p>Body: a CSV file.</p>"
    schema = document["components"]["schemas"][name]
    rows = "".join(
        f"<tr><td><code>{html.escape(field)}</code></td><td>{html.escape(_type(value))}</td>"
        f"<td>{_prose(value.get('description', ''))}</td></tr>"
        for field, value in schema["properties"].items()
    )
    head = "<tr><th>field</th><th>type</th><th>meaning</th></tr>"
    return f'<div class="wide" tabindex="0"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _prose(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", html.escape(text))


def _type(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(branch) for branch in value["anyOf"]))
    if "$ref" in value:
        return value["$ref"].rpartition("/")[2]
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    return str(value.get("type") or json.dumps(value.get("enum", "any")))
