"""What the log and the metrics tell of requests, models and the process."""

import json
import re

from service_tools import Process, fitted, running, until, wave


def test_an_answer_carries_the_id_of_its_request(client):
    assert client.get("/models", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    new = [
        client.get("/models", headers={"x-request-id": given}).headers["x-request-id"] for given in ("a b", "x" * 99)
    ]
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in new)
    assert len(set(new)) == 2


def test_lines_of_the_log_are_json_where_asked_for(tmp_path):
    fitted().save(tmp_path / "m")
    with Process(tmp_path / "m", "--log-format", "json", "--reload", 0.05) as service:
        fitted(seed=4).save(tmp_path / "m")
        until(lambda: "tidegate_model_loads_total" in service.client.get("/metrics").text)
        _, _, err = service.end()
    (line,) = [json.loads(line) for line in err.splitlines() if "is now version" in line]
    assert line["level"] == "info"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])


def test_a_fault_is_logged_with_the_id_of_its_request(folder, monkeypatch, caplog):
    from tidegate.serving.logs import JsonLines

    lines = []
    monkeypatch.setattr(caplog.handler, "emit", lambda record: lines.append(json.loads(JsonLines().format(record))))
    with running(folder) as client:
        monkeypatch.setattr(client.server.config.app, "_admit", lambda scope: 1 / 0)
        answer = client.get("/models", headers={"x-request-id": "the-one"})
    assert answer.status_code == 500
    assert answer.json() == {"error": "the service met a fault of its own; its log says more"}
    (fault,) = [line for line in lines if "fault" in line]
    assert fault["request"] == "the-one"
    assert "ZeroDivisionError" in fault["fault"]


def test_metrics_tell_versions_and_the_process(tmp_path):
    fitted().save(tmp_path / "m")
    with running(tmp_path / "m", reload=0.05) as client:

        def served():
            found = re.findall(r'tidegate_model_info{model="m",version="(\w+)"} (\S+)', client.get("/metrics").text)
            return {version: float(value) for version, value in found}

        first = client.get("/models").json()["models"][0]["version"]
        assert served() == {first: 1.0}
        fitted(seed=4).save(tmp_path / "m")
        until(lambda: len(served()) == 2)
        newest = client.post("/predict", json={"values": wave(12)["y"].tolist()}).json()["version"]
        assert served() == {first: 0.0, newest: 1.0}
        text = client.get("/metrics").text
        for name in ("tidegate_build_info{", "process_resident_memory_bytes"):
            assert f"\n{name}" in text
        until(lambda: 'tidegate_waiting{queue="tables"} 0.0' in client.get("/metrics").text)
