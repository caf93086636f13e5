"""A stream says what `predict` says for all rows pushed so far, for any settings, and costs the same however long."""

import json
from datetime import datetime, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate import DataError, Forecaster, SettingError, TidegateError, WindowRegressor
from tidegate.forecasting import preparing
from tidegate.forecasting.streaming import Stream

SETTINGS = st.fixed_dictionaries(
    {
        "lookback": st.sampled_from([1, 4, 12]),
        "linear_skip": st.sampled_from([0, 0, 3]),
        "horizon": st.sampled_from([1, 3]),
        "cell": st.sampled_from(["lstm", "gru", "rnn"]),
        "bidirectional": st.booleans(),
        "strategy": st.sampled_from(["direct", "recursive"]),
        "scaler": st.sampled_from(["standard", "minmax", "robust", "none"]),
        "scale_by": st.sampled_from([None, "global", "series"]),
        "loss": st.sampled_from(["mse", "quantile"]),
        "missing": st.sampled_from(["refuse", "forward", "linear", "seasonal", "mask"]),
        "short_series": st.sampled_from(["refuse", "pad"]),
        "past_cols": st.sampled_from([(), ("wind",)]),
        "future_cols": st.sampled_from([(), ("price",)]),
        "static_cols": st.sampled_from([(), ("kind",)]),
        "target_col": st.sampled_from(["y", ("y", "z")]),
        "features": st.sampled_from([(), ("lag_5",), ("difference_1", "mean_3", "weekday")]),
    }
)


def table(length, freq, seed, names=("a", "b")):
    rng = np.random.default_rng(seed)
    times = pd.date_range("2026-01-05", periods=length, freq=freq)
    frames = [
        pd.DataFrame({"unique_id": name, "ds": times, "kind": name, "y": rng.normal(size=length).cumsum() * 10})
        for name in names
    ]
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(**{name: rng.normal(size=len(frame)) for name in ("z", "wind", "price")})


@pytest.mark.filterwarnings("ignore:a 80 % interval that assumes nothing needs")  # some of these tables are short
@given(
    chosen=SETTINGS,
    freq=st.sampled_from(["h", "D", "MS", "B", "W-MON"]),
    series=st.sampled_from(["a", None]),
    level=st.sampled_from([(), (80.0,)]),
    share_left_out=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=25)
def test_a_stream_says_what_predict_says(chosen, freq, series, level, share_left_out, seed):
    frame = table(60, freq, seed)
    rng = np.random.default_rng(seed)
    try:
        model = Forecaster(**chosen, units=3, layers=1, epochs=1, steps_per_epoch=2).fit(frame)
        stream = model.stream(series, level=level)
    except TidegateError as refused:
        sentence = str(refused)
    else:
        sentence = ""
    assert "\n" not in sentence
    if sentence:
        return
    ahead = rng.normal(size=(chosen["horizon"], len(chosen["future_cols"])))
    rows = table(50, freq, seed + 1, names=["new" if series is None else series])
    if chosen["missing"] != "refuse":
        rows = rows[(rng.random(len(rows)) >= share_left_out) | (rows.index == 0)]
    for number, row in enumerate(rows.to_dict("records")):
        values = {name: row[name] for name in stream.columns}
        try:
            forecast = stream.push(values, row["ds"].to_pydatetime(), future=ahead if ahead.size else None)
        except DataError:  # no value is known in all that is kept, so nothing can be filled
            continue
        if forecast is None or rng.random() < 0.7:
            continue
        grown = every_step(rows.iloc[: number + 1], freq)
        expected = model.predict(grown, future_of(model, grown, ahead), level=level)
        pd.testing.assert_frame_equal(
            forecast.to_frame(), expected.iloc[:, 1:], rtol=1e-4, atol=1e-4, check_dtype=False
        )


def every_step(rows, freq):
    """Rows as a table of all steps; those that were left out are rows without values."""
    times = pd.date_range("2026-01-05", rows["ds"].iloc[-1], freq=freq)
    whole = rows.set_index("ds").reindex(times).rename_axis("ds").reset_index()
    return whole.assign(unique_id=rows["unique_id"].iloc[0], kind=rows["kind"].iloc[0])


def future_of(model, grown, ahead):
    if not ahead.size:
        return None
    return model.future_frame(grown).assign(price=ahead[:, 0])


