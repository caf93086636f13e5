import numpy as np
import pandas as pd
import pytest

from tidegate import DataError, Forecaster
from tidegate.forecasting.evaluation.window_forecasts import forecast_part

FAST = {"lookback": 12, "units": 4, "layers": 1, "epochs": 1}


def table(rows=200):
    rng = np.random.default_rng(0)
    frames = []
    for name in ("a", "b"):
        values = np.sin(np.arange(rows) / 4) + rng.normal(0, 0.1, rows)
        times = pd.date_range("2026-01-01", periods=rows, freq="h")
        frames.append(pd.DataFrame({"unique_id": name, "ds": times, "y": values, "wind": values * 2, "plan": values}))
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("missing", ["refuse", "linear", "seasonal", "mask"])
def test_no_setting_of_ours_leaks(missing):
    frame = table()
    if missing != "refuse":
        frame.loc[[99, 100, 101, 139, 140], "y"] = np.nan
    forecaster = Forecaster(
        **FAST,
        horizon=3,
        missing=missing,
        past_cols=("wind",),
        future_cols=("plan",),
        features=("lag_4", "mean_3"),
        scale_by="series",
    )
    report = forecaster.fit(frame).check_leakage(frame)
    assert not report.leaks
    assert report.checked == 3 * 2 * 3
    assert "No leak found" in str(report)


@pytest.mark.parametrize("missing", ["refuse", "linear", "mask"])
@pytest.mark.parametrize("scaler", ["standard", "robust"])
@pytest.mark.parametrize("scale_by", ["series", "window"])
def test_a_series_that_fit_did_not_see_is_not_scaled_by_its_future(scale_by, scaler, missing):
    frame = table()
    options = {"past_cols": ("wind",), "future_cols": ("plan",), "scale_by": scale_by, "scaler": scaler}
    forecaster = Forecaster(**FAST, horizon=3, missing=missing, **options).fit(frame)
    new = frame.assign(unique_id=frame["unique_id"] + "2", y=frame["y"] * 30 + 5)
    if missing != "refuse":
        new.loc[[99, 100, 101, 139, 140], ["y", "wind"]] = np.nan
    report = forecaster.check_leakage(new)
    assert (report.leaks, report.checked) == (False, 3 * 2 * 3)


def test_a_window_of_a_new_series_is_forecast_as_predict_does_at_its_origin():
    frame = table()
    forecaster = Forecaster(**FAST, horizon=2, past_cols=("wind",), scale_by="series").fit(frame)
    new = frame[frame["unique_id"] == "a"].assign(unique_id="new", y=lambda each: each["y"] * 30)
    panel, origins = forecaster.panel(new), np.array([170])
    found = forecast_part(forecaster.fitted(), panel, origins, (origins, panel.lengths))
    for number in (0, 7):
        expected = forecaster.predict(new[: int(found.rows[number])])["LSTM"]
        np.testing.assert_allclose(found.forecast[number, :, 0], expected, rtol=1e-6)


def scaled_on_everything(frame):
    return frame.assign(y=(frame["y"] - frame["y"].mean()) / frame["y"].std())


def centred_mean(frame):
    wind = frame.groupby("unique_id")["wind"].transform(lambda s: s.rolling(5, center=True, min_periods=1).mean())
    return frame.assign(wind=wind)


def causal_mean(frame):
    return frame.assign(wind=frame.groupby("unique_id")["wind"].transform(lambda s: s.rolling(5, min_periods=1).mean()))


@pytest.mark.parametrize(
    ("prepare", "leaks"), [(scaled_on_everything, True), (centred_mean, True), (causal_mean, False)]
)
def test_a_users_own_preparation_is_tested_too(prepare, leaks):
    frame = table()
    forecaster = Forecaster(**FAST, horizon=2, past_cols=("wind",), linear_skip=0).fit(prepare(frame))
    report = forecaster.check_leakage(frame, prepare)
    assert report.leaks is leaks
    assert ("LEAK" in str(report)) is leaks


def test_a_preparation_that_drops_rows_is_refused():
    frame = table()
    forecaster = Forecaster(**FAST).fit(frame)
    calls = []

    def dropping(frame):
        calls.append(1)
        return frame if len(calls) == 1 else frame.iloc[:-5]

    with pytest.raises(DataError, match="must keep the rows"):
        forecaster.check_leakage(frame, dropping)
