"""The errors against scikit-learn's and utilsforecast's own, and their conventions at the edges."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from utilsforecast import losses

from tidegate.forecasting.evaluation.metrics import ALL_TARGETS, METRICS, error_table, mase_scale


@pytest.fixture
def windows():
    rng = np.random.default_rng(3)
    truth = rng.normal(50, 10, (7, 4, 2))
    return truth, {"LSTM": truth + rng.normal(0, 3, truth.shape), "Mean": np.full(truth.shape, 49.0)}


def row(table, method, target, step):
    return table[(table["method"] == method) & (table["target"] == target) & (table["step"] == step)].iloc[0]


def test_errors_equal_scikit_learn_overall_and_per_step(windows):
    truth, forecasts = windows
    table = error_table(truth, forecasts, np.ones(2), ["a", "b"])
    for method, forecast in forecasts.items():
        for k, target in enumerate("ab"):
            for step in ("all", 1, 4):
                steps = slice(None) if step == "all" else slice(step - 1, step)
                y, f = truth[:, steps, k].ravel(), forecast[:, steps, k].ravel()
                found = row(table, method, target, step)
                assert found["mae"] == pytest.approx(sk.mean_absolute_error(y, f))
                assert found["mse"] == pytest.approx(sk.mean_squared_error(y, f))
                assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(y, f))
                assert found["mape"] == pytest.approx(100 * sk.mean_absolute_percentage_error(y, f))
                assert found["r2"] == pytest.approx(sk.r2_score(y, f))


def test_errors_equal_utilsforecast(windows):
    truth, forecasts = windows
    train = np.random.default_rng(4).normal(50, 10, 30)
    scale = mase_scale(train[:, None], 7)
    table = error_table(truth[:, :, :1], {"LSTM": forecasts["LSTM"][:, :, :1]}, scale, ["y"])
    frame = pd.DataFrame({"unique_id": 0, "y": truth[:, :, 0].ravel(), "LSTM": forecasts["LSTM"][:, :, 0].ravel()})
    past = pd.DataFrame({"unique_id": 0, "y": train})
    found = row(table, "LSTM", "y", "all")
    assert found["mase"] == pytest.approx(losses.mase(frame, ["LSTM"], 7, past)["LSTM"].item())
    assert found["smape"] == pytest.approx(200 * losses.smape(frame, ["LSTM"])["LSTM"].item())


def test_mase_uses_each_windows_own_scale():
    truth = np.zeros((2, 1, 1))
    forecast = np.array([[[2.0]], [[30.0]]])
    table = error_table(truth, {"LSTM": forecast}, np.array([[2.0], [10.0]]), ["y"])
    assert row(table, "LSTM", "y", "all")["mase"] == pytest.approx((1 + 3) / 2)


def test_unknown_truth_is_left_out(windows):
    truth, forecasts = windows
    holed = truth.copy()
    holed[2] = np.nan
    kept = [w for w in range(len(truth)) if w != 2]
    whole = error_table(truth[kept], {m: f[kept] for m, f in forecasts.items()}, np.ones(2), ["a", "b"])
    pd.testing.assert_frame_equal(error_table(holed, forecasts, np.ones(2), ["a", "b"]), whole)


def test_mape_skips_zeros_and_smape_counts_two_zeros_as_right():
    truth = np.array([[[0.0], [10.0]]])
    table = error_table(truth, {"Mean": np.array([[[0.0], [5.0]]])}, np.ones(1), ["y"])
    found = row(table, "Mean", "y", "all")
    assert found["mape"] == pytest.approx(50)
    assert found["smape"] == pytest.approx((0 + 200 * 5 / 15) / 2)
    assert np.isnan(row(table, "Mean", "y", 1)["mape"])


def test_undefined_errors_are_nan_without_a_warning():
    empty = error_table(np.full((2, 1, 1), np.nan), {"Mean": np.ones((2, 1, 1))}, np.ones(1), ["y"])
    assert empty[list(METRICS)].isna().all(axis=None)
    constant = error_table(np.ones((3, 1, 1)), {"Mean": np.ones((3, 1, 1))}, np.zeros(1), ["y"])
    assert constant["mae"].eq(0).all()
    assert constant[["r2", "mase"]].isna().all(axis=None)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_diverged_forecast_cannot_hide(windows, broken):
    truth, forecasts = windows
    forecast = forecasts["LSTM"].copy()
    forecast[0, 0, 0] = broken
    table = error_table(truth, {"LSTM": forecast}, np.ones(2), ["a", "b"])
    assert not np.isfinite(row(table, "LSTM", "a", "all")["mae"])


@given(st.floats(-1e9, 1e9))
def test_errors_do_not_depend_on_an_offset(offset):
    rng = np.random.default_rng(0)
    truth = np.round(rng.normal(0, 10, (5, 3, 1)) * 1024) / 1024
    forecast = truth + np.round(rng.normal(0, 1, truth.shape) * 1024) / 1024
    offset = np.round(offset)
    plain = error_table(truth, {"LSTM": forecast}, np.ones(1), ["y"])
    moved = error_table(truth + offset, {"LSTM": forecast + offset}, np.ones(1), ["y"])
    unmoved = ["mae", "mse", "rmse", "mase", "r2"]
    np.testing.assert_allclose(moved[unmoved], plain[unmoved], rtol=1e-6)


def test_several_targets_share_a_row_without_units(windows):
    truth, forecasts = windows
    table = error_table(truth, forecasts, np.array([2.0, 5.0]), ["a", "b"])
    both = row(table, "LSTM", ALL_TARGETS, 2)
    expected = (row(table, "LSTM", "a", 2)["mase"] + row(table, "LSTM", "b", 2)["mase"]) / 2
    assert both["mase"] == pytest.approx(expected)
    assert np.isnan(both["mae"])


def test_mase_scale_skips_unknown_rows_and_falls_back_to_one_row_back():
    train = np.array([[1.0], [np.nan], [4.0], [5.0]])
    np.testing.assert_allclose(mase_scale(train, 2), [3.0])
    np.testing.assert_allclose(mase_scale(train, 9), [1.0])
    assert np.isnan(mase_scale(np.full((4, 1), np.nan), 2)).all()
