"""What the service says about itself: OpenAPI, and a page that shows it without anything from the network."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import tidegate
from tidegate.serving.schemas import ErrorAnswer

_SENTENCES = {
    400: "The request cannot be read",
    401: "No valid token",
    404: "No such model, or nothing of that name",
    409: "What is there already does not go with the request",
    413: "Too large",
    422: "The request cannot be answered as it is",
    503: "Too much work at the moment; the header Retry-After says when to come again",
    507: "It cannot be saved, and was not taken",
}
_ABOUT = (
    'Answers of saved models. Every refusal is JSON, {"error": "one sentence"}. Numbers must be finite; null '
    "stands for a missing value."
)


def json_body(kind: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI of a JSON body that the route reads by itself."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def file_body(*parts: str) -> dict[str, Any]:
    """OpenAPI of a body that is a CSV file, or a form with files of these names."""
    form = {"type": "object", "properties": {part: {"type": "string", "format": "binary"} for part in parts}}
    content = {"text/csv": {"schema": {"type": "string"}}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI of the refusals that a route may answer with, beside those of every route."""
    every = sorted({400, 401, 413, 422, 503, *statuses})
    return {status: {"model": ErrorAnswer, "description": _SENTENCES[status]} for status in every}


def describe(app: FastAPI, bodies: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The OpenAPI document, made once; `bodies` are what `json_body` was called with."""
    if app.openapi_schema is None:
        document = get_openapi(title="Tidegate", version=tidegate.__version__, description=_ABOUT, routes=app.routes)
        _, definitions = models_json_schema(
            [(kind, "validation") for kind in bodies], ref_template="#/components/schemas/{model}"
        )
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(definitions["$defs"])
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{}, {"token": []}]
        app.openapi_schema = document
    return app.openapi_schema


def page(document: dict[str, Any]) -> str:
    """The documentation as one HTML page without scripts."""
    parts = []
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            body = route.get("requestBody", {}).get("content", {})
            fields = "".join(_fields(kind, document) for kind in body.values())
            answers = ", ".join(sorted(route["responses"]))
            parts.append(
                f"<section><h2><code>{method.upper()} {html.escape(path)}</code></h2>"
                f"<p>{html.escape(route.get('description') or route.get('summary', ''))}</p>"
                f"{fields}<p>Answers: {answers}</p></section>"
            )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tidegate: interface</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="/page/style.css"></head>'
        f"<body><main><h1>Interface</h1><p>{html.escape(document['info']['description'])} "
        '<a href="/openapi.json">OpenAPI</a> · <a href="/">back</a></p>' + "".join(parts) + "</main></body></html>"
    )


def _fields(kind: dict[str, Any], document: dict[str, Any]) -> str:
    name = kind["schema"].get("$ref", "").rpartition("/")[2]
    if "properties" in kind["schema"]:
        return f"<p>Body: a form with the files {', '.join(kind['schema']['properties'])}.</p>"
    if not name:
        return "<p>Body: a CSV file.</p>"
    schema = document["components"]["schemas"][name]
    rows = "".join(
        f"<tr><td><code>{html.escape(field)}</code></td><td>{html.escape(_type(value))}</td>"
        f"<td>{html.escape(value.get('description', ''))}</td></tr>"
        for field, value in schema["properties"].items()
    )
    return f"<table><thead><tr><th>field</th><th>type</th><th>meaning</th></tr></thead><tbody>{rows}</tbody></table>"


def _type(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(branch) for branch in value["anyOf"]))
    if "$ref" in value:
        return value["$ref"].rpartition("/")[2]
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    return str(value.get("type") or json.dumps(value.get("enum", "any")))