OWN, GROWN = 40, 240  # rows: those that tell a new series' scale here, and more than any stream then keeps


@pytest.fixture(scope="module")
def grown():
    """A table of a series that jumps and grows, with single gaps, a gap longer than a window, and one at its end."""
    rows = table(GROWN, "h", 3, names=["a"])
    rng = np.random.default_rng(4)
    rows["y"] = 1e3 + 50 * rng.normal(size=GROWN).cumsum() * np.linspace(1, 4, GROWN)
    holes = (rng.random((GROWN, 3)) < 0.1) & (np.arange(GROWN) > 0)[:, None]
    holes[60:140] = holes[188:200] = holes[215:230, 0] = True
    holes[232:237] = holes[238, 1] = True
    rows[["y", "wind", "price"]] = rows[["y", "wind", "price"]].mask(holes)
    return rows


@pytest.mark.parametrize("inputs", ["alone", "all"])
@pytest.mark.parametrize("scaling", ["window", "series", "global", "window-robust", "series-minmax"])
@pytest.mark.parametrize("missing", ["refuse", "forward", "linear", "seasonal", "mask"])
def test_a_stream_says_what_predict_says_of_the_grown_table(missing, scaling, inputs, grown, monkeypatch):
    """Values and intervals, of a series of the fit and of a new one, whatever the settings; before and in a gap too."""
    monkeypatch.setattr(preparing, "_OWN_ROWS", OWN)
    covariates, features = (True, ("lag_3", "difference_1", "mean_4", "hour")) if inputs == "all" else (False, ())
    scale_by, _, scaler = scaling.partition("-")
    options = {"scale_by": scale_by, "scaler": scaler or "standard"}
    if covariates:
        options |= {"past_cols": ("wind",), "future_cols": ("price",)}
    small = {"lookback": 6, "horizon": 2, "units": 3, "layers": 1, "epochs": 1, "steps_per_epoch": 2, "linear_skip": 0}
    model = Forecaster(**small, **options, features=features, missing=missing, validation_size=0.3)
    model.fit(table(120, "h", 1, names=("a", "b")))
    rows = grown.fillna(1.0) if missing == "refuse" else grown
    ahead = np.array([[0.5], [-1.0]]) if covariates else None
    for series in ("a", None):
        stream = model.stream(series, level=[50])
        for number, row in enumerate(rows.to_dict("records"), start=1):
            stream.take(stream.check({name: row[name] for name in stream.columns}, row["ds"].to_pydatetime()))
            if number in (145, 195, 227, 237, GROWN):
                table_now = rows.iloc[:number].assign(unique_id=series or "new")
                future = None if ahead is None else model.future_frame(table_now).assign(price=ahead[:, 0])
                expected = model.predict(table_now, future, level=[50])
                forecast = stream.forecast(ahead).to_frame()
                pd.testing.assert_frame_equal(forecast, expected.iloc[:, 1:], rtol=1e-4, check_dtype=False)


@pytest.mark.parametrize("missing", ["forward", "linear", "seasonal"])
def test_a_gap_of_left_out_steps_longer_than_all_that_is_kept_is_filled_from_before_it(missing):
    rows = table(60, "h", 1, names=["a"])[["ds", "y"]]
    model = Forecaster(lookback=5, units=3, layers=1, epochs=1, missing=missing).fit(rows)
    times = pd.date_range("2026-02-01", periods=400, freq="h")
    values = np.random.default_rng(0).normal(size=400).cumsum()
    pushed = [0, 1, 2, 3, 4, 5, 6, 300, 301, 399]
    stream = model.stream()
    for count, number in enumerate(pushed, start=1):
        forecast = stream.push(values[number], times[number].to_pydatetime())
        stream = model.stream().restore(json.loads(json.dumps(stream.state())))
        if count > 5:
            whole = pd.DataFrame({"ds": times, "y": values})[: number + 1]
            whole.loc[~whole.index.isin(pushed), "y"] = np.nan
            pd.testing.assert_frame_equal(forecast.to_frame(), model.predict(whole), rtol=1e-5, check_dtype=False)
    assert len(stream._rows) == 2 * stream.keep


@pytest.fixture(scope="module")
def hourly():
    frame = table(200, "h", 0, names=["a"])[["ds", "y"]]
    return Forecaster(lookback=8, horizon=2, units=4, epochs=1, validation_size=0.2).fit(frame), frame


