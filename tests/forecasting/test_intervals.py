import numpy as np
import pytest

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.intervals import check_levels, conformal_width, quantiles_of


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
    with pytest.raises(DataError, match="at least 19 validation windows and there are 18"):
        conformal_width(np.zeros((18, 1, 1)), 95)
    conformal_width(np.zeros((19, 1, 1)), 95)


@pytest.mark.parametrize("level", [0, 100, -5, "90", True])
def test_levels_outside_percentages_are_refused(level):
    with pytest.raises(SettingError, match="between 0 and 100"):
        check_levels([level])
