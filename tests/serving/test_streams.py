"""Streams over HTTP: the forecast of predict, kept over a restart, nothing lost that was acknowledged."""

import errno
import json
import os

import numpy as np
import pytest
from service_tools import fitted, running, wave

from tidegate import DataError
from tidegate.serving.journal import Journal


def push(client, name, value, **more):
    return client.post(f"/streams/{name}", json={"values": value} | more)


def test_a_stream_gives_the_forecast_of_predict(client, forecaster):
    frame = wave(20, seed=3)
    for time, value in zip(frame["ds"], frame["y"], strict=True):
        answer = push(client, "one", value, time=time.isoformat(), level=[80]).json()
    expected = forecaster.predict(frame, level=[80])
    assert answer["forecast"]["columns"]["LSTM-lo-80"] == pytest.approx(expected["LSTM-lo-80"].tolist(), rel=1e-4)
    assert answer["forecast"]["times"][0] == expected["ds"].iloc[0].isoformat()
    assert (answer["count"], answer["needed"]) == (20, 0)
    looked = client.get("/streams/one?level=80").json()
    assert looked["forecast"] == answer["forecast"]
    assert [row[0] for row in looked["history"]] == frame["y"].tolist()[-12:]


def test_a_stream_may_begin_with_its_history(client, forecaster):
    frame = wave(20, seed=4)
    history = {"values": frame["y"].tolist()[:-1], "start": frame["ds"].iloc[0].isoformat()}
    answer = push(client, "two", frame["y"].iloc[-1], history=history).json()
    assert answer["forecast"]["columns"]["LSTM"] == pytest.approx(forecaster.predict(frame)["LSTM"].tolist(), rel=1e-4)
    again = push(client, "two", 1.0, history=history)
    assert again.status_code == 409
    assert "takes no history" in again.json()["error"]


def test_an_observation_with_its_time_is_never_taken_twice(client):
    for _ in range(2):
        answer = push(client, "twice", 1.5, time="2026-01-01T00:00:00").json()
    assert answer["count"] == 1
    assert push(client, "twice", 2.5, time="2026-01-01T00:00:00").status_code == 422


@pytest.mark.parametrize(
    ("name", "body", "status", "sentence"),
    [
        ("bad", {"values": "x"}, 422, "values"),
        ("bad", {"values": None}, 422, "values"),
        ("bad", {}, 422, "values"),
        ("bad", {"values": {"z": 1.0}}, 422, "has no value 'y'"),
        ("bad", {"values": [1.0, 2.0]}, 422, "it takes y"),
        ("bad", {"values": 1.0, "time": "x"}, 422, "ISO 8601"),
        ("bad", {"values": 1.0, "model": "none"}, 404, "no model"),
        ("bad", {"values": 1.0, "level": [300.0]}, 422, "level"),
        ("bad", {"values": 1.0, "history": {"values": [1.0, None]}}, 422, "history.values[1]: 'y' is missing"),
        ("b d", {"values": 1.0}, 422, "id must be"),
        ("x" * 200, {"values": 1.0}, 422, "id must be"),
    ],
)
def test_a_refused_observation_begins_no_stream(client, name, body, status, sentence):
    before = client.get("/streams").json()["count"]
    answer = client.post(f"/streams/{name}", json=body)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]
    assert client.get("/streams").json()["count"] == before


def test_nan_in_an_observation_names_the_field(client):
    answer = client.post("/streams/nan", content=b'{"values": NaN}')
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("values must be a finite number, not nan")


def test_the_least_recently_used_stream_goes_first(folder):
    with running(folder, max_streams=3) as client:
        for name in ("a", "b", "c", "a", "d"):
            push(client, name, 1.0)
        assert client.get("/streams").json() == {"count": 3, "streams": ["d", "a", "c"]}
        assert client.get("/streams/b").status_code == 404
        assert "tidegate_streams_evicted_total 1.0" in client.get("/metrics").text
        assert client.delete("/streams/a").status_code == 200
        assert client.get("/streams").json()["count"] == 2


def test_streams_are_found_again_after_a_restart(folder, tmp_path):
    values = wave(30, seed=5)["y"].tolist()
    with running(folder, state=str(tmp_path)) as client:
        for value in values:
            push(client, "kept", value)
            push(client, "other", value)
        push(client, "dropped", 1.0)
        client.delete("/streams/dropped")
        before = push(client, "kept", 7.5).json()
    with running(folder, state=str(tmp_path)) as client:
        assert client.get("/streams").json()["streams"] == ["kept", "other"]
        assert client.get("/streams/kept").json()["forecast"] == before["forecast"]
        after = push(client, "kept", 8.5).json()
        assert after["count"] == before["count"] + 1


