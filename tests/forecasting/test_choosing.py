"""What the user leaves open is chosen from the table, said, kept, and never put over what was given."""

import numpy as np
import pandas as pd
import pytest

from tidegate import Forecaster, load
from tidegate.forecasting.choosing import chosen
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.tables.building import build_panel

SMALL = {"epochs": 1, "steps_per_epoch": 2, "units": 3, "layers": 1}


def hours(rows=1200, seed=0):
    """A day and a week of hours, whose changes grow with the level."""
    random, steps = np.random.default_rng(seed), np.arange(rows)
    pattern = random.normal(size=24)[steps % 24] + 0.5 * random.normal(size=168)[steps % 168]
    values = np.exp(3 + steps / rows + 0.2 * pattern + 0.01 * random.normal(size=rows).cumsum())
    return pd.DataFrame({"ds": pd.date_range("2026-01-05", periods=rows, freq="h"), "y": values})


def complete(frame, **given):
    settings = ForecasterSettings(horizon=given.pop("horizon", 48), **given)
    panel, _ = build_panel(frame, settings)
    return chosen(settings, panel)


def test_seasons_give_lookback_lags_skip_and_changes_give_logarithms():
    settings, notes = complete(hours())
    assert (settings.lookback, settings.linear_skip, settings.transform) == (210, 210, "log")
    assert settings.features == ("lag_48", "lag_72", "lag_96", "lag_120", "lag_144", "lag_168")
    assert settings.short_series == "refuse"
    said = " ".join(map(str, notes))
    assert "seasons of 24, 168 rows were found, and lookback is 210" in said
    assert "logarithms" in said


def test_what_is_given_stays():
    given = {"lookback": 30, "linear_skip": 0, "features": ("hour",), "transform": "none", "short_series": "drop"}
    settings, notes = complete(hours(), **given)
    assert vars(settings) == vars(ForecasterSettings(horizon=48, **given))
    assert not notes
    settings, notes = complete(hours(), lookback=30)
    assert (settings.lookback, settings.linear_skip, settings.short_series) == (30, 30, "refuse")
    assert settings.features == ()  # lags would ask for more rows than that
    assert complete(hours(), features=())[0].features == ()


def test_a_walk_has_the_usual_lookback_and_a_short_table_less():
    walk = pd.DataFrame({"y": np.random.default_rng(0).normal(size=400).cumsum()})
    settings, notes = complete(walk, horizon=1)
    assert (settings.lookback, settings.linear_skip, settings.features, settings.transform) == (48, 12, (), "none")
    assert [str(note) for note in notes] == ["no season was found, and lookback is 48"]
    settings, _ = complete(walk.head(30), horizon=2)
    assert settings.lookback == 17
    assert len(Forecaster(horizon=2, **SMALL).fit(walk.head(30)).predict()) == 2


@pytest.mark.parametrize("rows", [5, 8, 12])
def test_few_rows_are_enough_for_a_forecast(rows):
    frame = pd.DataFrame({"y": np.arange(rows) * 1.5})
    assert len(Forecaster(horizon=2, **SMALL).fit(frame).predict()) == 2


def test_a_few_short_series_among_many_are_padded():
    frames = [hours(700, seed).assign(unique_id=f"s{seed}") for seed in range(12)]
    frames.append(hours(60, 99).assign(unique_id="short"))
    settings, _ = complete(pd.concat(frames))
    assert (settings.lookback, settings.short_series) == (210, "pad")
    forecast = Forecaster(horizon=48, **SMALL).fit(pd.concat(frames)).predict()
    assert forecast["unique_id"].nunique() == 13


def test_what_was_chosen_survives_saving_refitting_and_updating(tmp_path):
    frame = hours()
    forecaster = Forecaster(horizon=24, **SMALL)
    result = forecaster.backtest(frame.head(1100))
    used = forecaster.fitted().preprocessor.settings
    assert (used.lookback, used.transform) == (210, "log")
    assert "lookback is 210" in " ".join(map(str, result.notes))
    assert (forecaster.lookback, forecaster.transform) == (None, "auto")  # the user's own, as scikit-learn has it
    forecaster.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert vars(loaded.fitted().preprocessor.settings) == vars(used)
    assert (loaded.lookback, loaded.transform) == (None, "auto")
    pd.testing.assert_frame_equal(loaded.predict(), forecaster.predict())
    assert loaded.update(frame).predict()["ds"].iloc[0] == frame["ds"].iloc[-1] + pd.Timedelta("1h")
