"""Models by name, and new versions taken up without dropping a request."""

import shutil
import threading

import pytest
from service_tools import fitted, running, until, wave

from tidegate import ModelFolderError, SettingError
from tidegate.serving.service import Service

VALUES = wave(12)["y"].tolist()


def test_a_new_version_is_taken_up_without_an_error(tmp_path):
    place = tmp_path / "model"
    versions = [fitted(seed=seed) for seed in range(4)]
    versions[0].save(place)
    with running(f"m={place}", reload=0.02) as client:
        statuses, seen, ending = [], [], threading.Event()

        def ask():
            while not ending.is_set():
                answer = client.post("/predict", json={"values": VALUES})
                statuses.append(answer.status_code)
                seen.append(answer.json()["version"])

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number, version in enumerate(versions[1:], start=2):
            version.save(place)
            until(lambda number=number: len(set(seen)) >= number)
        ending.set()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200}
        assert len(set(seen)) == 4
        assert 'tidegate_model_loads_total{model="m"} 3.0' in client.get("/metrics").text


def test_a_broken_new_version_leaves_the_old_one(tmp_path, caplog):
    place = tmp_path / "model"
    fitted().save(place)
    models = Service([f"m={place}"]).models
    before = models.get("m")
    (place / "config.json").write_text("{}", encoding="utf-8")
    assert models.refresh() == []
    assert models.get("m") is before
    assert "stays out" in caplog.text
    assert models.refresh() == []
    assert caplog.text.count("stays out") == 1  # said once, not each second
    shutil.rmtree(place)
    assert models.refresh() == []
    fitted(seed=3).save(place)
    assert [version.name for version in models.refresh()] == ["m"]


def test_names_come_from_folders_or_are_given(folder, tmp_path):
    run = tmp_path / "run one"
    shutil.copytree(folder, run / "model")
    assert Service([str(run)]).models.names == ["run-one"]
    assert Service([str(run / "model")]).models.names == ["run-one"]
    assert Service([str(folder), f"b={folder}"]).models.names == ["wave", "b"]
    for places, sentence in (
        ([str(folder), str(folder)], "two models are called 'wave'"),
        ([f"a b={folder}"], "cannot be a model's name"),
        ([], "no model is given"),
    ):
        with pytest.raises(SettingError, match=sentence):
            Service(places)
    with pytest.raises(ModelFolderError):
        Service([str(tmp_path / "none")])


def test_a_model_of_plain_arrays_is_served(tmp_path):
    import numpy as np

    x = np.random.default_rng(0).normal(size=(60, 5, 2))
    from tidegate import WindowRegressor

    model = WindowRegressor(units=3, layers=1, epochs=1).fit(x, x[:, -1, 0])
    model.save(tmp_path / "arrays")
    with running(tmp_path / "arrays") as client:
        answer = client.post("/predict", json={"values": x[:3].tolist()}).json()["forecasts"]
        assert [one["columns"]["y"][0] for one in answer] == pytest.approx(model.predict(x[:3]).tolist(), rel=1e-5)
        for path, body, sentence in (
            ("/predict", {"rows": [{"a": 1}]}, "fitted on plain arrays"),
            ("/predict", {"values": x[0].tolist(), "level": [80]}, "no intervals"),
            ("/predict", {"values": x[0].tolist(), "start": 3}, "knows no times"),
            ("/predict", {"values": x[0, :, 0].tolist()}, "rows of 2 columns"),
            ("/streams/s", {"values": [1.0, 2.0], "time": 1}, "knows no times"),
        ):
            refused = client.post(path, json=body)
            assert refused.status_code == 422
            assert sentence in refused.json()["error"]
        assert client.get("/models/arrays/forecast").status_code == 422
        for row in x[0].tolist():
            pushed = client.post("/streams/s", json={"values": row}).json()
        assert pushed["forecast"]["columns"]["y"] == pytest.approx(model.predict(x[:1]).tolist(), rel=1e-5)
        assert client.get("/models").json()["models"][0]["kind"] == "arrays"
