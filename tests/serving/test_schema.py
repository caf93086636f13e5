"""Whatever the OpenAPI document allows, and what it does not: never a 5xx, never a traceback."""

import gzip
import json

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from service_tools import running


def test_no_input_gives_a_5xx(folder):
    with running(folder, max_streams=50) as client:
        document = client.get("/openapi.json").json()
        schema = schemathesis.openapi.from_dict(document)
        schema.config.generation.modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        tried = set()
        for result in schema.get_all_operations():
            operation = result.ok()
            check(client, operation)
            tried.add(operation.label)
        assert len(tried) == len([m for path in document["paths"].values() for m in path])
        assert client.get("/v2/health/ready").status_code == 200


def check(client, operation):
    documented = {int(status) for status in operation.definition.raw["responses"]}

    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), encoding=st.sampled_from(["identity", "gzip", "br"]))
    def attempt(case, encoding):
        answer = send(client, case, encoding)
        assert answer.status_code < 500, (operation.label, answer.text)
        assert "Traceback" not in answer.text
        if answer.status_code >= 400:
            assert list(answer.json()) == ["error"]
        assert answer.status_code in documented | {404}, (operation.label, answer.status_code, answer.text)

    attempt()


def send(client, case, encoding):
    request = case.as_transport_kwargs(base_url=str(client.base_url))
    body = {key: request[key] for key in ("json", "data", "params", "headers") if request.get(key) is not None}
    if "data" in body:
        data = body.pop("data")
        body["content"] = data if isinstance(data, bytes | str) else json.dumps(data, default=str)
    whole = client.build_request("POST", "/", **{key: body[key] for key in body if key in ("json", "content")}).content
    if whole and encoding != "identity":
        body.pop("json", None)
        body["content"] = gzip.compress(whole)
        body["headers"] = dict(body.get("headers", {})) | {"content-encoding": encoding}
    headers = {
        str(k): str(v).encode("latin-1", "replace").decode("latin-1") for k, v in body.pop("headers", {}).items()
    }
    try:
        return client.request(request["method"], request["url"], headers=headers, **body)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeEncodeError):
        return httpx.Response(400, json={"error": "the client would not send it"})