def test_a_stream_without_times_counts_steps(hourly):
    model, frame = hourly
    stream = model.stream(level=[80])
    for value in frame["y"][:8]:
        forecast = stream.push(value)
    assert forecast.columns == ("LSTM", "LSTM-lo-80", "LSTM-hi-80")
    assert forecast.times.tolist() == [0, 1]
    assert (forecast["LSTM-lo-80"] < forecast["LSTM-hi-80"]).all()


def test_the_length_of_the_past_changes_nothing(hourly):
    model, _ = hourly
    values = np.random.default_rng(1).normal(size=1000)
    long, short = model.stream(), model.stream()
    for value in values:
        forecast = long.push(value)
    for value in values[-8:]:
        again = short.push(value)
    np.testing.assert_array_equal(forecast.values, again.values)
    assert (long.count, len(long), long._rows.shape) == (1000, 8, (16, 1))


def test_an_observation_repeated_changes_nothing(hourly):
    model, frame = hourly
    stream = model.stream()
    for time, value in zip(frame["ds"][:9], frame["y"][:9], strict=True):
        forecast = stream.push(value, time.to_pydatetime())
    again = stream.push(frame["y"][8], "2026-01-05T08:00:00")
    np.testing.assert_array_equal(again.values, forecast.values)
    assert stream.count == 9
    assert stream.last_time == "2026-01-05T08:00:00"


@pytest.mark.parametrize(
    ("values", "time", "sentence"),
    [
        (float("nan"), None, "'y' is missing"),
        (None, None, "is missing and the model refuses"),
        ([None], None, "'y' is missing"),
        (float("inf"), None, "'y' is inf"),
        (1e300, None, "beyond"),
        ("1.5", None, "not a number"),
        (True, None, "not a number"),
        ([1.0, 2.0], None, "has 2 values; it takes y"),
        ({"y": 1.0, "x": 2.0}, None, "unknown value 'x'"),
        ({}, None, "no value 'y'"),
        (1.0, "yesterday", "ISO 8601"),
        (1.0, "9999-01-01", "beyond the years 1678 to 2261"),
        (1.0, 17, "ISO 8601"),
        (1.0, "2026-01-05T09:30:00", "no whole number of steps"),
        (1.0, "2026-01-05T03:00:00", "not after"),
        (1.0, "2026-01-05T08:00:00", "observed already with other values"),
        (1.0, "2026-01-05T11:00:00", "refuses gaps"),
        (1.0, "2026-01-05T09:00:00+02:00", "have none; give local time"),
        (1.0, datetime(2026, 1, 5, 9, tzinfo=timezone.utc), "have none; give local time"),
    ],
)
def test_a_refused_observation_leaves_the_stream_as_it_was(hourly, values, time, sentence):
    model, frame = hourly
    stream = model.stream()
    for stamp, value in zip(frame["ds"][:9], frame["y"][:9], strict=True):
        stream.push(value, stamp.to_pydatetime())
    before = stream.state()
    with pytest.raises(DataError, match=sentence):
        stream.push(values, time)
    assert stream.state() == before


def test_a_state_continues_after_json(hourly):
    model, frame = hourly
    stream = model.stream()
    for stamp, value in zip(frame["ds"][:20], frame["y"][:20], strict=True):
        stream.push(value, stamp.to_pydatetime())
    twin = model.stream().restore(json.loads(json.dumps(stream.state())))
    assert twin.state() == stream.state()
    np.testing.assert_array_equal(twin.push(3.0).values, stream.push(3.0).values)


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"rows": [[1.0, 2.0]]},
        {"rows": "text"},
        {"times": [1]},
        {"timed": "yes"},
        {"count": None},
        {"columns": ["other"]},
        {"rows": [[1e300]] * 8},
        {"anchors": {"values": [1.0, 2.0], "ages": [1, 1]}},
        {"anchors": {"values": [1e300], "ages": [1]}},
        {"anchors": {"values": [1.0], "ages": [0]}},
        {"anchors": {"values": [1.0], "ages": [0.5]}},
        {"anchors": [1.0]},
    ],
)
def test_a_damaged_state_is_refused(hourly, damage):
    model, frame = hourly
    stream = model.stream()
    for stamp, value in zip(frame["ds"][:8], frame["y"][:8], strict=True):
        stream.push(value, stamp.to_pydatetime())
    with pytest.raises(DataError, match="begin a new stream"):
        model.stream().restore(stream.state() | damage)


