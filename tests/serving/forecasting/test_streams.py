"""Streams over HTTP: the forecast of predict, kept over a restart, nothing lost that was acknowledged."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from service_tools import fitted, running, wave

from tidegate.serving.repair import DATABASE


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


def test_two_workers_pushing_to_one_stream_take_turns(folder, tmp_path):
    """Two services of one database, as two workers are: each observation is taken once, and both see the same rows."""
    with running(folder, state=str(tmp_path)) as first, running(folder, database=tmp_path / DATABASE) as second:
        clients = (first, second)

        def ask(number):
            answer = push(clients[number % 2], "shared", float(number))
            assert answer.status_code == 200, answer.text
            return answer.json()["count"]

        with ThreadPoolExecutor(8) as pool:
            counts = list(pool.map(ask, range(200)))
        assert sorted(counts) == list(range(1, 201))
        looked = [client.get("/streams/shared").json() for client in clients]
        assert looked[0] == looked[1]
        assert looked[0]["count"] == 200
        assert push(second, "shared", 0.5).json()["forecast"] == first.get("/streams/shared").json()["forecast"]
        assert first.delete("/streams/shared").status_code == 200
        assert push(second, "shared", 1.0).json()["count"] == 1


def test_a_refused_observation_leaves_the_others_of_its_transaction(client):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: push(client, f"mixed-{n}", float(n) if n % 2 else "x"), range(40)))
    assert [answer.status_code for answer in answers] == [422, 200] * 20


def test_a_damaged_stream_is_set_aside_and_may_begin_again(folder, tmp_path, caplog):
    with running(folder, state=str(tmp_path)) as client:
        for value in (1.0, 2.0):
            push(client, "good", value)
            push(client, "bad", value)
    with sqlite3.connect(tmp_path / DATABASE) as db:
        db.execute("UPDATE streams SET state = replace(state, '2.0', '9.0') WHERE id = 'bad'")
    db.close()
    with running(folder, state=str(tmp_path)) as client:
        assert "stream 'bad' is damaged and was set aside" in caplog.text
        assert client.get("/streams").json() == {"count": 1, "streams": ["good"]}
        assert push(client, "good", 3.0).json()["count"] == 3
        assert push(client, "bad", 3.0).json()["count"] == 1


def test_a_stream_damaged_while_the_service_runs_costs_itself_only(folder, tmp_path, caplog):
    with running(folder, state=str(tmp_path)) as client, running(folder, database=tmp_path / DATABASE) as other:
        push(client, "good", 1.0)
        push(client, "bad", 1.0)
        with sqlite3.connect(tmp_path / DATABASE) as db:
            db.execute("UPDATE streams SET used = used + 1 WHERE id = 'bad'")
        db.close()
        assert other.get("/streams/bad").status_code == 404
        assert "stream 'bad' is damaged" in caplog.text
        assert push(client, "bad", 1.0).json()["count"] == 1
        assert push(other, "good", 1.0).json()["count"] == 2


def test_a_database_that_another_holds_for_long_is_busy(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tidegate.serving.transactions._BUSY_SECONDS", 0.1)
    with running(folder, state=str(tmp_path)) as client:
        push(client, "s", 1.0)
        holder = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        refused = push(client, "s", 2.0)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert client.post("/predict", json={"values": wave(12)["y"].tolist()}).status_code == 200
        holder.close()
        assert push(client, "s", 2.0).json()["count"] == 2


def test_every_observation_may_wait_for_the_disk(folder, tmp_path):
    with running(folder, state=str(tmp_path), sync="always") as client:
        for value in range(5):
            assert push(client, "s", float(value)).json()["count"] == value + 1


def test_a_history_is_taken_as_if_it_were_pushed(client):
    frame = wave(100, seed=6)
    values, start = frame["y"].tolist(), frame["ds"].iloc[0].isoformat()
    for value in values:
        pushed = push(client, "pushed", value, **({"time": start} if value == values[0] else {})).json()
    begun = push(client, "begun", values[-1], history={"values": values[:-1], "start": start}).json()
    assert {**begun, "stream": "pushed"} == pushed
    assert client.get("/streams/begun").json()["history"] == client.get("/streams/pushed").json()["history"]
    refused = push(client, "never", 1.0, history={"values": [1.0] * 50 + ["x"] + [1.0] * 50})
    assert refused.status_code == 422
    assert "history.values[50]" in refused.json()["error"]
    client.delete("/streams/pushed")
    client.delete("/streams/begun")
