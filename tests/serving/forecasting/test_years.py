"""Times that no stamp can hold: refused wherever they stand, by the row and as they were written."""

import pandas as pd
import pytest
from service_tools import fitted, running, wave

BEYOND = ("0001-01-01T05:00:00", "1677-12-31T05:00:00", "2262-01-01T05:00:00", "30000-01-01T05:00:00")
VALUES = wave(14)["y"].tolist()


def rows(times):
    return [{"ds": str(time), "y": value} for time, value in zip(times, VALUES, strict=True)]


@pytest.fixture(scope="module")
def yearly(tmp_path_factory):
    """A model of years, and one of whole numbers."""
    place = tmp_path_factory.mktemp("yearly")
    fitted(data=wave().assign(ds=pd.date_range("1700-01-01", periods=300, freq="YS"))).save(place / "years")
    fitted(data=wave().assign(ds=range(300))).save(place / "numbers")
    with running(place / "years", place / "numbers") as client:
        yield client


@pytest.mark.parametrize("time", BEYOND)
def test_a_year_beyond_is_refused_with_its_row(client, time):
    times = [str(stamp) for stamp in pd.date_range("2026-01-05", periods=14, freq="h")]
    times[5] = time
    table = "ds,y\n" + "".join(f"{row['ds']},{row['y']}\n" for row in rows(times))
    for answer in (
        client.post("/predict", json={"rows": rows(times)}),
        client.post("/predict/csv", content=table.encode()),
    ):
        assert answer.status_code == 422
        assert f"beyond the years 1678 to 2261 in row 6 ('{time}')" in answer.json()["error"]


@pytest.mark.parametrize("time", BEYOND)
def test_a_year_beyond_is_refused_where_values_or_a_stream_begin(client, time):
    for path, body in (
        ("/predict", {"values": VALUES, "start": time}),
        ("/streams/beyond", {"values": 1.0, "time": time}),
        ("/streams/beyond", {"values": 1.0, "history": {"values": VALUES, "start": time}}),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == 422
        assert f"time '{time}' lies beyond the years 1678 to 2261" in answer.json()["error"]
    assert client.get("/streams/beyond").status_code == 404


def test_a_forecast_beyond_is_refused_and_not_of_another_century(yearly):
    times = pd.date_range(end="2260-01-01", periods=14, freq="YS")
    for body in ({"rows": rows(times)}, {"values": VALUES, "start": str(times[0].date())}):
        answer = yearly.post("/predict", json=body | {"model": "years"})
        assert answer.status_code == 422
        assert "beyond the year 2262" in answer.json()["error"]


@pytest.mark.parametrize("first", [2**63 - 16, 2**63 - 10, 2**63])
def test_whole_numbers_beyond_are_refused_and_not_negative(yearly, first):
    table = [{"ds": first + i, "y": value} for i, value in enumerate(VALUES)]
    answer = yearly.post("/predict", json={"rows": table, "model": "numbers"})
    assert answer.status_code == 422
    assert "beyond" in answer.json()["error"] or "2**63" in answer.json()["error"]
    refused = yearly.post("/predict", json={"values": VALUES, "start": first, "model": "numbers"})
    assert "must be a whole number between -2**53 and 2**53" in refused.json()["error"]
