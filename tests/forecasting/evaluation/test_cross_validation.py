"""Forecasts from several ends of a table, against models fitted on those rows by hand."""

import numpy as np
import pandas as pd
import pytest

from lacking import need_module
from tidegate import DataError, Forecaster, SettingError

FAST = {"lookback": 12, "horizon": 4, "units": 4, "layers": 1, "epochs": 2, "batch_size": 16}


def sine(rows, name=None, seed=0):
    values = np.sin(np.arange(rows) * 2 * np.pi / 24) + np.random.default_rng(seed).normal(0, 0.1, rows)
    frame = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=rows, freq="h"), "y": values})
    return frame if name is None else frame.assign(unique_id=name)


@pytest.mark.parametrize("step", [None, 3])
def test_windows_are_those_of_models_fitted_on_the_rows_before(step):
    frame = sine(120)
    found = Forecaster(**FAST).cross_validation(frame, n_windows=3, step_size=step, level=[80])
    ends = [120 - 4 - k * (step or 4) for k in (2, 1, 0)]
    assert found["cutoff"].unique().tolist() == frame["ds"].iloc[[end - 1 for end in ends]].tolist()
    for end, (_, part) in zip(ends, found.groupby("cutoff"), strict=True):
        alone = Forecaster(**FAST).fit(frame.iloc[:end]).predict(level=[80])
        columns = ["ds", "LSTM", "LSTM-lo-80", "LSTM-hi-80"]
        pd.testing.assert_frame_equal(part[columns].reset_index(drop=True), alone[columns])
        assert part["y"].tolist() == frame["y"].iloc[end : end + 4].tolist()
        assert part["RepeatLast"].tolist() == [frame["y"].iloc[end - 1]] * 4


@pytest.mark.parametrize(("refit", "fits"), [(True, 4), (False, 1), (2, 2), (3, 2)])
def test_one_model_serves_the_windows_until_the_next_fit(refit, fits):
    frame = sine(140)
    found = Forecaster(**FAST).cross_validation(frame, n_windows=4, refit=refit)
    every = {True: 1, False: 4}.get(refit, refit) if isinstance(refit, bool) else refit
    for window, (_, part) in enumerate(found.groupby("cutoff")):
        end = 140 - 4 * (4 - window)
        fitted = 140 - 4 * (4 - window // every * every)
        model = Forecaster(**FAST).fit(frame.iloc[:fitted])
        assert part["LSTM"].to_numpy() == pytest.approx(model.predict(frame.iloc[:end])["LSTM"].to_numpy(), rel=1e-5)
    assert len({140 - 4 * (4 - window // every * every) for window in range(4)}) == fits


def test_no_forecast_depends_on_rows_behind_its_window():
    frame = sine(140)
    other = frame.copy()
    other.loc[136:, "y"] = 1e3
    for refit in (True, False):
        before, after = (Forecaster(**FAST).cross_validation(each, n_windows=3, refit=refit) for each in (frame, other))
        methods = before.columns[before.columns.get_loc("y") + 1 :]
        pd.testing.assert_frame_equal(before[methods], after[methods])
        assert (after["y"] > 900).sum() == 4


def test_series_of_different_lengths_end_by_themselves_and_go_into_utilsforecast():
    need_module("utilsforecast")
    from utilsforecast.evaluation import evaluate
    from utilsforecast.losses import mae

    table = pd.concat([sine(120, "long"), sine(90, "short", 1)])
    found = Forecaster(**FAST).cross_validation(table, n_windows=2, refit=False)
    last = found.groupby("unique_id")["ds"].max()
    assert last.to_dict() == {"long": table["ds"].iloc[119], "short": table["ds"].iloc[89]}
    errors = evaluate(found, metrics=[mae])
    assert len(errors) == 4  # two series, two cutoffs
    assert errors["LSTM"].mean() == pytest.approx((found["y"] - found["LSTM"]).abs().mean())


def test_several_targets_stand_in_rows_of_their_own():
    table = sine(100).assign(z=np.arange(100.0))
    found = Forecaster(**FAST, target_col=["y", "z"]).cross_validation(table, n_windows=1, level=80)
    assert found["target"].tolist() == ["y", "z"] * 4
    assert found.query("target == 'z'")["y"].tolist() == [96, 97, 98, 99]
    assert (found["LSTM-lo-80"] < found["LSTM"]).all()
    assert (found["LSTM"] < found["LSTM-hi-80"]).all()


def test_another_horizon_and_polars():
    polars = need_module("polars")
    found = Forecaster(**FAST).cross_validation(polars.from_pandas(sine(100)), n_windows=1, h=6)
    assert isinstance(found, polars.DataFrame)
    assert len(found) == 6


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"n_windows": 0}, "n_windows must be a whole number of at least 1, not 0"),
        ({"step_size": 1.5}, "step_size must be a whole number of at least 1, not 1.5"),
        ({"refit": 0.5}, "refit must be True, False or a whole number of at least 1, not 0.5"),
        ({"level": 101}, "level must hold percentages between 0 and 100"),
    ],
)
def test_unusable_counts_are_refused_before_any_work(wrong, sentence, monkeypatch):
    monkeypatch.setattr("tidegate.forecasting.evaluation.cross_validation.build_panel", None)
    with pytest.raises(SettingError, match=sentence):
        Forecaster(**FAST).cross_validation(sine(100), **wrong)


def test_more_windows_than_rows_are_refused():
    with pytest.raises(DataError, match="10 windows of 4 rows, 12 apart, leave none of the longest series"):
        Forecaster(**FAST).cross_validation(sine(100), n_windows=10, step_size=12)
