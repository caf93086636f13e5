"""The Diebold-Mariano test against a plain statement of its formula, its distribution, and its promise of size."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tidegate.forecasting.evaluation.metrics import error_table
from tidegate.forecasting.evaluation.significance import diebold_mariano, loss_by_origin, reach


def by_formula(d, terms):
    """Lazarus, Lewis, Stock & Watson (2018), the equal-weighted cosine estimate, written out."""
    n = len(d)
    cosines = [
        math.sqrt(2 / n) * sum(d[t] * math.cos(math.pi * j * (t + 0.5) / n) for t in range(n))
        for j in range(1, terms + 1)
    ]
    return math.sqrt(n) * (sum(d) / n) / math.sqrt(sum(c * c for c in cosines) / terms)


@given(st.integers(0, 10**6), st.integers(12, 60), st.integers(1, 6))
def test_statistic_equals_the_formula(seed, origins, horizon):
    loss_a, loss_b = np.random.default_rng(seed).random((2, origins))
    test = diebold_mariano(loss_a, loss_b, horizon)
    if test.freedom:
        expected = by_formula((loss_a - loss_b).tolist(), test.freedom)
        assert test.statistic == pytest.approx(expected, rel=1e-6)
        assert test.p_value == pytest.approx(2 * stats.t.cdf(-abs(expected), test.freedom), rel=1e-6)
    else:
        assert math.isnan(test.p_value)


def test_statistic_of_noise_follows_students_t():
    noise = np.random.default_rng(3).normal(size=(1000, 64))
    tests = [diebold_mariano(d, np.zeros(64), 1) for d in noise]
    full = [test.statistic for test in tests if test.freedom == 6]  # 0.4 * 64 ** (2 / 3), all that 64 rows afford
    assert len(full) > 900
    assert stats.kstest(full, stats.t(6).cdf).pvalue > 0.01


@given(st.integers(0, 10**6), st.sampled_from([1e-200, 1e-6, 1.0, 1e9, 1e200]))
def test_units_and_order_only_turn_the_sign(seed, unit):
    loss_a, loss_b = np.random.default_rng(seed).random((2, 40))
    one, other = diebold_mariano(loss_a, loss_b, 2), diebold_mariano(loss_b * unit, loss_a * unit, 2)
    if math.isnan(one.p_value):
        assert math.isnan(other.p_value)
        return
    assert one.statistic == pytest.approx(-other.statistic)
    assert one.p_value == pytest.approx(other.p_value)


def test_equal_losses_are_no_evidence():
    test = diebold_mariano(np.ones(20), np.ones(20), 1)
    assert (test.statistic, test.p_value, test.better, test.significant) == (0, 1, None, False)


@pytest.mark.parametrize(("origins", "horizon"), [(0, 1), (1, 1), (5, 1), (5, 5), (5, 24), (37, 24)])
def test_too_few_origins_give_no_p_value(origins, horizon):
    test = diebold_mariano(np.ones(origins), np.zeros(origins), horizon)
    assert math.isnan(test.p_value)
    assert not test.significant


def test_infinite_losses_give_no_p_value_and_no_warning():
    test = diebold_mariano(np.array([1.0, np.inf, 2.0]), np.ones(3), 1)
    assert math.isnan(test.p_value)
    assert test.better == "b"
    assert math.isnan(diebold_mariano(np.full(3, np.inf), np.full(3, np.inf), 1).p_value)


def test_unknown_origins_are_left_out():
    loss_a, loss_b = np.random.default_rng(0).random((2, 30))
    loss_a[[3, 17]] = np.nan
    known = ~np.isnan(loss_a)
    assert diebold_mariano(loss_a, loss_b, 1) == diebold_mariano(loss_a[known], loss_b[known], 1)


def overlapping(rng, origins, horizon):
    """Loss differences of windows of pure noise, each the mean over its steps."""
    noise = rng.normal(size=(400, origins + horizon - 1))
    return np.lib.stride_tricks.sliding_window_view(noise, horizon, axis=1).mean(axis=2)


def dependent(rng, origins, r):
    noise = rng.normal(size=(400, origins + 100))
    for t in range(1, noise.shape[1]):
        noise[:, t] += r * noise[:, t - 1]
    return noise[:, 100:]


@pytest.mark.parametrize(
    ("make", "origins", "dependence"),
    [
        (overlapping, 37, 24),  # where the test that was here before rejected 27 %
        (overlapping, 100, 24),  # 17 %
        (overlapping, 240, 24),  # 9 %
        (overlapping, 89, 12),  # 11 %
        (overlapping, 60, 1),
        (dependent, 100, 0.5),  # 44 % and more
        (dependent, 240, 0.9),
    ],
)
def test_equals_are_seldom_called_different(make, origins, dependence):
    """At most 7 % as far as 400 draws can tell: three standard errors above 5 % are 8.3 %, above 7 % are 10.8 %."""
    differences = make(np.random.default_rng(7), origins, dependence)
    horizon = dependence if make is overlapping else 1
    rejected = np.mean([diebold_mariano(d, np.zeros(origins), horizon).significant for d in differences])
    assert rejected < 0.085


def test_a_true_difference_is_found():
    differences = overlapping(np.random.default_rng(7), 1000, 24) + 0.1
    tests = [diebold_mariano(d, np.zeros(1000), 24) for d in differences]
    assert np.mean([test.significant and test.better == "b" for test in tests]) > 0.6


@given(st.integers(0, 10**6), st.integers(1, 3), st.booleans())
def test_mean_loss_over_origins_is_the_error_of_the_table(seed, targets, scaled):
    """The very number that ranks and is told, whatever is unknown and however long each series is."""
    rng = np.random.default_rng(seed)
    truth, forecast = rng.normal(size=(2, 12, 3, targets)) * 10.0 ** np.arange(targets)
    truth[rng.random(truth.shape) < 0.3] = np.nan
    scale = rng.choice([0.0, 0.1, 1.0, 50.0], size=(12, targets))
    origins = rng.integers(0, 6, 12)
    table = error_table(truth, {"LSTM": forecast}, scale, [f"y{k}" for k in range(targets)])
    overall = table[table["step"] == "all"].iloc[-1]  # of all targets where there are several
    loss = loss_by_origin(truth, forecast, origins, scale)
    if len(loss):
        assert loss.mean() == pytest.approx(overall["mase"])
    else:
        assert np.isnan(overall["mase"])
    if targets == 1 and not np.isnan(truth).all():
        assert loss_by_origin(truth, forecast, origins).mean() == pytest.approx(overall["mae"])


def test_losses_stand_in_order_of_time_and_unknown_origins_are_left_out():
    truth = np.array([3.0, 1.0, 5.0, np.nan])[:, None, None]
    days = np.array(["2024-01-03", "2024-01-01", "2024-01-03", "2024-01-02"], dtype="datetime64[D]")
    assert loss_by_origin(truth, np.zeros((4, 1, 1)), days).tolist() == [1 / 3 * 2, 8 / 3 * 2]
    diverged = loss_by_origin(truth, np.full((4, 1, 1), np.inf), days)
    assert np.isinf(diverged).all()
    assert np.isnan(loss_by_origin(truth, np.full((4, 1, 1), np.nan), days)).all()


def test_reach_counts_origins_within_a_window():
    every_hour = np.arange(10)
    assert reach(every_hour, every_hour + 6) == 6
    assert reach(every_hour * 6, every_hour * 6 + 6) == 1  # windows that do not overlap
    half_past = np.concatenate([every_hour, every_hour + 0.5])  # two series, whose origins interleave
    assert reach(half_past, half_past + 6) == 12
