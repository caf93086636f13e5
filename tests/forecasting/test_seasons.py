"""Seasons are found where changes repeat themselves, and nowhere else."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.forecasting.seasons import autocorrelation, calendar_seasons, find_seasons
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.tables.building import build_panel


def panel_of(*series, freq="row"):
    """A panel of these series, with dates where the step is one of time."""
    frames = []
    for number, values in enumerate(series):
        times = {} if freq == "row" else {"ds": pd.date_range("2020-01-05", periods=len(values), freq=freq)}
        frames.append(pd.DataFrame({"unique_id": f"s{number}", **times, "y": values}))
    given = {"freq": freq} if freq == "row" else {}
    return build_panel(pd.concat(frames), ForecasterSettings(missing="mask", **given))[0]


def wave(rows, *seasons, noise=0.3, seed=0):
    """A pattern of its own for each season, on a random walk."""
    random = np.random.default_rng(seed)
    steps = np.arange(rows)
    patterns = sum(random.normal(size=m)[steps % m] / (1 + k) for k, m in enumerate(seasons))
    return patterns + noise * random.normal(size=rows).cumsum()


@pytest.mark.parametrize("freq", ["h", "row"])
def test_a_day_and_a_week_of_hours_are_found_with_and_without_a_calendar(freq):
    assert find_seasons(panel_of(wave(1500, 24, 168), freq=freq)) == (24, 168)


@pytest.mark.parametrize(("freq", "season"), [("MS", 12), ("QS", 4), ("W-SUN", 52), ("D", 7), ("B", 5), ("2h", 12)])
def test_the_calendars_season_is_found_where_it_shows(freq, season):
    assert find_seasons(panel_of(wave(season * 8, season), freq=freq)) == (season,)
    assert find_seasons(panel_of(wave(season * 2, season), freq=freq)) == ()  # too little of it to tell


def test_a_season_of_the_users_own_is_found_without_a_calendar():
    assert find_seasons(panel_of(wave(400, 17))) == (17,)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["noise", "walk"]), st.sampled_from(["h", "row", "MS"]))
@settings(max_examples=40)
def test_noise_and_walks_have_no_season(seed, process, freq):
    values = np.random.default_rng(seed).normal(size=600)
    assert find_seasons(panel_of(values.cumsum() if process == "walk" else values, freq=freq)) == ()


def test_what_most_series_show_decides():
    alike = [wave(200, 12, seed=seed) for seed in range(3)]
    assert find_seasons(panel_of(*alike, wave(200, seed=7), freq="MS")) == (12,)
    few = [np.random.default_rng(seed).normal(size=200).cumsum() for seed in range(40)]
    assert find_seasons(panel_of(alike[0], *few, freq="MS")) == ()


@pytest.mark.parametrize("freq", ["h", "row"])
@pytest.mark.parametrize("values", [np.ones(300), np.full(300, np.nan), np.arange(2.0), np.r_[np.zeros(299), 1e300]])
def test_a_table_without_changes_has_no_season(freq, values):
    values = np.r_[1.0, values]  # one value at least, or it is no table
    assert find_seasons(panel_of(values, freq=freq)) == ()


def test_missing_values_and_outliers_hide_no_season():
    values = wave(500, 12)
    values[::7] = np.nan
    values[100] = 1e6
    assert find_seasons(panel_of(values, freq="MS")) == (12,)


def test_autocorrelation_follows_its_definition():
    values = wave(300, 7)
    values[[40, 41, 200]] = np.nan
    changes = pd.Series(np.diff(values))
    assert (changes - changes.median()).abs().max() < 5 * (changes - changes.median()).abs().median()  # no outlier
    centred = changes - changes.mean()
    expected = np.array([(centred * centred.shift(m)).mean() for m in range(100)]) / (centred**2).mean()
    found = autocorrelation(panel_of(values), 99)
    clear = expected * np.sqrt(300) > 4
    np.testing.assert_allclose(found, np.where(clear, expected, 0.0), rtol=1e-9)


@pytest.mark.parametrize(
    ("freq", "expected"),
    [
        ("h", (24, 168)),
        ("30min", (48, 336)),
        ("min", (60, 1440)),
        ("D", (7, 364)),
        ("W-SUN", (52,)),
        ("2MS", (6,)),
        ("YS", ()),
        (1, None),
    ],
)
def test_the_calendar_gives_these_seasons(freq, expected):
    assert calendar_seasons(freq) == expected
