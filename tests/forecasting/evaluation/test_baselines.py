"""The naive forecasts against plain loops, and proof that they never see beyond their origin."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.forecasting.evaluation.baselines import NAIVE_METHODS, common_truth, naive_forecasts


def by_hand(history, horizon, season):
    """The four forecasts of one history (a list, None where unknown), each in the words of its definition."""
    known = [(t, v) for t, v in enumerate(history) if v is not None]
    nothing = [math.nan] * horizon
    if not known:
        return dict.fromkeys(NAIVE_METHODS, nothing)
    (first_t, first), (last_t, last) = known[0], known[-1]
    slope = (last - first) / (last_t - first_t) if last_t > first_t else 0.0
    origin = len(history) - 1
    seasonal = []
    for step in range(1, horizon + 1):
        same = [v for t, v in known if (origin + step - t) % season == 0]
        seasonal.append(same[-1] if same else last)
    return {
        "RepeatLast": [last] * horizon,
        "SeasonalNaive": seasonal,
        "Drift": [last + slope * (origin + step - last_t) for step in range(1, horizon + 1)],
        "Mean": [sum(v for _, v in known) / len(known)] * horizon,
    }


values = st.one_of(st.none(), st.integers(-1000, 1000).map(float))


@given(st.lists(values, min_size=1, max_size=30), st.integers(1, 9), st.integers(2, 7))
@settings(max_examples=100)
def test_naive_forecasts_equal_their_definitions(rows, horizon, season):
    series = np.array([[math.nan if v is None else v] for v in rows])
    origins = np.arange(len(rows))
    forecasts = naive_forecasts(series, origins, horizon, season)
    assert tuple(forecasts) == NAIVE_METHODS
    for origin in origins:
        expected = by_hand(rows[: origin + 1], horizon, season)
        for method in NAIVE_METHODS:
            np.testing.assert_allclose(forecasts[method][origin, :, 0], expected[method], atol=1e-9, err_msg=method)


@given(st.integers(0, 2**32 - 1), st.integers(0, 18))
@settings(max_examples=50)
def test_naive_forecasts_never_see_beyond_the_origin(seed, origin):
    rng = np.random.default_rng(seed)
    series = rng.normal(size=(20, 2))
    series[rng.random(series.shape) < 0.2] = np.nan
    changed = series.copy()
    changed[origin + 1 :] = rng.choice([np.nan, 1e12, -3.0], size=changed[origin + 1 :].shape)
    before = naive_forecasts(series, np.array([origin]), 5, 4)
    after = naive_forecasts(changed, np.array([origin]), 5, 4)
    for method in NAIVE_METHODS:
        assert before[method].tobytes() == after[method].tobytes(), method


def test_naive_forecasts_take_each_target_on_its_own():
    series = np.random.default_rng(1).normal(size=(12, 3))
    series[4:8, 1] = np.nan
    both = naive_forecasts(series, np.array([6, 11]), 3, 4)
    for k in range(3):
        alone = naive_forecasts(series[:, [k]], np.array([6, 11]), 3, 4)
        for method in NAIVE_METHODS:
            np.testing.assert_array_equal(both[method][:, :, [k]], alone[method])


@pytest.mark.parametrize("season", [1, None])
def test_seasonal_naive_is_left_out_without_a_season(season):
    forecasts = naive_forecasts(np.ones((5, 1)), np.array([4]), 2, season)
    assert list(forecasts) == ["RepeatLast", "Drift", "Mean"]


def test_mean_keeps_its_digits_with_a_large_offset():
    series = 1e12 + np.tile([0.25, 0.75], 5000)[:, None]
    assert naive_forecasts(series, np.array([9999]), 1, None)["Mean"].item() == 1e12 + 0.5


def test_common_truth_leaves_out_points_without_a_naive_forecast():
    series = np.array([[np.nan], [1.0], [2.0]])
    naive = naive_forecasts(series, np.array([0, 1]), 1, None)
    assert common_truth(np.array([[[1.0]], [[2.0]]]), naive)[:, 0, 0].tolist() == pytest.approx(
        [math.nan, 2.0], nan_ok=True
    )
