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
    assert report.checked >= 3 * 2 * 3
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
    assert not report.leaks
    assert report.checked >= 3 * 2 * 3


def test_a_window_of_a_new_series_is_forecast_as_predict_does_at_its_origin():
    frame = table()
    forecaster = Forecaster(**FAST, horizon=2, past_cols=("wind",), scale_by="series").fit(frame)
    new = frame[frame["unique_id"] == "a"].assign(unique_id="new", y=lambda each: each["y"] * 30)
    panel, origins = forecaster.panel(new), np.array([170])
    found = forecast_part(forecaster.fitted(), panel, (origins, panel.lengths))
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


def scaled_on_training_rows(frame):
    mean, spread = (
        frame.groupby("unique_id")["y"].transform(lambda s, f=f: f(s.iloc[:160])) for f in (np.mean, np.std)
    )
    return frame.assign(y=(frame["y"] - mean) / spread)


def without_training_trend(frame):
    def detrended(values):
        t = np.arange(len(values))
        return values - np.polyval(np.polyfit(t[:160], values[:160], 1), t)

    return frame.assign(y=frame.groupby("unique_id")["y"].transform(detrended))


def with_other_labels(frame):
    return centred_mean(frame).set_index(pd.Index([7] * len(frame)))


@pytest.mark.parametrize(
    ("prepare", "leaks"),
    [
        (scaled_on_everything, True),
        (centred_mean, True),
        (with_other_labels, True),
        (causal_mean, False),
        (scaled_on_training_rows, False),  # was accused
        (without_training_trend, False),
    ],
)
def test_a_users_own_preparation_is_tested_too(prepare, leaks):
    frame = table()
    forecaster = Forecaster(**FAST, horizon=2, past_cols=("wind",), linear_skip=0).fit(prepare(frame))
    report = forecaster.check_leakage(frame, prepare)
    assert report.leaks is leaks
    assert ("LEAK" in str(report)) is leaks


@pytest.fixture(scope="module")
def simple():
    return Forecaster(**FAST, horizon=2, past_cols=("wind",)).fit(table())


FILLS = {
    "bfill": lambda s: s.bfill(),
    "interpolate": lambda s: s.interpolate(),
    "forward, then bfill": lambda s: s.ffill(limit=1).bfill(),
    "spline": lambda s: s.interpolate("cubicspline"),
}


@pytest.mark.parametrize("gap", [(60, 63), (130, 132), (165, 172), (190, 193)])
@pytest.mark.parametrize("fill", FILLS)
def test_a_fill_from_the_future_is_found_wherever_it_lies(simple, fill, gap):
    """Of twelve such fills one was found: the one whose gap lay across one of three origins."""
    frame = table()
    frame.loc[gap[0] : gap[1] - 1, "y"] = np.nan

    def prepare(frame):
        return frame.assign(y=frame.groupby("unique_id")["y"].transform(FILLS[fill]))

    assert simple.check_leakage(frame, prepare).leaks
    forward = simple.check_leakage(frame, lambda frame: frame.assign(y=frame.groupby("unique_id")["y"].ffill()))
    assert not forward.leaks


def test_rows_that_are_put_in_and_filled_are_found(simple):
    frame = table()[["unique_id", "ds", "y", "wind"]].drop(index=range(120, 125))

    def regular(fill):
        def prepare(frame):
            hours = frame.set_index("ds").groupby("unique_id")[["y", "wind"]].resample("h").mean()
            return fill(hours).reset_index()

        return prepare

    assert simple.check_leakage(frame, regular(lambda hours: hours.interpolate())).leaks
    assert not simple.check_leakage(frame, regular(lambda hours: hours.ffill())).leaks


def test_a_preparation_that_drops_unusable_rows_is_not_accused(simple):
    frame = table()
    frame.loc[:19, "y"] = np.nan
    assert not simple.check_leakage(frame, lambda frame: frame.dropna()).leaks


@pytest.mark.parametrize("prepare", [scaled_on_training_rows, without_training_trend])
def test_what_is_learned_from_training_rows_stays_innocent_beside_gaps(simple, prepare):
    frame = table()
    frame.loc[[40, 41, 120, 170, 171], "y"] = np.nan

    def filled(frame):
        return prepare(frame.assign(y=frame.groupby("unique_id")["y"].ffill()))

    assert not simple.check_leakage(frame, filled).leaks
    assert simple.check_leakage(frame, lambda frame: prepare(frame.assign(y=frame["y"].bfill()))).leaks


def test_duplicate_labels_of_rows_do_no_harm(simple):
    frame = pd.concat([part for _, part in table().groupby("unique_id")])
    frame.index = np.tile(np.arange(200), 2)
    assert not simple.check_leakage(frame).leaks
    assert simple.check_leakage(frame, scaled_on_everything).leaks


def test_a_wide_table_is_checked_too():
    wide = table().pivot(index="ds", columns="unique_id", values="y").reset_index()
    forecaster = Forecaster(**FAST, layout="wide").fit(wide)
    assert not forecaster.check_leakage(wide).leaks
    wide.loc[150:153, "a"] = np.nan
    assert forecaster.check_leakage(wide, lambda frame: frame.interpolate()).leaks


def test_a_preparation_that_drops_rows_is_refused():
    frame = table()
    forecaster = Forecaster(**FAST).fit(frame)
    calls = []

    def dropping(frame):
        calls.append(1)
        return frame if len(calls) == 1 else frame.iloc[:-5]

    with pytest.raises(DataError, match="must keep the rows"):
        forecaster.check_leakage(frame, dropping)
