import numpy as np
import pandas as pd
import pytest

from tidegate import DataError, Forecaster

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
    forecaster = Forecaster(**FAST, horizon=2, past_cols=("wind",)).fit(prepare(frame))
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
