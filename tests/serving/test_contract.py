"""A second task, made of a model and what serves it, is loaded and served with no change to general code."""

import contextlib
from typing import ClassVar

import numpy as np
import pytest
import torch
from service_tools import running

import tidegate
from tidegate import DataError, SettingError, registry
from tidegate.serving.answers import ModelAnswer
from tidegate.serving.service import Service
from tidegate.storage.model_folder import load_model, save_model


class Toy:
    """A model that multiplies by a factor."""

    def __init__(self, factor):
        self.factor = factor

    def save(self, folder):
        save_model(folder, "toy", {}, {"factor": torch.tensor(self.factor)})

    @classmethod
    def load(cls, folder):
        return cls(float(load_model(folder, "toy")[1]["factor"]))


class ToyAnswer(ModelAnswer):
    """What is told of it."""

    factor: float
    example: ClassVar = {"name": "toy", "version": "0", "kind": "toy", "factor": 3.0}


class ToyService:
    """What serves it."""

    bodies = words = reading = ()
    description = ToyAnswer

    def __init__(self, service):
        self.opened = []

    def load(self, folder):
        return tidegate.load(folder)

    def describe(self, version):
        return {"kind": "toy", "factor": version.model.factor}

    def metadata(self, version):
        return {"inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}], "outputs": []}

    async def infer(self, version, inputs, parameters):
        if "x" not in inputs:
            raise DataError("the request has no input 'x'; give the numbers")
        return {"y": version.model.factor * inputs["x"]}

    def add_routes(self, app):
        app.get("/toy")(lambda: {"opened": self.opened})

    @contextlib.asynccontextmanager
    async def running(self):
        self.opened.append("yes")
        yield
        self.opened.clear()


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.TASKS, "toy", registry.Task(f"{__name__}:Toy", f"{__name__}:ToyService"))
    Toy(3.0).save(tmp_path / "toy")
    return tmp_path / "toy"


def ask(client, values, name="x"):
    tensor = {"name": name, "shape": [len(values)], "datatype": "FP64", "data": values}
    return client.post("/v2/models/toy/infer", json={"inputs": [tensor]})


def test_a_second_task_is_loaded_and_served(toy):
    assert tidegate.load(toy).factor == 3.0
    with running(toy) as client:
        (listed,) = client.get("/models").json()["models"]
        assert (listed["name"], listed["kind"], listed["factor"]) == ("toy", "toy", 3.0)
        assert client.get("/v2/models/toy").json()["inputs"][0]["name"] == "x"
        answer = ask(client, [1.0, 2.0]).json()
        assert answer["outputs"] == [{"name": "y", "datatype": "FP64", "shape": [2], "data": [3.0, 6.0]}]
        assert ask(client, [1.0], name="z").status_code == 422
        assert client.get("/toy").json() == {"opened": ["yes"]}
        assert (
            client.post("/predict", json={"values": [1.0]}).status_code == 404
        )  # forecasters have it, and none is here


def test_two_tasks_are_served_side_by_side(toy, folder, forecaster):
    with running(toy, folder) as client:
        assert [one["kind"] for one in client.get("/models").json()["models"]] == ["toy", "table"]
        assert ask(client, [2.0]).json()["outputs"][0]["data"] == [6.0]
        values = np.arange(12.0).tolist()
        answer = client.post("/predict", json={"values": values, "model": "wave"})
        assert len(answer.json()["forecasts"][0]["columns"]["LSTM"]) == 3
        refused = client.post("/predict", json={"values": values, "model": "toy"})
        assert refused.status_code == 422
        assert "model 'toy' is no forecaster" in refused.json()["error"]
        assert client.post("/streams/s", json={"values": 1.0, "model": "toy"}).status_code == 422


def test_a_new_version_of_another_task_stays_out(toy, forecaster, caplog):
    models = Service([f"m={toy}"]).models
    forecaster.save(toy)
    assert models.refresh() == []
    assert "model of another task; start the service again" in caplog.text
    assert models.get("m").model.factor == 3.0


def test_a_task_that_cannot_be_served_is_refused(toy, monkeypatch):
    monkeypatch.setitem(registry.TASKS, "toy", registry.Task(f"{__name__}:Toy"))
    with pytest.raises(SettingError, match="cannot be served"):
        Service([str(toy)])
