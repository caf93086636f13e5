"""A forecaster over a change of daylight time: it forecasts, learns on and streams at the hours that follow."""

import numpy as np
import pandas as pd
import pytest

from tidegate import DataError, Forecaster

CHANGES = [
    ("Europe/Berlin", "2024-03-31", "h"),
    ("Europe/Berlin", "2024-10-27", "h"),
    ("America/New_York", "2024-03-10", "15min"),
    ("America/New_York", "2024-11-03", "h"),
    ("Australia/Lord_Howe", "2024-04-07", "30min"),  # by half an hour
    ("Australia/Lord_Howe", "2024-10-06", "h"),
]
BEFORE, STEPS = 40, 12


@pytest.fixture(scope="module", params=CHANGES, ids=lambda each: f"{each[0]}-{each[1]}")
def change(request):
    """A model fitted on rows at one offset, and a table that goes on over the change of clocks."""
    zone, day, freq = request.param
    change = pd.Timestamp(day, tz=zone) + pd.Timedelta(hours=2)
    times = pd.date_range(
        change - (BEFORE - 1) * pd.Timedelta(pd.tseries.frequencies.to_offset(freq)), periods=80, freq=freq
    )
    frame = pd.DataFrame({"ds": times, "y": np.sin(np.arange(80.0) / 4)})
    model = Forecaster(lookback=8, horizon=STEPS, units=3, layers=1, epochs=1, steps_per_epoch=2, features=("hour",))
    return model.fit(frame[: BEFORE - 4]), frame


def test_a_forecast_over_a_change_of_clocks_is_at_the_next_steps(change):
    model, frame = change
    assert list(model.predict()["ds"]) == list(frame["ds"][BEFORE - 4 : BEFORE - 4 + STEPS])
    assert list(model.predict(frame)["ds"]) == list(
        pd.date_range(frame["ds"].iloc[-1], periods=STEPS + 1, freq=model.freq_)[1:]
    )


@pytest.mark.parametrize("written", [lambda ds: ds, lambda ds: ds.map(pd.Timestamp.isoformat)], ids=["zone", "text"])
def test_update_takes_the_rows_after_a_change_of_clocks(change, written):
    model, frame = change
    twin = Forecaster(**model.get_params()).fit(frame[: BEFORE - 4])
    twin.update(frame.assign(ds=written(frame["ds"]))[BEFORE - 4 :])
    assert twin.predict()["ds"].iloc[0] == frame["ds"].iloc[-1] + (frame["ds"].iloc[1] - frame["ds"].iloc[0])


@pytest.mark.parametrize("written", [pd.Timestamp.to_pydatetime, pd.Timestamp.isoformat], ids=["zone", "text"])
def test_a_stream_over_a_change_of_clocks_says_what_predict_says(change, written):
    model, frame = change
    stream = model.stream()
    for stamp, value in zip(frame["ds"], frame["y"], strict=True):
        forecast = stream.push(value, written(stamp))
    pd.testing.assert_frame_equal(forecast.to_frame(), model.predict(frame), rtol=1e-5)
    assert [pd.Timestamp(text) for text in forecast.texts()] == list(model.predict(frame)["ds"])


def test_a_stream_reads_stamps_without_a_zone_on_the_wall_clock(change):
    model, frame = change
    stream = model.stream()
    stream.push(1.0, frame["ds"].iloc[0].tz_localize(None).to_pydatetime())
    assert pd.Timestamp(stream.last_time) == frame["ds"].iloc[0]


def test_a_stream_refuses_an_hour_that_the_clock_shows_twice():
    times = pd.date_range("2024-10-20", periods=60, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"ds": times, "y": np.sin(np.arange(60.0))})
    stream = Forecaster(lookback=8, units=3, layers=1, epochs=1, steps_per_epoch=2).fit(frame).stream()
    with pytest.raises(DataError, match="show 2024-10-27T02:00:00 twice or never; add the offset"):
        stream.push(1.0, "2024-10-27T02:00:00")


def test_the_hour_of_the_day_is_the_one_that_the_clock_shows(change):
    model, frame = change
    found = model.model_.preprocessor
    clock = frame["ds"].dt.tz_localize(None)
    angle = 2 * np.pi * (clock.dt.hour + clock.dt.minute / 60) / 24
    rows = found.rows(model.panel(frame)).values.numpy()
    np.testing.assert_allclose(rows[:, -2], np.sin(angle), atol=1e-6)
