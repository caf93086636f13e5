"""Errors out of sample against a plain loop, and intervals against what theory says of a process."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from tidegate import Forecaster
from tidegate.forecasting.calibration import linear_errors, resized, window_errors
from tidegate.forecasting.features import parse_features
from tidegate.forecasting.network import ForecastNetwork
from tidegate.forecasting.starting import choose_start
from tidegate.forecasting.windows import WindowRows, Windows, WindowShape
from tidegate.layers.settings import RecurrentSettings

SMALL = {"lookback": 24, "units": 3, "layers": 1, "epochs": 1, "steps_per_epoch": 2}
PARTS = 5


def noise(rows, seed=0):
    return np.random.default_rng(seed).normal(size=rows)


def walk_back(rows, factor=0.8):
    values = [0.0]
    for shock in noise(rows - 1):
        values.append(factor * values[-1] + shock)
    return np.array(values)


def fitted(values, **settings):
    frame = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=len(values), freq="D"), "y": values})
    return Forecaster(**SMALL | settings).fit(frame)


def cut(values, truth, first, last, horizon=2, lookback=16):
    rows = WindowRows(
        torch.from_numpy(values).float()[:, None],
        None,
        torch.from_numpy(truth).float()[:, None],
        torch.empty(1, 0),
        torch.tensor([0, len(values)]),
    )
    shape = WindowShape(lookback, horizon, 1, 0, 0, parse_features((), horizon), False, "standard")
    return Windows(rows, shape, (np.array([first]), np.array([last])), steps=horizon, padded=False)


def started(source, horizon=2):
    network = ForecastNetwork(
        RecurrentSettings(units=2, layers=1),
        past_size=1,
        future_size=0,
        categories=(),
        static_numbers=0,
        horizon=horizon,
        targets=1,
        outputs=1,
        linear_skip=3,
    )
    start = choose_start(network, source, 1, None)
    assert start is not None
    return start


def by_hand(values, origin, linear, horizon=2, lookback=16):
    """The error of one window in units of its mean change, step by step in float64."""
    window = values[origin - lookback : origin]
    x = ((window - window.mean()) / window.std())[-3:]
    forecast = (linear.weight.numpy() @ x + linear.intercept.numpy()) * window.std() + window.mean()
    return np.abs(values[origin : origin + horizon] - forecast) / np.abs(np.diff(window)).mean()


def test_errors_of_training_windows_are_of_forecasts_fitted_without_their_part():
    values = walk_back(300)
    training, validation = cut(values, values, 0, 260), cut(values, values, 260, 300)
    start = started(training)
    errors = linear_errors(start, training, validation)
    assert errors.shape == (len(training) + len(validation), 2, 1)
    for number in (0, 47, 48, 49, 130, len(training) - 1):
        own = start.without[number * PARTS // len(training)]
        np.testing.assert_allclose(errors[number, :, 0], by_hand(values, 16 + number, own), rtol=2e-4, atol=1e-4)
    np.testing.assert_allclose(errors[len(training) :], window_errors(start.network, validation), rtol=1e-5)


@pytest.mark.parametrize("part", range(PARTS))
def test_what_followed_a_part_moves_every_forecast_but_the_one_without_it(part):
    values, steps = walk_back(300, factor=-0.5), 1
    source = cut(values, values, 0, 300, steps)
    first, last = (16 + (part + each) * len(source) // PARTS for each in (0, 1))
    other = values.copy()
    other[first + 1 : last - 1] += 1e-3 * noise(last - first - 2, seed=1)
    before, after = started(source, steps), started(cut(values, other, 0, 300, steps), steps)
    moved = [not torch.equal(a.weight, b.weight) for a, b in zip(before.without, after.without, strict=True)]
    assert moved == [each != part for each in range(PARTS)]


def test_errors_are_resized_by_their_ratio_on_the_same_windows():
    errors = np.abs(np.random.default_rng(0).normal(size=(300, 4, 1)))
    theirs = errors[:60]
    np.testing.assert_allclose(resized(errors, theirs, theirs), errors)
    # Sixty windows of half the size, and four more of the same size: (30 + 4) / (60 + 4).
    typical = errors.mean(axis=0)
    ours = np.broadcast_to(typical / 2, (60, 4, 1))
    ratio = resized(errors, ours, np.broadcast_to(typical, (60, 4, 1))) / errors
    np.testing.assert_allclose(ratio, 34 / 64)
    assert np.isfinite(resized(np.zeros((9, 2, 1)), np.zeros((3, 2, 1)), np.zeros((3, 2, 1)))).all()


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_widths_on_noise_and_on_a_walk_are_those_of_theory(strategy):
    """80 % of normal errors lie within 1.28 deviations: 1 of noise around its mean, √s of a walk after s steps."""
    widths = {"noise": [], "walk": []}
    for seed in range(2):
        for name, values in (("noise", noise(500, seed)), ("walk", noise(500, seed).cumsum())):
            forecast = fitted(values, horizon=4, strategy=strategy).predict(level=80)
            change = np.abs(np.diff(values[-24:])).mean() / np.abs(np.diff(values)).mean()
            widths[name].append((forecast["LSTM-hi-80"] - forecast["LSTM-lo-80"]) / 2 / change)
    np.testing.assert_allclose(np.mean(widths["noise"], axis=0), 1.28 * np.sqrt(1 + 1 / 24), rtol=0.1)
    np.testing.assert_allclose(np.mean(widths["walk"], axis=0), 1.28 * np.sqrt([1, 2, 3, 4]), rtol=0.12)


def test_intervals_hold_80_per_cent_of_the_noise_that_follows():
    shares = []
    for seed in range(3):
        values = noise(900, seed)
        stream, inside = fitted(values[:500]).stream(level=[80]), []
        for value in values[:499]:
            stream.take(stream.check(value))
        for before, truth in pairwise(values[499:]):
            forecast = stream.push(before)
            inside.append(forecast["LSTM-lo-80"][0] <= truth <= forecast["LSTM-hi-80"][0])
        shares.append(np.mean(inside))
    # 400 rows tell a share to 2 points, and 476 errors a width to 4 %, which is 1.8 points.
    assert np.mean(shares) == pytest.approx(0.8, abs=0.035)
    assert np.ptp(shares) < 0.1


def test_intervals_grow_with_the_units_of_the_table():
    values = walk_back(200)
    widths = []
    for factor in (1.0, 5000.0):
        forecast = fitted(values * factor + 7, horizon=3).predict(level=[80, 90])
        widths.append(np.stack([forecast[f"LSTM-hi-{each}"] - forecast[f"LSTM-lo-{each}"] for each in (80, 90)]))
    np.testing.assert_allclose(widths[1], widths[0] * 5000, rtol=1e-3)
    assert (np.diff(widths[0], axis=1) >= 0).all()


def test_short_series_have_intervals_from_all_their_rows():
    forecaster = fitted(noise(70), horizon=4)
    assert len(forecaster.fitted().residuals) == 36 + 4  # of 63 rows to learn from, and of 7 that decide
    forecast = forecaster.predict(level=80)
    assert (forecast["LSTM-lo-80"] < forecast["LSTM-hi-80"]).all()


def test_without_a_scale_per_window_only_validation_rows_tell_the_errors():
    assert len(fitted(noise(200), scale_by="global").fitted().residuals) == 20


def test_several_series_and_targets_with_missing_values_share_their_errors():
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(["a", "b"], 120),
            "ds": np.tile(pd.date_range("2026-01-01", periods=120, freq="D"), 2),
            "y": noise(240) * np.repeat([1.0, 100.0], 120),
            "z": noise(240, 1),
        }
    )
    frame.loc[[30, 31, 190], "y"] = np.nan
    model = Forecaster(**SMALL, horizon=2, target_col=("y", "z"), missing="mask").fit(frame)
    forecast = model.predict(level=80)
    width = (forecast["LSTM-y-hi-80"] - forecast["LSTM-y-lo-80"]).groupby(forecast["unique_id"]).mean()
    assert 50 < width["b"] / width["a"] < 200