def test_a_stream_goes_on_with_a_new_version_of_its_model(tmp_path):
    place = tmp_path / "model"
    fitted().save(place)
    values = wave(12)["y"].tolist()
    with running(place, state=str(tmp_path / "state"), reload=0.05) as client:
        for value in values:
            first = push(client, "s", value).json()
        fitted(seed=9).save(place)
        while (second := push(client, "s", values[-1]).json())["version"] == first["version"]:
            pass
        assert second["needed"] == 0
        assert second["forecast"]["columns"] != first["forecast"]["columns"]


def test_a_torn_record_is_cut_off_and_the_rest_is_kept(folder, tmp_path):
    with running(folder, state=str(tmp_path)) as client:
        for value in (1.0, 2.0, 3.0):
            push(client, "s", value)
    journal = tmp_path / "journal-0"
    with open(journal, "ab") as file:
        file.write(b'0badc0de {"id": "s", "rows": [[4.0')
    with running(folder, state=str(tmp_path)) as client:
        assert client.get("/streams/s").json()["count"] == 3
        assert push(client, "s", 4.0).json()["count"] == 4
    with running(folder, state=str(tmp_path)) as client:
        assert client.get("/streams/s").json()["count"] == 4


def test_a_full_disk_refuses_the_observation_and_keeps_the_rest(folder, tmp_path, monkeypatch):
    real, calls = os.write, []

    def full(descriptor, content):
        calls.append(content)
        if len(calls) == 1:
            return real(descriptor, content[:10])  # the first bytes still fit
        raise OSError(errno.ENOSPC, "No space left on device")

    with running(folder, state=str(tmp_path)) as client:
        assert push(client, "s", 1.0).json()["count"] == 1
        with monkeypatch.context() as patch:
            patch.setattr("tidegate.serving.journal._write", full)
            refused = push(client, "s", 2.0)
            assert refused.status_code == 507
            assert "No space left" in refused.json()["error"]
            assert client.get("/streams/s").json()["count"] == 1
        assert push(client, "s", 2.0).json()["count"] == 2
    with running(folder, state=str(tmp_path)) as client:
        assert client.get("/streams/s").json()["count"] == 2


def test_two_services_cannot_share_a_folder(folder, tmp_path):
    journal = Journal(tmp_path)
    with pytest.raises(DataError, match="another service keeps its streams"):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


def test_a_journal_tells_the_same_state_at_every_step_of_a_rotation(tmp_path):
    journal = Journal(tmp_path, rotate=200)
    journal.load()
    state = []
    for number in range(40):
        journal.append(number)
        state.append(number)
        if journal.full:
            begun, saved = journal.begin(), list(state)
            journal.append("between")
            state.append("between")
            assert read_again(journal, tmp_path) == state  # killed before the snapshot is written
            journal.finish(begun, saved)
        assert read_again(journal, tmp_path) == state
    assert len(list(tmp_path.glob("journal-*"))) == 1
    journal.close()


def read_again(journal, folder):
    """What a process that starts now would read; the living journal keeps its lock."""
    other = object.__new__(Journal)
    other.__dict__.update(journal.__dict__, notes=[])
    other._open = lambda number: None
    snapshot, records = other.load()
    return [*(snapshot or []), *records]


def test_a_snapshot_replaces_a_long_journal(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tidegate.serving.journal._ROTATE", 2000)
    monkeypatch.setattr(Journal.__init__, "__kwdefaults__", {"rotate": 2000})
    with running(folder, state=str(tmp_path), sync="always") as client:
        for value in np.arange(60.0):
            answer = push(client, "s", value)
        expected = answer.json()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 6000
    assert any(path.name.startswith("snapshot-") for path in tmp_path.iterdir())
    with running(folder, state=str(tmp_path)) as client:
        assert client.get("/streams/s").json()["forecast"] == expected["forecast"]
        assert client.get("/streams/s").json()["count"] == 60


def test_records_are_json_that_a_person_can_read(folder, tmp_path):
    with running(folder, state=str(tmp_path)) as client:
        push(client, "s", 1.0)
        push(client, "s", 2.0)
    lines = (tmp_path / "journal-0").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[1][9:]) == {"id": "s", "rows": [[2.0]], "times": None}
