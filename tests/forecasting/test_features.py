import numpy as np
import pandas as pd
import pytest
import torch

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.features import calendar_columns, parse_features


def test_past_features_equal_pandas():
    series = pd.Series(np.random.default_rng(0).normal(size=40))
    features = parse_features(("difference_1", "mean_5", "lag_7"), horizon=2)
    lookback = 12
    rows = torch.tensor(series.to_numpy())[-(lookback + features.extra_rows) :].reshape(1, -1, 1)
    expected = pd.concat([series.diff(), series.rolling(5).mean(), series.shift(7)], axis=1).tail(lookback)
    assert features.past(rows)[0].numpy() == pytest.approx(expected.to_numpy())


def test_future_lags_are_the_values_one_lag_before_each_step():
    values = torch.arange(20.0).reshape(1, 20, 1)
    features = parse_features(("lag_7", "lag_2"), horizon=3)
    assert features.known_lags == (7,)  # lag 2 would need values inside the horizon
    assert features.future(values)[0, :, 0].tolist() == [13.0, 14.0, 15.0]  # next rows are 20, 21, 22


def test_calendar_is_periodic_and_on_the_unit_circle():
    times = pd.date_range("2026-01-01", periods=24 * 14, freq="h").to_numpy()
    columns = calendar_columns(times, ("hour", "weekday"))
    assert columns[:, :2] == pytest.approx(np.roll(columns[:, :2], 24, axis=0), abs=1e-6)
    assert np.hypot(columns[:, 2], columns[:, 3]) == pytest.approx(1.0, abs=1e-6)
    assert len(np.unique(columns[:, 2:].round(5), axis=0)) == 7


def test_unknown_feature_is_refused_with_the_known_ones():
    with pytest.raises(SettingError, match=r"'lag_0'.*difference_K.*weekday"):
        parse_features(("lag_0",), horizon=1)


def test_calendar_of_plain_numbers_is_refused():
    with pytest.raises(DataError, match="need dates"):
        calendar_columns(np.arange(5), ("hour",))