def test_a_model_of_windows_streams_too():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 6, 2))
    model = WindowRegressor(units=4, epochs=1).fit(x, x[:, -1, :1])
    stream = model.stream()
    for row in x[3][:5]:
        assert stream.push(row) is None
    forecast = stream.push(x[3][5])
    np.testing.assert_allclose(forecast.values[0], model.predict(x[3:4])[0], rtol=1e-6)
    with pytest.raises(DataError, match="no intervals"):
        Stream(model.predictor(), level=[80])


def test_a_single_missing_value_is_pushed_as_none():
    frame = pd.DataFrame({"ds": pd.date_range("2026-01-05", periods=60, freq="h"), "y": np.sin(np.arange(60.0))})
    one, other = (Forecaster(lookback=4, units=3, epochs=1, missing="forward").fit(frame).stream() for _ in "ab")
    for value in (1.0, 2.0, None, 4.0):
        forecast, same = one.push(value), other.push([value])
    np.testing.assert_array_equal(forecast.values, same.values)
    with pytest.raises(DataError, match="'y' is missing and the model refuses missing values"):
        Forecaster(lookback=4, units=3, epochs=1).fit(frame).stream().push(None)


def test_what_cannot_stream_is_said_at_the_start(hourly):
    model, _ = hourly
    with pytest.raises(SettingError, match="level must hold percentages"):
        model.stream(level=[180])
    frame = table(60, "h", 0)
    static = Forecaster(lookback=4, units=3, epochs=1, static_cols=("kind",)).fit(frame)
    with pytest.raises(DataError, match="not fitted on a series 'unknown'; its series are a, b"):
        static.stream("unknown")
    with pytest.raises(DataError, match="series must name one"):
        static.stream()
    dated = Forecaster(lookback=4, units=3, epochs=1, features=("hour",)).fit(frame)
    with pytest.raises(DataError, match="needs its time"):
        dated.stream().push(1.0)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Europe/Paris"])
def test_times_with_a_zone_come_back_with_it(zone):
    times = pd.date_range("2026-01-05", periods=60, freq="h", tz=zone)
    model = Forecaster(lookback=4, units=3, epochs=1).fit(pd.DataFrame({"ds": times, "y": np.arange(60.0)}))
    stream = model.stream()
    for stamp, value in zip(times[:6], range(6), strict=True):
        forecast = stream.push(value, stamp.isoformat())
    assert pd.Timestamp(stream.last_time) == times[5]
    assert pd.Timestamp(forecast.times[0]) == times[6]


@pytest.mark.parametrize(("first", "step"), [(20260101, 1), (1767225600, 3600), (7, 2), (0.5, 0.25)])
def test_times_that_are_numbers_stay_numbers(first, step):
    times = pd.Series(first + step * np.arange(25))
    model = Forecaster(lookback=4, units=3, epochs=1).fit(pd.DataFrame({"ds": times, "y": np.arange(25.0)}))
    stream = model.stream()
    for stamp, value in zip(times[:6], range(6), strict=True):
        forecast = stream.push(value, stamp)
    assert stream.last_time == times[5]
    assert forecast.times[0] == times[6]


@pytest.mark.parametrize("freq", ["B", "h 09:30-15:30 MON-FRI"])
def test_a_stream_goes_on_behind_days_without_trading(freq):
    hours = [9.5] if freq == "B" else np.arange(9.5, 16)
    days = pd.bdate_range("2026-03-02", periods=20).drop(["2026-03-16", "2026-03-17"])
    stamps = [day + pd.Timedelta(hours=hour) for day in days for hour in hours]
    frame = pd.DataFrame({"ds": stamps, "y": np.sin(np.arange(len(stamps)))})
    model = Forecaster(lookback=5, horizon=2, units=2, epochs=1, steps_per_epoch=1, freq=freq).fit(frame)
    stream = model.stream()
    forecasts = [stream.push(row.y, row.ds.to_pydatetime()) for row in frame.itertuples()]
    pd.testing.assert_frame_equal(forecasts[-1].to_frame(), model.predict(frame), rtol=1e-5, check_dtype=False)
    with pytest.raises(DataError, match=r"steps before time .* were left out and the model refuses gaps"):
        stream.push(0.0, "2026-04-14T09:30:00")
