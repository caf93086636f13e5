"""What a clumsy or a hostile client may send in each place of a request: an answer or one sentence, never a 500."""

import json

import pytest
from service_tools import wave

VALUES = wave(12)["y"].tolist()
TENSOR = {"name": "history", "shape": [1, 12], "datatype": "FP64", "data": VALUES}
INFER = "/v2/models/wave/infer"
ODD = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    1e308,
    "",
    "x" * 2000,
    "\0",
    [],
    [[]],
    [None],
    {},
    {"": 1},
    [1, [2]],
    [{}],
    [True],
]
PLACES = [
    ("/predict", {"values": VALUES}, name) for name in ("model", "rows", "values", "start", "series", "future", "level")
]
PLACES += [
    ("/streams/odd", {"values": 1.0}, name) for name in ("values", "time", "future", "level", "series", "history")
]
PLACES += [(INFER, {"inputs": [TENSOR]}, name) for name in ("id", "parameters", "inputs", "outputs")]
BYTES = [
    b"",
    b"null",
    b"[]",
    b"\xff\xfe{",
    b'{"values": [1e400]}',
    b'{"model": "\\ud800", "values": [1]}',
    b'{"rows": [{"ds": "\\ud800", "y": 1}]}',
]
KINDS = [
    "application/json",
    "text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "\xff".encode("latin-1"),
]
QUERIES = ["level=nan", "level=1e400", "level=-1", "history=maybe", "model=%00", "columns=", "columns=[1]", "%ff=%fe"]
QUERIES += ['columns={"y": "\\ud800"}', "columns=" + "x" * 9000, "&".join(["level=80"] * 20)]
PATHS = ["//models", "/models/", "/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py", "/page//etc/passwd"]
PATHS += [
    "/page/%00",
    "/streams/%2e%2e",
    "/streams/a%2fb",
    "/streams/%00",
    "/v2/models/%00",
    "/models/%ff/forecast",
    "/%",
]


def check(answer):
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert list(answer.json()) == ["error"]
        assert "Traceback" not in answer.text


@pytest.mark.parametrize(("path", "body", "name"), PLACES, ids=lambda each: each if isinstance(each, str) else "")
def test_an_odd_value_in_a_field_is_answered_or_refused(client, path, body, name):
    for value in ODD:
        check(client.post(path, content=json.dumps(body | {name: value})))
    client.delete("/streams/odd")


@pytest.mark.parametrize("name", TENSOR)
def test_an_odd_tensor_is_answered_or_refused(client, name):
    for value in [*ODD, [12], [0], [2**31, 2**31], [-1, 12], [1] * 9]:
        check(client.post(INFER, content=json.dumps({"inputs": [TENSOR | {name: value}]})))


@pytest.mark.parametrize("path", ["/predict", "/predict/csv", "/streams/odd", INFER])
def test_odd_bytes_of_any_kind_are_refused(client, path):
    for content in BYTES:
        for kind in KINDS:
            answer = client.post(path, content=content, headers={"content-type": kind})
            check(answer)
            assert answer.status_code >= 400


def test_odd_queries_are_answered_or_refused(client):
    table = wave(14).to_csv(index=False).encode()
    for query in QUERIES:
        check(client.post(f"/predict/csv?{query}", content=table))
        check(client.get(f"/models/wave/forecast?{query}"))


TWICE = [
    ("/predict", '{"values": %s, "values": %s}', "values"),
    ("/predict", '{"values": %s, "series": "a", "ser\\u0069es": "b"}', "series"),
    ("/predict", '{"rows": [{"ds": "2026-01-05", "y": 1, "y": 2}]}', "y"),
    ("/predict", '{"rows": [' + '{"ds": "2026-01-05", "y": 1}, ' * 3000 + '{"y": 1, "y": 2}]}', "y"),  # beside the loop
    ("/streams/twice", '{"values": 1.0, "values": 2.0}', "values"),
    ("/streams/twice", '{"values": 1.0, "history": {"values": %s, "values": []}}', "values"),
    (INFER, '{"inputs": [{"name": "history", "shape": [1, 12], "datatype": "FP64", "data": [], "data": %s}]}', "data"),
    (INFER, '{"inputs": [%s], "parameters": {"a": {"b": 1, "b": 2}}}', "b"),
]


@pytest.mark.parametrize(("path", "text", "name"), TWICE)
def test_a_name_given_twice_is_refused_and_not_taken_by_its_last_value(client, path, text, name):
    array = json.dumps(TENSOR if "[%s]" in text else VALUES)
    answer = client.post(path, content=text.replace("%s", array))
    check(answer)
    assert answer.status_code == 400
    assert f"names '{name}' more than once" in answer.json()["error"]


def test_columns_of_a_query_named_twice_are_refused(client):
    answer = client.post('/predict/csv?columns={"y": "y", "y": "ds"}', content=wave(14).to_csv(index=False).encode())
    assert (answer.status_code, "names 'y' more than once" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("method", "path", "sentence"),
    [
        ("GET", "/models/wave/forecast?levels=80", "does not know the parameter 'levels'; it takes series, level"),
        ("GET", "/models/wave/forecast?series=a&series=b", "the parameter 'series' is given more than once"),
        ("GET", "/models?name=wave", "does not know the parameter 'name'; it takes none"),
        (
            "POST",
            "/predict?level=80",
            "does not know the parameter 'level'; it takes none; what to do stands in the body",
        ),
        ("POST", f"{INFER}?level=80", "does not know the parameter 'level'"),
        ("DELETE", "/streams/odd?all=1", "does not know the parameter 'all'"),
    ],
)
def test_parameters_that_would_not_count_are_refused(client, method, path, sentence):
    answer = client.request(method, path)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


@pytest.mark.parametrize("path", ["/?from=mail", "/page/main.js?v=2", "/v2/health/live?probe=1", "/docs?x", "/models"])
def test_links_and_probes_may_add_their_own_parameters(client, path):
    assert client.get(path).status_code == 200


def test_odd_paths_and_methods_lead_nowhere(client):
    for path in PATHS:
        for method in ("GET", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "FOO"):
            answer = client.request(method, path)
            check(answer)
            assert b"root:" not in answer.content
            assert answer.status_code >= 300 or path == "//models"


def test_a_chunked_body_is_as_good_as_a_whole_one(client):
    body = json.dumps({"values": VALUES}).encode()
    chunked = client.post("/predict", content=iter([body[:7], body[7:8], body[8:]]))
    assert chunked.json() == client.post("/predict", content=body).json()
