"""Logarithms are taken where changes grow with the level, undone exactly, and refused where there are none."""

import numpy as np
import pandas as pd
import pytest

from tidegate import Forecaster
from tidegate.errors import DataError
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.transforming import choose_transform, restored, transformed
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
