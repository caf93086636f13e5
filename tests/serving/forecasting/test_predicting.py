import pandas as pd
import pytest
from service_tools import fitted, running, wave


def records(frame):
    return frame.assign(ds=frame["ds"].astype(str)).to_dict("records")


def numbers(answer, name="LSTM"):
    return answer.json()["forecasts"][0]["columns"][name]


def test_an_interval_that_rests_on_an_assumption_says_so(folder):
    values, table = wave(12)["y"].tolist(), wave(14).to_csv(index=False).encode()
    with running(folder) as client:
        for level, said in ((50, None), (99.9, "a 99.9 % interval that assumes nothing needs 999 windows")):
            push = {"values": 1.0, "history": {"values": values}, "level": [level]}
            for answer in (
                client.post("/predict", json={"values": values, "level": [level]}),
                client.post(f"/predict/csv?level={level}", content=table),
                client.get(f"/models/wave/forecast?level={level}"),
                client.post(f"/streams/{level}", json=push),
                client.get(f"/streams/{level}?level={level}"),
            ):
                assert answer.status_code == 200, answer.text
                found = answer.json().get("assumptions")
                assert (found is None) if said is None else found[0].startswith(said)


def test_rows_of_a_table_give_the_forecast_of_predict(client, forecaster):
    frame = wave(40, seed=1)
    answer = client.post("/predict", json={"rows": records(frame), "level": [80]})
    expected = forecaster.predict(frame, level=[80])
    forecast = answer.json()["forecasts"][0]
    assert pd.to_datetime(forecast["times"]).tolist() == expected["ds"].tolist()
    for name in ("LSTM", "LSTM-lo-80", "LSTM-hi-80"):
        assert forecast["columns"][name] == pytest.approx(expected[name].tolist())


def test_values_give_the_same_forecast_as_rows(client):
    frame = wave(40, seed=1)
    rows = client.post("/predict", json={"rows": records(frame)})
    values = client.post("/predict", json={"values": frame["y"].tolist(), "start": "2026-01-05T00:00:00"})
    assert numbers(values) == pytest.approx(numbers(rows), rel=1e-4)
    assert values.json()["forecasts"][0]["times"] == rows.json()["forecasts"][0]["times"]
    columns = client.post("/predict", json={"values": frame[["y"]].to_numpy().tolist()})
    assert numbers(columns) == pytest.approx(numbers(rows), rel=1e-4)
    assert columns.json()["forecasts"][0]["times"] == [0, 1, 2]


def test_windows_give_one_forecast_each(client):
    windows = [wave(12, seed=seed)["y"].tolist() for seed in range(5)]
    together = client.post("/predict", json={"values": windows}).json()["forecasts"]
    alone = [client.post("/predict", json={"values": window}) for window in windows]
    assert [one["columns"]["LSTM"] for one in together] == [pytest.approx(numbers(one), rel=1e-4) for one in alone]


def test_a_csv_file_gives_forecast_and_history(client, forecaster):
    frame = wave(40, seed=1)
    for text in (frame.to_csv(index=False), frame.to_csv(index=False, sep=";", decimal=",")):
        path, headers = "/predict/csv?level=80", {"content-type": "text/csv"}
        alone = client.post(path, content=text.encode(), headers=headers).json()["forecasts"][0]
        answer = client.post(f"{path}&history=true", content=text.encode(), headers=headers)
        assert alone.items() < answer.json()["forecasts"][0].items()
        assert numbers(answer) == pytest.approx(forecaster.predict(frame)["LSTM"].tolist())
        history = answer.json()["forecasts"][0]["history"]
        assert history["columns"]["y"] == pytest.approx(frame["y"].tolist())
        assert len(history["times"]) == 40


