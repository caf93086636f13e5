"""Steps of time against pandas' own calendar."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.errors import DataError, SettingError
from tidegate.tables.frequency import default_season_length, future_times, infer_freq
from tidegate.tables.steps import modern_name, parse_step

ALIASES = ["ms", "s", "min", "15min", "30min", "h", "6h", "D", "2D", "B", "W-WED", "W-SUN", "MS", "ME", "2MS", "QS"]
ALIASES += ["QS-FEB", "QE", "QE-JAN", "YS", "YE", "YS-APR", "BMS", "BME", "2QS"]

quick = settings(deadline=None, max_examples=40)


@pytest.mark.parametrize("freq", ALIASES)
@quick
@given(start=st.dates(min_value=pd.Timestamp("1900-01-01").date(), max_value=pd.Timestamp("2150-01-01").date()))
def test_frequency_is_inferred_and_continued_as_pandas_does(freq, start):
    every = pd.date_range(start, periods=48, freq=freq)
    known, ahead = every[:36].to_numpy(), every[36:].to_numpy()
    inferred = infer_freq(known)
    assert inferred == freq
    np.testing.assert_array_equal(future_times(known[-1], inferred, 12), ahead)


@pytest.mark.parametrize("freq", ["h", "D", "MS", "ME", "W-MON"])
def test_frequency_is_inferred_in_spite_of_gaps(freq):
    times = pd.date_range("2020-01-01", periods=60, freq=freq).to_numpy()
    keep = np.ones(60, dtype=bool)
    keep[[5, 6, 20, 41]] = False
    assert infer_freq(times[keep]) == freq


def test_frequency_of_many_series_ignores_the_seams():
    times = np.concatenate(
        [pd.date_range("2020-01-01", periods=5, freq="h"), pd.date_range("1999-05-07", periods=4, freq="h")]
    )
    assert infer_freq(times.astype("datetime64[ns]"), np.array([0, 5, 9])) == "h"


def test_frequency_of_share_prices_is_business_days():
    days = pd.bdate_range("2020-01-01", "2021-12-31")
    holidays = days[::25]
    assert infer_freq(days.difference(holidays).to_numpy()) == "B"
    assert infer_freq(days[::2].to_numpy()) != "B"


def test_frequency_of_monthly_stamps_on_any_day_continues_on_that_day():
    times = (pd.date_range("2020-01-01", periods=12, freq="MS") + pd.Timedelta(days=14)).to_numpy()
    assert infer_freq(times) == "MS"
    assert (
        future_times(times[-1], "MS", 2).tolist() == np.array(["2021-01-15", "2021-02-15"], "datetime64[ns]").tolist()
    )


def test_frequency_of_numbers():
    assert infer_freq(np.arange(0, 20, 2)) == 2
    assert infer_freq(np.arange(50) * 0.04) == pytest.approx(0.04)
    assert infer_freq(1.69e9 + np.arange(5000) * 0.04) == pytest.approx(0.04)
    np.testing.assert_allclose(future_times(1.0, 0.5, 3), [1.5, 2.0, 2.5])
    assert future_times(7, 1, 2).tolist() == [8, 9]


def test_frequency_is_none_without_a_dominating_step():
    random = np.cumsum(np.random.default_rng(0).integers(1, 1000, 50)) * 10**9
    assert infer_freq(random.view("datetime64[ns]")) is None
    assert infer_freq(np.array(["2020-01-01"], "datetime64[ns]")) is None


def test_future_times_of_many_series_equal_one_at_a_time():
    last = np.array(["2020-01-31", "2020-02-29", "2021-12-31"], "datetime64[ns]")
    together = future_times(last, "ME", 4)
    assert together.shape == (3, 4)
    for row, stamp in zip(together, last, strict=True):
        np.testing.assert_array_equal(row, future_times(stamp, "ME", 4))


def test_future_times_accept_pandas_timestamps_and_rows():
    assert future_times(pd.Timestamp("2020-01-01"), "row:2h", 1)[0] == np.datetime64("2020-01-01T02")


@pytest.mark.parametrize(
    ("last", "freq", "steps"),
    [
        (np.datetime64("2260-01-01", "ns"), "YS", 3),
        (np.datetime64("2260-01-01", "ns"), "YS", 1200),  # twice around 64 bits
        (np.array(["2020-01-01", "2262-01-01"], "datetime64[ns]"), "W-SUN", 60),
        (2**63 - 5, 1, 5),
        (2.0**53, 0.5, 2),
        (1e300, 1.0, 1),
    ],
)
def test_future_times_beyond_what_stamps_hold_are_refused(last, freq, steps):
    with pytest.raises(DataError, match="reaches beyond the"):
        future_times(last, freq, steps)


SEASONS = {"h": 24, "D": 7, "B": 5, "W-SUN": 52, "MS": 12, "ME": 12, "QS": 4, "YS": 1, "30min": 48, "15min": 96}
SEASONS |= {"min": 60, "5min": 288, "s": 60, "2h": 12, "2D": 1, 1: 1, 0.04: 1, "row:D": 1}


@pytest.mark.parametrize(("freq", "season"), SEASONS.items())
def test_season_length_is_the_usual_one(freq, season):
    assert default_season_length(freq) == season


@pytest.mark.parametrize(
    ("old", "new"), [("H", "h"), ("15T", "15min"), ("M", "ME"), ("Q-JAN", "QE-JAN"), ("A", "YE"), ("w-mon", "W-MON")]
)
def test_frequency_accepts_older_names(old, new):
    assert modern_name(old) == new
    assert parse_step(old) == parse_step(new)


@pytest.mark.parametrize("freq", ["X", "", "0", "-1", "0h", "MS-JAN", "C", "row:MS", "W-XXX"])
def test_frequency_refuses_unknown_names(freq):
    with pytest.raises(SettingError, match=r"freq does not know .* it knows ns"):
        parse_step(freq)
