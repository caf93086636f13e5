"""The open inference protocol, in the bytes that its clients send."""

import json

import numpy as np
import pytest
from service_tools import wave

HISTORY = wave(12)["y"].tolist()


def body(**more):
    tensor = {"name": "history", "shape": [1, 12, 1], "datatype": "FP64", "data": HISTORY}
    return {"inputs": [tensor | more]}


def expected(client):
    return client.post("/predict", json={"values": HISTORY}).json()["forecasts"][0]["columns"]["LSTM"]


def test_health_and_metadata(client):
    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/health/ready").status_code == 200
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    model = client.get("/v2/models/wave").json()
    assert model["inputs"] == [{"name": "history", "datatype": "FP64", "shape": [-1, -1, 1]}]
    assert model["outputs"] == [{"name": "LSTM", "datatype": "FP64", "shape": [-1, 3]}]
    version = model["versions"][0]
    assert client.get("/v2/models/wave/ready").json()["ready"] is True
    assert client.get(f"/v2/models/wave/versions/{version}").json() == model
    assert client.get(f"/v2/models/wave/versions/{version}/ready").status_code == 200
    assert client.get("/v2/models/wave/versions/other").status_code == 404


@pytest.mark.parametrize("shape", [[1, 12, 1], [1, 12]])
def test_infer_gives_the_forecast_of_predict(client, shape):
    answer = client.post("/v2/models/wave/infer", json=body(shape=shape) | {"id": "42"}).json()
    assert answer["id"] == "42"
    assert answer["model_name"] == "wave"
    output = answer["outputs"][0]
    assert (output["name"], output["datatype"], output["shape"]) == ("LSTM", "FP64", [1, 3])
    assert output["data"] == pytest.approx(expected(client))


def test_a_batch_and_intervals(client):
    tensor = {"name": "history", "shape": [2, 12, 1], "datatype": "FP32", "data": [HISTORY, HISTORY]}
    request = {"inputs": [tensor], "parameters": {"level": "80,90"}, "outputs": [{"name": "LSTM-hi-90"}]}
    outputs = client.post("/v2/models/wave/infer", json=request).json()["outputs"]
    assert [output["name"] for output in outputs] == ["LSTM-hi-90"]
    assert outputs[0]["shape"] == [2, 3]


def test_binary_tensors_in_and_out(client):
    raw = np.array(HISTORY, dtype="<f4").tobytes()
    tensor = {"name": "history", "shape": [1, 12, 1], "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "content-type": "application/octet-stream"}
    answer = client.post("/v2/models/wave/infer", content=head + raw, headers=headers)
    size = int(answer.headers["inference-header-content-length"])
    output = json.loads(answer.content[:size])["outputs"][0]
    values = np.frombuffer(answer.content[size:], dtype="<f8").reshape(output["shape"])
    assert output["parameters"]["binary_data_size"] == len(answer.content) - size
    np.testing.assert_allclose(values[0], expected(client), rtol=1e-4)


@pytest.mark.parametrize(
    ("request_body", "sentence"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        (body(name="other"), "no input 'history'"),
        (body(shape=[1, 11, 1]), "12 values and its shape is"),
        (body(shape=[12]), None),
        (body(shape=[-1, 12]), "shape"),
        (body(shape=[2**31, 2**31, 2**31]), "its shape is"),
        (body(datatype="BYTES"), "datatype"),
        (body(data=["a"] * 12), "not a number"),
        (body(data=[True] * 12), "not a number"),
        (body(data={"a": 1}), "data"),
        (body(data=None), "has no data"),
        (body(parameters={"binary_data_size": 96}), "binary_data_size"),
        (body(parameters={"binary_data_size": "x"}), "binary_data_size"),
        (body() | {"outputs": [{"name": "none"}]}, "no output 'none'"),
        (body() | {"parameters": {"level": "high"}}, "level"),
        (body() | {"parameters": {"level": [1]}}, "level"),
    ],
)
def test_a_bad_request_gets_one_sentence(client, request_body, sentence):
    answer = client.post("/v2/models/wave/infer", json=request_body)
    if sentence is None:
        assert answer.status_code == 200
        return
    assert answer.status_code == 422, answer.text
    assert sentence in answer.json()["error"]


def test_nan_is_refused_by_name(client):
    answer = client.post("/v2/models/wave/infer", content=json.dumps(body(data=[float("nan")] * 12)))
    assert answer.status_code == 422
    assert "missing" in answer.json()["error"] or "finite" in answer.json()["error"]


def test_a_wrong_header_length_is_refused(client):
    for length in ("x", "-1", "999999"):
        headers = {"Inference-Header-Content-Length": length}
        assert client.post("/v2/models/wave/infer", content=b"{}", headers=headers).status_code == 400
