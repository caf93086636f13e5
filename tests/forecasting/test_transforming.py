"""Logarithms are taken where changes grow with the level, undone exactly, and refused where there are none."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tidegate import Forecaster
from tidegate.errors import DataError
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.transforming import choose_transform, mean_by_median, restored, transformed
from tidegate.tables.building import build_panel

SMALL = {"lookback": 12, "horizon": 3, "epochs": 2, "units": 4, "layers": 1}


def panel_of(values, series="s"):
    return build_panel(pd.DataFrame({"unique_id": series, "y": values}), ForecasterSettings(missing="mask"))[0]


def growing(rows=240, power=1.0, seed=0):
    """A level that grows twentyfold, with changes that go with a power of it."""
    random, level = np.random.default_rng(seed), np.linspace(50, 1000, rows)
    return level + random.normal(size=rows) * 0.05 * level**power * 50 ** (1 - power)


@pytest.mark.parametrize(("power", "expected"), [(1.0, "log"), (0.8, "log"), (0.0, "none")])
def test_logarithms_are_chosen_where_changes_grow_with_the_level(power, expected):
    values = growing(power=power)
    assert choose_transform(panel_of(values), 1) == expected
    assert choose_transform(panel_of(values * 1e-200), 1) == expected
    assert choose_transform(panel_of(values * 1e200), 1) == expected


@pytest.mark.parametrize("spoil", [0.0, -1.0, 1e-6])
def test_one_value_near_zero_or_below_forbids_them(spoil):
    values = growing()
    values[7] = spoil
    assert choose_transform(panel_of(values), 1) == "none"


@pytest.mark.parametrize("values", [[5.0, 5.0], np.full(100, 5.0), [np.nan, 1.0, 2.0]])
def test_a_table_that_does_not_tell_is_left_as_it_is(values):
    assert choose_transform(panel_of(values), 1) == "none"


def test_transform_is_undone_and_leaves_missing_values_missing():
    values = np.array([1.0, np.nan, 1e-3, 250.0])
    read = transformed(panel_of(values), "log")
    np.testing.assert_allclose(read[:, 0], np.log(values))
    np.testing.assert_allclose(restored(read, "log")[:, 0], values)
    assert restored(np.array([1e4]), "log")[0] == np.inf  # found where every forecast is


def test_a_value_without_a_logarithm_is_named():
    with pytest.raises(DataError, match=r"series s holds -2 at 2, which has none; .* transform='none'"):
        transformed(panel_of([3.0, 1.0, -2.0, 4.0]), "log")


def test_fit_on_logarithms_is_fit_on_the_logarithms():
    frame = pd.DataFrame({"y": growing(120)})
    settings = SMALL | {"linear_skip": 4, "features": (), "loss": "mae"}
    ours = Forecaster(transform="log", **settings).fit(frame).predict(level=80)
    apart = Forecaster(transform="none", **settings).fit(np.log(frame)).predict(level=80)
    for column in ("LSTM", "LSTM-lo-80", "LSTM-hi-80"):
        np.testing.assert_allclose(ours[column], np.exp(apart[column]), rtol=1e-6)


def test_the_mean_by_the_median_is_that_of_a_lognormal():
    spreads = np.array([0.0, 0.3, 1.0])
    np.testing.assert_allclose(mean_by_median(spreads**2, "log"), stats.lognorm.mean(np.maximum(spreads, 1e-9)))
    np.testing.assert_array_equal(mean_by_median(spreads**2, "none"), np.ones(3))


@pytest.mark.parametrize("scale_by", ["window", "global"])
def test_mse_on_logarithms_forecasts_the_mean_and_other_losses_the_median(scale_by):
    spread = 0.8
    frame = pd.DataFrame({"y": np.exp(2 + spread * np.random.default_rng(0).normal(size=3000))})
    settings = {"lookback": 60, "transform": "log", "features": (), "epochs": 1, "units": 2, "scale_by": scale_by}
    mean, median = (Forecaster(loss=loss, **settings).fit(frame) for loss in ("mse", "mae"))
    ours, theirs = (each.predict(level=80).iloc[0, 1:].astype(float) for each in (mean, median))
    lognormal = stats.lognorm(spread, scale=np.exp(2))
    assert ours["LSTM"] / theirs["LSTM"] == pytest.approx(lognormal.mean() / lognormal.median(), rel=0.1)
    # Quantiles are what they are, however the point between them is defined.
    np.testing.assert_allclose(ours[["LSTM-lo-80", "LSTM-hi-80"]], lognormal.ppf([0.1, 0.9]), rtol=0.35)
    stream = mean.stream()
    for value in frame["y"].tail(60):
        forecast = stream.push(value)
    assert forecast["LSTM"][0] == pytest.approx(ours["LSTM"], rel=1e-5)
    judged = mean.backtest(frame, refit=False).forecasts
    assert judged["LSTM"].mean() == pytest.approx(lognormal.mean(), rel=0.1)


def test_without_rows_that_tell_the_errors_a_mean_on_logarithms_is_said_to_be_a_median():
    frame = pd.DataFrame({"y": growing(120)})
    told = Forecaster(transform="log", loss="mse", validation_size=0, **SMALL).fit(frame).notes_
    assert any("medians, not means" in note for note in told)
    told = Forecaster(transform="log", loss="mse", **SMALL).fit(frame).notes_
    assert not any("medians" in note for note in told)


def uses_of(model, spoiled):
    """Every way in which values reach a model."""
    stream = model.stream()
    return (
        lambda: model.predict(spoiled),
        lambda: model.score(spoiled),
        lambda: model.update(spoiled),
        lambda: [stream.push(value) for value in spoiled["y"].tail(30)],
    )


def test_a_model_of_logarithms_refuses_what_has_none_wherever_it_comes_from(tmp_path):
    frame = pd.DataFrame({"y": growing(120)})
    forecaster = Forecaster(transform="log", **SMALL).fit(frame.head(110))
    forecaster.save(tmp_path / "m")
    loaded = Forecaster.load(tmp_path / "m")
    assert loaded.predict(frame).equals(forecaster.predict(frame))
    spoiled = frame.copy()
    spoiled.iloc[-2] = 0.0
    for use in (*uses_of(forecaster, spoiled), *uses_of(loaded, spoiled)):
        with pytest.raises(DataError, match="logarithms"):
            use()
