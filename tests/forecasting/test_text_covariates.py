"""Covariates of text: what a network sees of them is what it sees of pandas' dummies of the training rows."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tidegate
from tidegate import DataError, Forecaster
from tidegate.forecasting.preparing import Preprocessor
from tidegate.forecasting.resolving import resolved
from tidegate.tables.building import build_panel

QUICK = {"lookback": 6, "horizon": 2, "units": 3, "epochs": 1, "steps_per_epoch": 3}
WORDS = ["none", "rain", "sun"]


def table(rows=60, seed=0, names=("a", "b")):
    rng = np.random.default_rng(seed)
    times = pd.date_range("2026-01-01", periods=rows)
    parts = [pd.DataFrame({"unique_id": name, "ds": times, "y": rng.normal(size=rows).cumsum()}) for name in names]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(weather=rng.choice(WORDS, len(frame)), promo=rng.choice(["yes", "no", "later"], len(frame)))


def with_dummies(frame):
    dummies = pd.get_dummies(frame[["weather", "promo"]], dtype=float)
    unknown = {"weather": frame["weather"].isna(), "promo": frame["promo"].isna()}
    for name in dummies:
        dummies.loc[unknown[name.split("_")[0]], name] = np.nan
    return pd.concat([frame.drop(columns=["weather", "promo"]), dummies], axis=1)


@given(
    st.sampled_from(["refuse", "forward", "linear", "seasonal", "mask"]),
    st.sampled_from([None, "global", "series"]),
    st.integers(0, 99),
)
@settings(max_examples=12)
def test_forecasts_are_those_of_dummies(missing, scale_by, seed):
    frame = table(seed=seed)
    chosen = QUICK | {"missing": missing, "scale_by": scale_by, "season_length": 7}
    if missing != "refuse":
        rows = np.random.default_rng(seed).choice(np.arange(10, 50), 8, replace=False)
        frame.loc[rows, ["weather", "promo"]] = None
    if missing in ("linear", "seasonal"):  # where numbers would lie on a line, the text before a gap is repeated
        missing, chosen["missing"] = "forward", "forward"
    ahead = frame.groupby("unique_id").tail(2).assign(ds=lambda f: f["ds"] + pd.Timedelta(days=2))
    ahead[["weather", "promo"]] = [["sun", "no"]] * len(ahead)
    wide, names = with_dummies(frame), [f"{n}_{w}" for n, ws in (("promo", ("later", "no", "yes")),) for w in ws]
    past = tuple(f"weather_{word}" for word in WORDS)
    texts = Forecaster(**chosen, past_cols=("weather",), future_cols=("promo",)).fit(frame)
    dummies = Forecaster(**chosen, past_cols=past, future_cols=tuple(names)).fit(wide)
    known = ahead[["unique_id", "ds"]].assign(promo_later=0.0, promo_no=1.0, promo_yes=0.0)
    pd.testing.assert_frame_equal(
        texts.predict(future=ahead[["unique_id", "ds", "promo"]]), dummies.predict(future=known)
    )
    assert texts.columns_.texts == {"weather": WORDS, "promo": ["later", "no", "yes"]}


@pytest.mark.parametrize("missing", ["linear", "seasonal"])
def test_between_two_texts_there_is_no_line(missing):
    frame = table(names=["a"])
    frame.loc[[20, 21], "weather"] = None
    frame.loc[[19, 22], "weather"] = "none", "sun"
    roles, complete = {"past_cols": ("weather",), "missing": missing}, {"features": (), "transform": "none"}
    chosen = resolved(
        tidegate.ForecasterSettings(**QUICK, **roles, **complete, season_length=100),
        *(lambda panel, columns: (columns, panel.freq))(*build_panel(frame, tidegate.ForecasterSettings(**roles))),
    )
    panel, columns = build_panel(frame, chosen)
    filled = Preprocessor.fit(chosen, columns, panel, panel.lengths).fill(panel)
    assert filled.past[19:23, 0].tolist() == [1, 1, 1, 3]


def test_texts_come_back_from_a_folder_and_in_streams(tmp_path):
    frame = table(names=["a"]).drop(columns="unique_id")
    model = Forecaster(**QUICK, past_cols=("weather",), future_cols=("promo",)).fit(frame)
    model.save(tmp_path / "model")
    again = tidegate.load(tmp_path / "model")
    ahead = model.future_frame().assign(promo=["no", "yes"])
    expected = model.predict(future=ahead)
    pd.testing.assert_frame_equal(again.predict(future=ahead), expected)
    stream = again.stream()
    for row in frame.itertuples():
        forecast = stream.push(
            {"y": row.y, "weather": row.weather, "promo": row.promo}, row.ds.to_pydatetime(), future=[["no"], ["yes"]]
        )
    np.testing.assert_allclose(forecast.values, expected[["LSTM"]], rtol=1e-4)
    state = json.loads(json.dumps(stream.state()))
    restored = again.stream().restore(state).forecast(stream.read_future([{"promo": "no"}, {"promo": "yes"}]))
    np.testing.assert_allclose(restored.values, forecast.values)
    other = Forecaster(**QUICK, past_cols=("weather",), future_cols=("promo",)).fit(frame.replace("rain", "snow"))
    with pytest.raises(DataError, match="columns of text have other values than the model knows; begin a new stream"):
        other.stream().restore(state)
    for value, words in (
        ("hail", "'weather' is 'hail'; give one of 'none', 'rain', 'sun'"),
        (1, "'weather' is 1; give one"),
    ):
        with pytest.raises(DataError, match=words):
            stream.push({"y": 1.0, "weather": value, "promo": "no"}, future=[["no"], ["yes"]])


def test_what_no_training_row_has_is_unknown_and_said():
    frame = table(names=["a"])
    frame.loc[56:, "weather"] = "hail"
    result = Forecaster(**QUICK, past_cols=("weather",)).backtest(frame, refit=False)
    said = "texts that no training row has; they are taken as none of the known ones: hail (rows: 4)"
    assert f"column 'weather' holds {said}" in map(str, result.notes)
    without = with_dummies(frame)
    same = Forecaster(**QUICK, past_cols=("weather_none", "weather_rain", "weather_sun")).backtest(without, refit=False)
    pd.testing.assert_frame_equal(result.forecasts, same.forecasts)


def test_later_tables_with_other_texts_are_refused():
    frame = table()
    model = Forecaster(**QUICK, past_cols=("weather",), future_cols=("promo",)).fit(frame)
    other = frame.assign(weather=frame["weather"].where(frame.index != 3, "hail"))
    for call in (model.predict, model.update):
        with pytest.raises(
            DataError, match="column 'weather' holds 'hail' in row 4, which no training row has; write one of"
        ):
            call(other)
    ahead = model.future_frame().assign(promo="maybe")
    with pytest.raises(
        DataError, match="column 'promo' holds 'maybe' in rows 1, 2, 3 and 1 more, which no training row"
    ):
        model.predict(future=ahead)
    with pytest.raises(DataError, match="future frame lacks 4 values of 'promo'"):
        model.predict(future=ahead.assign(promo=None))


def test_faults_of_columns_of_text():
    frame = table()
    many = frame.assign(weather=[f"city {n}" for n in range(len(frame))])
    with pytest.raises(
        DataError, match=r"'weather' holds 120 different texts .* at most 50 .* put rare ones under one word"
    ):
        Forecaster(**QUICK, past_cols=("weather",)).fit(many)
    typo = frame.assign(weather=["12.5", "x"] * 60)
    with pytest.raises(DataError, match="column 'weather' is not a number in rows 2, 4, 6"):
        Forecaster(**QUICK, past_cols=("weather",)).fit(typo)
    with pytest.raises(DataError, match="column 'weather' has no value in row 8"):
        Forecaster(**QUICK, past_cols=("weather",)).fit(frame.assign(weather=frame["weather"].where(frame.index != 7)))


def test_categories_of_pandas_and_truth_values_in_text_are_texts_too(tmp_path):
    frame = table(names=["a"]).drop(columns="unique_id")
    frame["grade"] = pd.Categorical(np.arange(len(frame)) % 3)
    frame["open"] = np.where(np.arange(len(frame)) % 2, "TRUE", "FALSE")
    columns = build_panel(frame, tidegate.ForecasterSettings(past_cols=("grade", "open")))[1]
    assert columns.texts == {"grade": ["0", "1", "2"], "open": ["FALSE", "TRUE"]}
    frame.to_csv(tmp_path / "table.csv", index=False)
    of_file = build_panel(tmp_path / "table.csv", tidegate.ForecasterSettings(past_cols=("open",)))
    assert of_file[1].texts == {}  # TRUE and FALSE in a file are 1 and 0
    assert set(of_file[0].past[:, 0]) == {0, 1}
