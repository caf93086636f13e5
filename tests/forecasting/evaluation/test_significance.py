"""The Diebold-Mariano test against a plain statement of its formula, published values, and its own promise of size."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tidegate.forecasting.evaluation.significance import diebold_mariano, mean_by_origin, origin_loss


def by_formula(d, h):
    """Harvey, Leybourne & Newbold (1997), written out."""
    n = len(d)
    mean = sum(d) / n
    gamma = [sum((d[t] - mean) * (d[t - k] - mean) for t in range(k, n)) / n for k in range(h)]
    variance = (gamma[0] + 2 * sum(gamma[1:])) / n
    if variance <= 0:
        variance = (gamma[0] + 2 * sum((1 - k / h) * gamma[k] for k in range(1, h))) / n
    return mean / math.sqrt(variance) * math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)


def test_statistic_by_hand():
    # d = 1, 3: mean 2, variance 1, so 2 / sqrt(1 / 2) * sqrt((2 + 1 - 2) / 2) = 2; t with 1 degree is a Cauchy
    test = diebold_mariano(np.array([2.0, 5.0]), np.array([1.0, 2.0]), 1)
    assert test.statistic == pytest.approx(2)
    assert test.p_value == pytest.approx(1 - 2 / math.pi * math.atan(2))
    assert test.better == "b"


def test_statistic_equals_published_values():
    # errors 0 … 5 against 0, 2, 3, 3, 5, 6 with squared loss, as stated by the tests of the package dieboldmariano
    test = diebold_mariano(np.array([0.0, 1, 2, 3, 4, 5]) ** 2, np.array([0.0, 2, 3, 3, 5, 6]) ** 2, 1)
    assert test.statistic == pytest.approx(-2.4905, abs=5e-5)
    assert test.p_value == pytest.approx(0.05513, abs=5e-5)


@given(st.integers(0, 10**6), st.integers(4, 40), st.integers(1, 6))
def test_statistic_equals_the_formula(seed, origins, horizon):
    rng = np.random.default_rng(seed)
    loss_a, loss_b = rng.random((2, origins))
    if horizon >= origins:
        return
    expected = by_formula((loss_a - loss_b).tolist(), horizon)
    test = diebold_mariano(loss_a, loss_b, horizon)
    assert test.statistic == pytest.approx(expected, rel=1e-6)
    assert test.p_value == pytest.approx(2 * stats.t.cdf(-abs(expected), origins - 1), rel=1e-6)


@given(st.integers(0, 10**6), st.sampled_from([1e-200, 1e-6, 1.0, 1e9, 1e200]))
def test_units_and_order_only_turn_the_sign(seed, unit):
    loss_a, loss_b = np.random.default_rng(seed).random((2, 20))
    one, other = diebold_mariano(loss_a, loss_b, 3), diebold_mariano(loss_b * unit, loss_a * unit, 3)
    assert one.statistic == pytest.approx(-other.statistic)
    assert one.p_value == pytest.approx(other.p_value)


def test_negative_variance_falls_back_to_bartlett_weights():
    difference = np.array([1.0, -1.0] * 5) + 0.1
    test = diebold_mariano(difference, np.zeros(10), 2)
    assert test.statistic == pytest.approx(by_formula(difference.tolist(), 2))
    assert 0 < test.p_value < 1


def test_equal_losses_are_no_evidence():
    test = diebold_mariano(np.ones(9), np.ones(9), 2)
    assert (test.statistic, test.p_value, test.better, test.significant) == (0, 1, None, False)


@pytest.mark.parametrize(("origins", "horizon"), [(0, 1), (1, 1), (5, 5), (5, 24)])
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
    loss_a = np.array([1.0, np.nan, 3.0, 2.0])
    loss_b = np.array([2.0, 1.0, 5.0, 2.5])
    known = ~np.isnan(loss_a)
    assert diebold_mariano(loss_a, loss_b, 1) == diebold_mariano(loss_a[known], loss_b[known], 1)


@pytest.mark.parametrize("horizon", [1, 4])
def test_size_is_near_five_percent_when_both_are_equally_good(horizon):
    rng = np.random.default_rng(7)
    noise = rng.normal(size=(1500, 120 + horizon - 1))
    overlapping = np.lib.stride_tricks.sliding_window_view(noise, horizon, axis=1).mean(axis=2)
    rejected = np.mean([diebold_mariano(d, np.zeros(120), horizon).significant for d in overlapping])
    assert 0.03 < rejected < 0.09


def test_origin_loss_scales_targets_and_skips_unknown_points():
    truth = np.array([[[1.0, 100.0], [2.0, np.nan]]])
    forecast = np.array([[[2.0, 300.0], [4.0, 0.0]]])
    assert origin_loss(truth, forecast, np.array([1.0, 100.0])).item() == pytest.approx((1 + 2 + 2) / 3)
    assert origin_loss(truth, forecast, np.array([1.0, 0.0])).item() == pytest.approx((1 + 2) / 2)
    assert origin_loss(truth, forecast, np.ones((1, 2)), power=2).item() == pytest.approx((1 + 4 + 200**2) / 3)
    assert np.isnan(origin_loss(np.full((1, 1, 1), np.nan), np.ones((1, 1, 1)))).all()


def test_mean_by_origin_averages_series_in_order_of_time():
    loss = np.array([3.0, 1.0, 5.0, np.nan])
    assert mean_by_origin(loss, np.array([2, 1, 2, 1])).tolist() == [1.0, 4.0]
    days = np.array(["2024-01-02", "2024-01-01"], dtype="datetime64[D]")
    assert mean_by_origin(np.array([7.0, 8.0]), days).tolist() == [8.0, 7.0]
