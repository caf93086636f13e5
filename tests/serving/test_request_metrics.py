"""Metrics: requests by model and version, with as many labels as there are models, whatever clients and folders do."""

import re
from types import SimpleNamespace

import pytest
from service_tools import fitted, running, wave

from tidegate.serving.metrics import Metrics, asks

VALUES = wave(12)["y"].tolist()
TENSOR = {"name": "history", "shape": [1, 12], "datatype": "FP64", "data": VALUES}


def requests(text):
    """Requests by route, status, model and version."""
    found = re.findall(r"^tidegate_requests_total{(.*)} (\S+)$", text, re.MULTILINE)
    return {tuple(re.findall(r'="([^"]*)"', labels)): float(count) for labels, count in found}


@pytest.fixture
def two(tmp_path):
    fitted().save(tmp_path / "a")
    fitted(seed=1).save(tmp_path / "b")
    with running(tmp_path / "a", tmp_path / "b", reload=0.05) as client:
        yield client


def test_requests_are_told_by_model_and_version(two):
    versions = {model["name"]: model["version"] for model in two.get("/models").json()["models"]}
    table = wave(20).to_csv(index=False).encode()
    two.post("/predict", json={"values": VALUES, "model": "a"})
    two.post("/predict", json={"values": VALUES[:2], "model": "a"})
    two.post("/predict", json={"rows": [{"ds": "x"}], "model": "a"})
    two.post("/predict/csv?model=b", content=table)
    two.get("/models/b/forecast")
    two.post("/streams/s", json={"values": 1.0, "model": "b"})
    two.get("/streams/s")
    two.get("/v2/models/a")
    two.get("/v2/models/a/ready")
    two.post("/v2/models/a/infer", json={"inputs": [TENSOR]})
    found = requests(two.get("/metrics").text)
    for name, route, status in (
        ("a", "/predict", "200"),
        ("a", "/predict", "422"),
        ("b", "/predict/csv", "200"),
        ("b", "/models/{name}/forecast", "200"),
        ("b", "/streams/{id}", "200"),
        ("a", "/v2/models/{name}", "200"),
        ("a", "/v2/models/{name}/ready", "200"),
        ("a", "/v2/models/{name}/infer", "200"),
        ("", "/models", "200"),
    ):
        assert (name, route, status, versions.get(name, "")) in found, found
    assert f'tidegate_request_seconds_count{{model="a",route="/predict",version="{versions["a"]}"}}' in (
        two.get("/metrics").text
    )


def test_names_that_are_no_models_make_no_labels(two):
    for number in range(5):
        two.post("/predict", json={"values": VALUES, "model": f"none-{number}"})
        two.post(f"/predict/csv?model=none-{number}", content=b"y")
        two.get(f"/v2/models/none-{number}")
        two.get(f"/none-{number}")
    text = two.get("/metrics").text
    assert "none-" not in text
    assert {labels[0] for labels in requests(text)} <= {"", "a", "b"}


def test_versions_that_were_replaced_twice_are_forgotten():
    metrics = Metrics()
    for number in range(50):
        version = SimpleNamespace(name="m", version=f"v{number}")
        metrics.serve(version)
        metrics.begin()
        asks(version)
        metrics.end("/predict", 200, 0.01)
    text = metrics.text().decode()
    assert set(re.findall(r'version="(v\d+)"', text)) == {"v48", "v49"}
    assert 'tidegate_model_info{model="m",version="v48"} 0.0' in text
    assert 'tidegate_model_loads_total{model="m"} 49.0' in text
    metrics.begin()
    asks(SimpleNamespace(name="m", version="v3"))  # a request that was very slow
    metrics.end("/predict", 200, 9.0)
    assert 'version="v3"' not in metrics.text().decode()


def test_a_version_that_comes_back_is_the_newest():
    metrics = Metrics()
    for version in ("v1", "v2", "v1", "v3"):
        metrics.serve(SimpleNamespace(name="m", version=version))
    info = dict(re.findall(r'tidegate_model_info{model="m",version="(\w+)"} (\S+)', metrics.text().decode()))
    assert info == {"v1": "0.0", "v3": "1.0"}


def test_build_queues_and_the_process_are_told(two):
    text = two.get("/metrics").text
    for name in (
        "tidegate_build_info{",
        "tidegate_requests_active ",
        "process_resident_memory_bytes ",
    ):
        assert f"\n{name}" in text
