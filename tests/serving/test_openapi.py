"""The OpenAPI document: every answer of every route has a schema and an example, and the real ones keep to it."""

import gzip
import json
import sqlite3
from copy import deepcopy

import jsonschema_rs
import pytest
from service_tools import fitted, running, wave
from test_limits import raw

from tidegate.errors import DataError
from tidegate.forecasting.streaming import Stream

VALUES = wave(12)["y"].tolist()
TABLE = wave(20)
TENSOR = {"name": "history", "shape": [1, 12], "datatype": "FP64", "data": VALUES}
CONNECTION = (400, 408, 431)  # refused before any route is looked for
BODIES = {
    "/predict": {"values": VALUES, "level": [80]},
    "/predict/csv": TABLE.to_csv(index=False).encode(),
    "/streams/{id}": {"values": 1.0, "history": {"values": VALUES}},
    "/v2/models/{name}/infer": {"inputs": [TENSOR]},
    "/v2/models/{name}/versions/{version}/infer": {"inputs": [TENSOR]},
}
WRONG = {"/predict/csv": b"ds,y\n", "/streams/{id}": {"values": "x"}}
UNKNOWN = {"/predict": {"values": VALUES, "model": "none"}, "/streams/{id}": {"values": 1.0, "model": "none"}}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A service of a run with its verdict, its document, and the names in its paths."""
    place = tmp_path_factory.mktemp("described") / "run"
    fitted().save(place / "model")
    verdict = {"beats": False, "text": {"en": "No.", "zh": "否。"}, "best_naive": None}
    (place / "metrics.json").write_text(json.dumps({"verdict": verdict}), encoding="utf-8")
    with running(place, max_body=20_000, read_timeout=0.3) as client:
        client.document = client.get("/openapi.json").json()
        client.version = client.get("/models").json()["models"][0]["version"]
        yield client


def operations(document):
    return [(method, path) for path, methods in document["paths"].items() for method in methods]


def strict(schema):
    """A schema that allows no field beside those it names, so that none is missing from it."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return closed | {key: strict(part) for key, part in schema.items()}


def check(document, method, path, status, kind, content):
    """Hold a body against the schema of an answer."""
    told = document["paths"][path][method]["responses"][str(status)]["content"]
    whole = {"components": document["components"], **told[kind.partition(";")[0]]["schema"]}
    jsonschema_rs.validator_for(strict(deepcopy(whole))).validate(content)


def ask(client, method, path, body=None, headers=None, **names):
    for name, value in ({"name": "run", "id": "s", "version": client.version} | names).items():
        path = path.replace(f"{{{name}}}", value)
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    return client.request(method, path, content=content, headers=headers)


def test_every_answer_has_a_schema_and_an_example_of_it(served):
    found = 0
    for method, path in operations(served.document):
        for status, answer in served.document["paths"][path][method]["responses"].items():
            assert answer["description"], (method, path, status)
            for kind, told in answer["content"].items():
                check(served.document, method, path, status, kind, told["example"])
                found += 1
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/json"]
                assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorAnswer"}
    assert found > 150


def test_an_example_shows_what_may_be_absent(served):
    example = served.document["paths"]["/models/{name}/forecast"]["get"]["responses"]["200"]["content"]
    (forecast,) = example["application/json"]["example"]["forecasts"]
    assert {"times", "columns", "history", "naive"} <= set(forecast)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_real_answers_keep_to_their_schemas(served, encoding):
    order = sorted(operations(served.document), key=lambda each: each[0] == "delete")
    for method, path in order:
        body = BODIES.get(path)
        if body is not None and method == "post":
            whole = body if isinstance(body, bytes) else json.dumps(body).encode()
            body = gzip.compress(whole) if encoding == "gzip" else whole
            if path == "/streams/{id}":
                served.delete("/streams/s")
        headers = {"content-encoding": encoding} if method == "post" else {}
        answer = ask(served, method, path, body if method == "post" else None, headers)
        assert answer.status_code == 200, (method, path, answer.text)
        kind = answer.headers["content-type"]
        check(served.document, method, path, 200, kind, answer.json() if "json" in kind else answer.text)