def test_the_models_own_rows_are_continued(client, forecaster):
    answer = client.get("/models/wave/forecast")
    assert numbers(answer) == pytest.approx(forecaster.predict()["LSTM"].tolist())


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "not JSON"),
        ("[]", "the body"),
        ("{}", "either rows of a table or values"),
        ('{"values": [], "rows": []}', "one of the two"),
        ('{"values": []}', "values have shape"),
        ('{"values": [1, 2]}', "needs 12 rows of history and got 2"),
        ('{"values": [1, NaN]}', "values[1] must be a finite number, not nan"),
        ('{"values": [1, -Infinity]}', "values[1] must be a finite number, not -inf"),
        ('{"values": [1, 1e999]}', "values[1] must be a finite number"),
        ('{"values": [1e300,1,1,1,1,1,1,1,1,1,1,1]}', "values[0]: 'y' is 1e+300"),
        ('{"values": [1, null]}', "values[1]: 'y' is missing"),
        ('{"values": [1, "2"]}', "values[1] must be a finite number"),
        ('{"values": [1, true]}', "values[1] must be a finite number"),
        ('{"values": [[1, 2], [3]]}', "values"),
        ('{"values": {"a": 1}}', "values cannot be used"),
        ('{"values": [1], "colour": "red"}', "colour cannot be used"),
        ('{"values": ' + "[" * 5000 + "]" * 5000 + "}", "recursion limit"),
        ('{"values": [1,1,1,1,1,1,1,1,1,1,1,1], "level": [101]}', "level must hold percentages"),
        ('{"values": [1,1,1,1,1,1,1,1,1,1,1,1], "level": [99.99]}', "validation windows"),
        ('{"values": [1,1,1,1,1,1,1,1,1,1,1,1], "start": "soon"}', "ISO 8601"),
        ('{"values": [1,1,1,1,1,1,1,1,1,1,1,1], "start": "2262-04-11T20:00:00"}', "time"),
        ('{"values": [1,1,1,1,1,1,1,1,1,1,1,1], "start": "2261-12-31T20:00:00+01:00"}', "time"),
        ('{"values": [1,1,1,1,1,1,1,1,1,1,1,1], "future": [[1]]}', "future has shape"),
        ('{"rows": []}', "rows is empty"),
        ('{"rows": [{"ds": "2026-01-01", "y": 1}]}', "one window"),
        ('{"rows": [{"ds": "2026-01-01", "a": 1, "b": 2}]}', "y"),
        ('{"rows": [{"ds": "2026-01-01", "y": [1]}]}', "rows[0].y"),
        ('{"rows": [{"ds": "2026-01-01", "y": "much"}]}', "much"),
        ('{"rows": [{"ds": "2026-01-01", "y": 1}], "future": [[], [1]]}', "rows without names"),
        ("\ufeff", "not JSON"),
    ],
)
def test_a_bad_request_gets_one_sentence(client, body, sentence):
    answer = client.post("/predict", content=body.encode())
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert sentence in error
    assert "\n" not in error
    assert "Traceback" not in error


def test_a_csv_that_is_none_gets_one_sentence(client):
    for content in (b"", b"\x00\xff\xfe", b"a,b\n1,2\n", b"ds,y\n", bytes(range(256)) * 50):
        answer = client.post("/predict/csv", content=content)
        assert answer.status_code == 422
        assert "/tmp" not in answer.json()["error"]


def test_unknown_models_and_pages_are_404(client):
    values = wave(12)["y"].tolist()
    assert client.post("/predict", json={"values": values, "model": "none"}).status_code == 404
    assert client.get("/models/none/forecast").status_code == 404
    assert client.get("/v2/models/none").status_code == 404
    assert client.get("/page/../service.py").status_code == 404
    assert client.get("/page/%2e%2e/service.py").status_code == 404
    assert client.get("/nothing").json()["error"].startswith("there is no such page")
    assert client.put("/predict").status_code == 405


def test_models_with_series_covariates_and_quantiles_are_served(tmp_path):
    frame = pd.concat([wave().assign(unique_id=name, price=1.0) for name in "ab"])
    model = fitted().__class__(
        lookback=12, horizon=2, units=4, layers=1, epochs=1, steps_per_epoch=2, loss="quantile", future_cols=("price",),
        features=("hour",), missing="forward",
    ).fit(frame)  # fmt: skip
    model.save(tmp_path / "rich")
    plain = fitted()
    plain.save(tmp_path / "plain")
    ahead = model.future_frame().assign(price=2.0)
    newest = frame.groupby("unique_id").tail(30)
    with running(tmp_path / "rich", f"other={tmp_path / 'plain'}") as client:
        assert [one["name"] for one in client.get("/models").json()["models"]] == ["rich", "other"]
        body = {"model": "rich", "rows": records(newest), "future": records(ahead), "level": [80]}
        answer = client.post("/predict", json=body).json()["forecasts"]
        expected = model.predict(newest, ahead, level=[80])
        assert [one["series"] for one in answer] == ["a", "b"]
        for one in answer:
            wanted = expected[expected["unique_id"] == one["series"]]
            assert one["columns"]["LSTM-hi-80"] == pytest.approx(wanted["LSTM-hi-80"].tolist())
        values = newest[newest["unique_id"] == "a"][["y", "price"]].to_numpy().tolist()
        values[3][0] = None
        body = {"model": "rich", "values": values, "start": newest["ds"].iloc[0].isoformat(), "series": "a"}
        again = client.post("/predict", json=body | {"future": [[2.0], [2.0]]}).json()["forecasts"][0]
        assert again["columns"]["LSTM"] == pytest.approx(answer[0]["columns"]["LSTM"], rel=1e-3)
        for fault, sentence in (({}, "values ahead of price"), ({"future": [[1.0]]}, "future has shape")):
            refused = client.post("/predict", json=body | fault)
            assert refused.status_code == 422
            assert sentence in refused.json()["error"]
        unnamed = client.post("/predict", json={"values": values})
        assert "several models are served (rich, other)" in unnamed.json()["error"]


def test_series_that_a_model_of_one_does_not_know_are_refused(client):
    frame = pd.concat([wave(20, seed=n).assign(unique_id=f"s{n}") for n in range(3)])
    answer = client.post("/predict/csv", content=frame.to_csv(index=False).encode())
    assert answer.status_code == 422
    assert "column 'unique_id' names several series" in answer.json()["error"]
