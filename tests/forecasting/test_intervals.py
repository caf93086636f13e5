import numpy as np
import pandas as pd
import pytest
import scipy.stats

from tidegate import Forecaster
from tidegate.errors import DataError, SettingError
from tidegate.forecasting.intervals import (
    as_levels,
    ascending,
    check_levels,
    conformal_width,
    independent,
    interval_width,
    quantiles_of,
)


def test_quantiles_are_symmetric_around_the_median():
    assert quantiles_of((80, 90)) == (0.05, 0.1, 0.5, 0.9, 0.95)


def test_conformal_width_covers_new_errors_as_often_as_promised():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        past = np.sort(np.abs(rng.standard_normal((99, 1, 1))), axis=0)
        covered.append(abs(rng.standard_normal()) <= conformal_width(past, 90)[0, 0])
    assert np.mean(covered) == pytest.approx(0.90, abs=0.04)


def test_conformal_width_says_how_many_errors_a_level_needs():
    with pytest.raises(DataError, match="needs 19 validation windows and there are 18"):
        conformal_width(np.zeros((18, 1, 1)), 95)
    conformal_width(np.zeros((19, 1, 1)), 95)


def test_few_errors_give_an_interval_that_covers_normal_ones_as_often_as_promised():
    rng, covered = np.random.default_rng(0), {count: [] for count in (2, 5, 15)}
    for count, hits in covered.items():
        for _ in range(2000):
            past = ascending(np.abs(rng.standard_normal((count, 1, 1))))
            hits.append(abs(rng.standard_normal()) <= interval_width(past, 95, count)[0, 0])
    assert min(map(np.mean, covered.values())) > 0.94
    with pytest.raises(DataError, match="needs at least 2 validation windows and there are 1"):
        interval_width(np.ones((1, 1, 1)), 80, 1)


def test_errors_never_shrink_with_the_step_and_keep_their_order_and_mean():
    errors = np.abs(np.random.default_rng(0).normal(size=(40, 7, 2)))
    ordered = ascending(errors)
    assert (np.diff(ordered, axis=0) >= -1e-12).all()
    assert (np.diff(ordered, axis=1) >= -1e-12).all()
    np.testing.assert_allclose(ordered.mean(axis=1), np.sort(errors, axis=0).mean(axis=1))


def test_neighbouring_windows_share_all_but_one_of_the_steps_that_led_to_their_values():
    residuals = np.ones((60, 4, 1))
    np.testing.assert_allclose(independent(residuals, 60), [60, 30, 20, 15])
    np.testing.assert_allclose(independent(residuals, 180), [60, 60, 60, 45])  # every third of the windows
    np.testing.assert_allclose(independent(residuals[:3], 3), [3, 1.5, 1, 1])


def test_steps_with_too_few_independent_errors_take_them_as_normal_and_widths_never_shrink():
    residuals = ascending(np.abs(np.random.default_rng(0).normal(size=(30, 6, 1))))
    width, conformal = interval_width(residuals, 85, 30), conformal_width(residuals, 85)
    np.testing.assert_allclose(width[:5], conformal[:5])  # 6 independent errors tell 85 %, and the sixth step has 5
    student = scipy.stats.t.ppf(0.925, 5) * np.sqrt((residuals[:, 5] ** 2).mean(axis=0) * (1 + 1 / 5))
    np.testing.assert_allclose(width[5], student)
    for level in (50, 80, 85, 90, 95):
        assert (np.diff(interval_width(residuals, level, 30), axis=0) >= 0).all()


def growing(rows, seed=0):
    """A series whose every figure grows tenfold: noise around a wave, in proportion to its size."""
    size = np.geomspace(1, 10, rows)
    values = size * (np.sin(np.arange(rows) / 3) + 0.3 * np.random.default_rng(seed).normal(size=rows))
    return pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=rows, freq="D"), "y": values})


def test_intervals_grow_with_the_scale_of_the_window():
    frame = growing(300)
    model = Forecaster(lookback=20, horizon=3, units=4, layers=1, epochs=1, validation_size=0.3).fit(frame)
    rows = frame[:100]
    width = {}
    for factor in (1.0, 50.0):
        forecast = model.predict(rows.assign(y=rows["y"] * factor), level=[80])
        width[factor] = forecast["LSTM-hi-80"] - forecast["LSTM-lo-80"]
    np.testing.assert_allclose(width[50.0], 50 * width[1.0], rtol=1e-4)
    assert (np.diff(width[1.0]) >= -1e-6).all()


def test_intervals_come_from_rows_that_did_not_choose_the_epoch_where_there_are_enough():
    frame = growing(600)
    parts = []
    for validation_size in (0.2, 0.5):
        settings = {"lookback": 10, "units": 3, "layers": 1, "epochs": 1, "linear_skip": 0}
        model = Forecaster(**settings, validation_size=validation_size).fit(frame)
        parts.append(len(model.fitted().residuals))
    assert parts == [120, 150]  # all rows of the validation part, or its second half


def test_a_level_for_which_there_are_few_errors_is_given_with_a_warning():
    model = Forecaster(lookback=6, units=3, layers=1, epochs=1, validation_size=0.2, linear_skip=0).fit(growing(50))
    with pytest.warns(UserWarning, match=r"99 % interval .* needs 99 windows .* share no rows, and there are 10"):
        forecast = model.predict(level=[99])
    within = model.predict(level=[90])
    assert (forecast["LSTM-hi-99"] > within["LSTM-hi-90"]).all()


@pytest.mark.parametrize("level", [0, 100, -5, "90", True])
def test_levels_outside_percentages_are_refused(level):
    with pytest.raises(SettingError, match="between 0 and 100"):
        check_levels([level])


def test_a_level_given_as_text_is_refused_as_it_was_written():
    with pytest.raises(SettingError, match="such as 90, not '80'"):
        check_levels(as_levels("80"))
