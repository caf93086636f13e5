"""One series of many, named as a file, JSON, a URL and Python write it: always its own forecast, or a refusal."""

import pandas as pd
import pytest
from service_tools import fitted, running, wave


@pytest.fixture(scope="module")
def stations():
    """Two series on different scales, named by whole numbers."""
    frame = pd.concat([wave(200, seed=name).assign(station=name) for name in (7, 8)])
    return frame.assign(y=frame["y"] + 1000 * frame["station"])


@pytest.fixture(scope="module")
def model(stations):
    return fitted(scale_by="series", id_col="station", data=stations)


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stations") / "stations"
    model.save(folder)
    with running(folder) as client:
        yield client


@pytest.fixture(scope="module")
def expected(model):
    return model.predict().groupby("station")["LSTM"].apply(list)


@pytest.mark.parametrize("name", [7, 8])
def test_a_series_named_in_a_url_gets_its_own_forecast(served, expected, name):
    (forecast,) = served.get(f"/models/stations/forecast?series={name}").json()["forecasts"]
    assert forecast["series"] == name
    assert forecast["columns"]["LSTM"] == pytest.approx(expected[name], rel=1e-5)


@pytest.mark.parametrize("name", [8, "8"])
def test_a_series_named_in_a_body_gets_its_own_scale(served, stations, expected, name):
    values = stations[stations["station"] == 8]["y"].tolist()[-12:]
    (forecast,) = served.post("/predict", json={"values": values, "series": name}).json()["forecasts"]
    assert forecast["series"] == 8
    assert forecast["columns"]["LSTM"] == pytest.approx(expected[8], rel=1e-5)
    for path, more in (("/streams/8", {}), ("/streams/other", {"series": name})):
        pushed = served.post(path, json={"values": values[-1], "history": {"values": values[:-1]}} | more).json()
        assert pushed["series"] == 8
        assert pushed["forecast"]["columns"]["LSTM"] == pytest.approx(expected[8], rel=1e-5)
        served.delete(path)


def test_rows_whose_identifiers_are_text_get_the_forecasts_of_their_series(served, model, stations, expected):
    text = stations.groupby("station").tail(12).astype({"ds": str, "station": str})
    forecasts = served.post("/predict", json={"rows": text.to_dict("records")}).json()["forecasts"]
    assert [one["series"] for one in forecasts] == [7, 8]
    for one in forecasts:
        assert one["columns"]["LSTM"] == pytest.approx(expected[one["series"]], rel=1e-5)
    frame = model.predict(text)
    assert frame["station"].tolist() == [7, 7, 7, 8, 8, 8]
    assert frame["LSTM"].tolist() == pytest.approx(expected[7] + expected[8], rel=1e-5)


@pytest.mark.parametrize("name", ["9", "07", "x"])
def test_a_series_that_is_not_known_is_refused(served, model, name):
    for answer in (
        served.get(f"/models/stations/forecast?series={name}"),
        served.post("/predict", json={"values": [1.0] * 12, "series": name}),
        served.post("/streams/s", json={"values": 1.0, "series": name}),
    ):
        assert answer.status_code == 404
        assert answer.json()["error"] == f"the model was not fitted on a series {name!r}; its series are 7, 8"
    with pytest.raises(ValueError, match="not fitted on a series"):
        model.stream(name)


def test_a_series_of_a_table_without_names_is_refused(client):
    for answer in (
        client.get("/models/wave/forecast?series=x"),
        client.post("/predict", json={"values": [1.0] * 12, "series": "x"}),
    ):
        assert answer.status_code == 404
        assert answer.json()["error"] == "the model's table named no series, so 'x' is none; leave series out"


def test_series_that_are_new_keep_their_names(model, stations):
    new = stations.assign(station="s" + stations["station"].astype(str))
    assert model.predict(new)["station"].unique().tolist() == ["s7", "s8"]


def test_rows_of_known_series_are_continued_however_they_are_named(stations):
    model = fitted(id_col="station", data=stations)
    last = stations.groupby("station").tail(30)
    more = last.assign(ds=last["ds"] + pd.Timedelta("30h"), station=last["station"].astype(str))
    model.update(more)
    assert model.fitted().newest.ids.tolist() == [7, 8]


def test_values_ahead_are_found_however_their_series_is_named(stations):
    model = fitted(id_col="station", future_cols=("price",), data=stations.assign(price=1.0))
    ahead = model.future_frame().assign(price=2.0)
    again = model.predict(future=ahead.astype({"station": str}))
    pd.testing.assert_frame_equal(again, model.predict(future=ahead))