def test_more_real_answers_keep_to_their_schemas(served):
    binary = BODIES["/v2/models/{name}/infer"] | {"id": "1", "parameters": {"binary_data_output": True}}
    answer = ask(served, "post", "/v2/models/{name}/infer", binary)
    infer, size = "/v2/models/{name}/infer", int(answer.headers["inference-header-content-length"])
    check(served.document, "post", infer, 200, "application/octet-stream", answer.text)
    check(served.document, "post", infer, 200, "application/json", json.loads(answer.content[:size]))
    for path, query, body in (
        ("/predict/csv", "?history=true&level=80&level=90", BODIES["/predict/csv"]),
        ("/predict", "", {"rows": TABLE.assign(ds=TABLE["ds"].astype(str)).to_dict("records")}),
        ("/predict", "", {"values": VALUES, "start": "2026-01-01T00:00:00"}),
    ):
        answer = served.post(path + query, content=body if isinstance(body, bytes) else json.dumps(body))
        check(served.document, "post", path, 200, "application/json", answer.json())


def refused_with(client, method, path, status, patch):
    """An answer of a route with this status."""
    body, limits = BODIES.get(path) if method == "post" else None, client.server.config.app
    given = {403: {"host": "another.example"}, 415: {"content-encoding": "br"}}.get(status)
    names = {"name": "none", "id": "none"} if status == 404 else {"id": "wrong"} if status == 422 else {}
    if status == 401:
        patch.setattr(limits, "_token", lambda: "a-token-of-sufficient-length")
    elif status == 404:
        body, path = UNKNOWN.get(path, body), f"{path}?model=none" if path == "/predict/csv" else path
    elif status == 409:
        ask(client, "post", path, body)  # from then on it takes no history
        if method == "get":
            ask(client, "post", path, BODIES[path])
            (task,) = client.service.tasks
            task.streams._live.clear()
            patch.setattr(Stream, "restore", _refuse)
    elif status == 413:
        body = b" " * 30_000
    elif status == 422:
        body, path = (WRONG.get(path, {}), path) if method == "post" else (None, f"{path}?level=much")
    elif status == 500:
        patch.setattr(limits, "_admit", lambda scope: 1 / 0)
    elif status == 503:
        patch.setattr(limits._settings, "max_requests", 0)
        patch.setattr(client.service, "ready", False)
    elif status == 507:
        patch.setattr(client.service.transactions, "run", _full)
    return ask(client, method, path, body, given, **names)


def _refuse(stream, state):
    raise DataError("the stream is of other columns")


async def _full(work):
    raise sqlite3.OperationalError("database or disk is full")


def test_real_refusals_are_those_that_are_documented(served):
    for method, path in operations(served.document):
        documented = {int(status) for status in served.document["paths"][path][method]["responses"]} - {200}
        if path == "/v2/health/live":
            documented.discard(503)  # of all connections, as the three
        for status in sorted(documented - {*CONNECTION}):
            with pytest.MonkeyPatch.context() as patch:
                answer = refused_with(served, method, path, status, patch)
            assert answer.status_code == status, (method, path, answer.status_code, answer.text)
            check(served.document, method, path, status, answer.headers["content-type"], answer.json())
            for name in served.document["paths"][path][method]["responses"][str(status)].get("headers", {}):
                assert name in answer.headers


def test_refusals_of_a_connection_are_as_documented(served):
    broken = b"GET /models HTTP/1.1\r\nno header\r\n\r\n"
    endless = b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000
    for status, sent in ((400, broken), (408, b"GET /mod"), (431, endless)):
        head, _, body = raw(served.port, sent).partition(b"\r\n\r\n")
        assert f" {status} ".encode() in head.splitlines()[0]
        check(served.document, "get", "/models", status, "application/json", json.loads(body))
    wrong = ask(served, "post", "/predict", b"no gzip", {"content-encoding": "gzip"})
    assert wrong.status_code == 400
    check(served.document, "post", "/predict", 400, "application/json", wrong.json())
