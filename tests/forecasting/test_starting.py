"""Training starts from, and must clearly beat, what theory says is the best linear forecast of a process."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from tidegate import Forecaster, load
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.starting import Sample, clearly_better, independent_windows, intercept
from tidegate.forecasting.table_model import TableModel
from tidegate.tables.building import build_panel

SMALL = {"lookback": 24, "units": 3, "layers": 1, "epochs": 2, "steps_per_epoch": 4, "batch_size": 8}


def fitted(values, **settings):
    frame = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=len(values), freq="D"), "y": values})
    return Forecaster(**SMALL | settings).fit(frame)


def weights(forecaster):
    return forecaster.fitted().network.linear_skip.weight.detach().numpy()


def noise(rows=400, seed=0):
    return np.random.default_rng(seed).normal(size=rows)


def autoregressive(factor):
    values = [0.0]
    for shock in noise(900):
        values.append(factor * values[-1] + shock)
    return np.array(values)


def test_noise_is_forecast_as_the_mean_of_its_window():
    values = noise() * 3 + 10
    forecaster = fitted(values, horizon=3)
    assert np.abs(weights(forecaster)).max() == 0
    np.testing.assert_allclose(forecaster.predict()["LSTM"], values[-24:].mean(), rtol=1e-5)


def test_a_walk_is_forecast_as_its_last_value():
    walk = noise().cumsum()
    np.testing.assert_allclose(fitted(walk, horizon=3).predict()["LSTM"], walk[-1], rtol=1e-4)


def test_a_walk_with_a_drift_goes_on_with_it_on_the_mean():
    steps = noise(600) + 0.5
    walk = steps.cumsum()
    forecaster, ahead = fitted(walk, horizon=3), []
    # It is a share of a window's spread, in which the windows of a walk differ.
    for row in range(100, 600, 25):
        frame = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=row, freq="D"), "y": walk[:row]})
        ahead.append(forecaster.predict(frame)["LSTM"].to_numpy() - walk[row - 1])
    np.testing.assert_allclose(np.mean(ahead, axis=0) / [1, 2, 3], steps.mean(), rtol=0.2)


def test_an_intercept_is_the_mean_error_without_what_may_be_an_accident():
    errors = torch.from_numpy(np.random.default_rng(0).normal(0.3, 1.0, size=(200, 3)))
    mean, variance = errors.mean(0), errors.var(0)
    expected = mean - variance * torch.tensor([1, 2, 3]) / (200 * mean)
    torch.testing.assert_close(intercept(errors), expected)
    assert not intercept(errors - mean + 0.05).any()  # within a standard error, 1 / √200
    assert not intercept(torch.zeros(9, 2)).any()
    assert not intercept(errors[:1]).any()


def test_a_mean_is_not_shifted_to_where_a_walk_happened_to_go():
    x, y = torch.zeros(60, 4, dtype=torch.float64), torch.full((60, 1), 1.5, dtype=torch.float64)
    y += 0.1 * torch.from_numpy(noise(60))[:, None]
    nothing, last = torch.zeros(1, 4, dtype=torch.float64), torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    assert float(Sample(x, y).fit(nothing, None).intercept) == 0
    assert float(Sample(x, y).fit(last, None).intercept) == pytest.approx(1.5, abs=0.05)


def test_an_autoregressive_process_is_forecast_by_its_factor():
    own = weights(fitted(autoregressive(0.6), horizon=2, scale_by="global"))
    assert own[0, -1] == pytest.approx(0.6, abs=0.1)
    assert own[1, -1] == pytest.approx(0.36, abs=0.1)
    assert np.abs(own[:, :-1]).max() < 0.15


def test_a_season_within_reach_is_repeated():
    week = np.array([5.0, 1.0, -3.0, 4.0, 0.0, 2.0, -6.0])
    forecaster = fitted(np.tile(week, 40) + 0.5 * noise(280), horizon=3, season_length=7)
    np.testing.assert_allclose(forecaster.predict()["LSTM"], week[:3], atol=1.2)


def test_what_was_kept_is_said_and_survives_saving(tmp_path):
    forecaster = fitted(noise())
    assert forecaster.fitted().history.best_epoch == 0
    assert "nothing clearly better than a linear forecast from the newest 12 values" in " ".join(forecaster.notes_)
    forecaster.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.fitted().history.best_epoch == 0
    pd.testing.assert_frame_equal(loaded.predict(level=[80]), forecaster.predict(level=[80]), check_exact=True)


def test_a_network_that_found_more_is_kept():
    known = noise(600)
    frame = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=600, freq="D"), "y": known * 2, "known": known})
    forecaster = Forecaster(**SMALL | {"epochs": 15, "learning_rate": 0.03, "steps_per_epoch": 20}, future_cols="known")
    history = forecaster.fit(frame).fitted().history
    assert not history.kept_start
    assert history.best_epoch > 0
    assert not any("linear forecast" in note for note in forecaster.notes_)


def test_quantiles_start_as_those_of_the_linear_forecasts_errors():
    forecast = fitted(noise(800), loss="quantile", levels=(80,)).predict(level=[80])
    middle = forecast["LSTM"]
    np.testing.assert_allclose(forecast["LSTM-hi-80"] - middle, 1.28, atol=0.25)
    np.testing.assert_allclose(middle - forecast["LSTM-lo-80"], 1.28, atol=0.25)


@pytest.mark.parametrize(("gain", "steps", "clear"), [(1.0, 1, True), (0.1, 1, False), (0.3, 1, True), (0.3, 9, False)])
def test_clearly_better_is_two_standard_errors_of_windows_that_share_no_rows(gain, steps, clear):
    before = torch.tensor([1.0, -1.0] * 50, dtype=torch.float64)
    assert clearly_better(before + gain, torch.zeros(100), 100 / steps) is clear


@pytest.mark.parametrize(
    ("rows", "series", "steps", "judged", "worth"),
    [(110, 1, 10, 100, 10), (110, 50, 10, 1000, 500), (20, 90, 5, 300, 270)],
)
def test_windows_share_rows_with_their_neighbours_alone(rows, series, steps, judged, worth):
    frame = pd.DataFrame({"unique_id": np.repeat(np.arange(series), rows), "y": np.arange(series * rows) * 1.0})
    settings = ForecasterSettings(lookback=1, horizon=steps, features=(), linear_skip=0, transform="none")
    model = TableModel.fit_linear(replace(settings, linear_skip=1), *build_panel(frame, settings))
    ends = np.full(series, rows)
    windows = model.windows(build_panel(frame, settings)[0], (ends * 0, ends))
    assert independent_windows(judged, windows) == worth
