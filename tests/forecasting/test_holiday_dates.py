"""Holidays as a feature: the days that laws name, known ahead, by the clock of the table."""

import sys

import numpy as np
import pandas as pd
import pytest

import tidegate
from lacking import need_module
from tidegate import DataError, Forecaster, SettingError
from tidegate.errors import MissingExtraError
from tidegate.forecasting import holiday_dates
from tidegate.forecasting.features import calendar_columns, parse_features

QUICK = {"lookback": 8, "horizon": 4, "units": 4, "epochs": 1, "steps_per_epoch": 2}
YEAR = pd.date_range("2026-01-01", "2026-12-31")
# By law: Germany's nine of the whole federation; Bavaria's with Epiphany, Corpus Christi, Assumption and All Saints'.
GERMANY = ["01-01", "04-03", "04-06", "05-01", "05-14", "05-25", "10-03", "12-25", "12-26"]
BAVARIA = sorted([*GERMANY, "01-06", "06-04", "11-01"])


def days_of(feature):
    column = calendar_columns(YEAR.to_numpy(), (feature,))[:, 0]
    return [str(day)[5:10] for day in YEAR[column == 1]]


def test_holidays_are_those_of_the_law():
    need_module("holidays")
    assert days_of("holidays:DE") == GERMANY
    assert set(BAVARIA) <= set(days_of("holidays:DE-BY"))
    assert "07-04" in days_of("holidays:US")
    assert "10-01" in days_of("holidays:CN")


def test_holidays_are_one_column_beside_the_calendar():
    need_module("holidays")
    assert parse_features(("weekday", "holidays:DE", "lag_7"), 1).calendar_size == 3
    hours = pd.date_range("2026-04-30 22:00", periods=4, freq="h").to_numpy()
    assert calendar_columns(hours, ("hour", "holidays:DE"))[:, 2].tolist() == [0, 0, 1, 1]


def test_a_holiday_ahead_moves_the_forecast(tmp_path):
    need_module("holidays")
    times = pd.date_range("2023-01-01", "2026-04-30")
    off = calendar_columns(times.to_numpy(), ("holidays:DE",))[:, 0]
    frame = pd.DataFrame({"ds": times, "y": 10.0 - 8 * off + np.random.default_rng(0).normal(0, 0.1, len(times))})
    chosen = QUICK | {"epochs": 3, "steps_per_epoch": 100, "learning_rate": 0.03, "linear_skip": 0}
    model = Forecaster(**chosen, scale_by="global", features=("holidays:DE",)).fit(frame)
    forecast = model.predict()["LSTM"].to_numpy()  # 1 May is one
    assert forecast[0] < 5
    assert forecast[1:].min() > 8
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(tidegate.load(tmp_path / "model").predict()["LSTM"], forecast)


def test_holidays_are_read_by_the_clock_of_the_zone():
    need_module("holidays")
    times = pd.date_range("2026-04-20", periods=260, freq="h", tz="Europe/Berlin")
    forecaster = Forecaster(**QUICK, features=("holidays:DE",)).fit(pd.DataFrame({"ds": times, "y": range(260)}))
    rows = forecaster.model_.preprocessor.rows(forecaster.panel(pd.DataFrame({"ds": times, "y": range(260)})))
    np.testing.assert_array_equal(rows.values[:, 1] == 1, times.strftime("%m-%d") == "05-01")


def test_holidays_that_cannot_be_are_refused():
    need_module("holidays")
    frame = pd.DataFrame({"ds": YEAR, "y": range(365)})
    for feature, words in (
        (
            "holidays:XX",
            r"features does not know 'holidays:XX' \(Country XX not available\); name a country by its code",
        ),
        ("holidays:DE-ZZ", "features does not know 'holidays:DE-ZZ' .*ZZ.*; name a country"),
        ("holidays", "features does not know 'holidays'; it knows .*holidays:COUNTRY"),
    ):
        with pytest.raises(SettingError, match=words):
            Forecaster(**QUICK, features=(feature,)).fit(frame)
    months = pd.DataFrame({"ds": pd.date_range("2016-01-01", periods=99, freq="MS"), "y": range(99)})
    with pytest.raises(SettingError, match="'holidays:DE' tells days, and the step of time is MS; give the number of"):
        Forecaster(**QUICK, features=("holidays:DE",)).fit(months)
    with pytest.raises(DataError, match="need dates"):
        Forecaster(**QUICK, features=("holidays:DE",)).fit(np.arange(99.0))


def test_a_missing_package_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)
    holiday_dates._holidays.cache_clear()
    with pytest.raises(MissingExtraError, match=r"holidays is not installed; run: pip install 'tidegate\[holidays\]'"):
        Forecaster(**QUICK, features="holidays:DE").fit(pd.DataFrame({"ds": YEAR, "y": range(365)}))
