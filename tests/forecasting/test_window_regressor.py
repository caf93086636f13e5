import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.utils.estimator_checks import estimator_checks_generator

import tidegate
from tidegate import DataError, ModelFolderError, WindowRegressor

FAST = {"units": 4, "layers": 1, "epochs": 1}


SMALL = WindowRegressor(units=4, layers=1, epochs=2)
ABLE = WindowRegressor(
    units=16, layers=1, epochs=40, batch_size=8, learning_rate=1e-2
)  # for those that ask for R² > 0.5
NOT_CLAIMED = {"check_array_api_input": "arrays of other libraries than NumPy; scikit-learn skips it by itself"}
CHECKS = [check for _, check in estimator_checks_generator(SMALL) if check.func.__name__ not in NOT_CLAIMED]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.func.__name__}{check.keywords or ''}")
def test_scikit_learn_finds_its_conventions_kept(check):
    check(clone(ABLE if check.func.__name__ == "check_regressors_train" else SMALL))


def wave(count=160, steps=13):
    windows = np.lib.stride_tricks.sliding_window_view(np.sin(np.arange(count) / 4), steps)
    return windows[:, :-1], windows[:, -1]


def test_grid_search_finds_the_larger_network():
    inputs, targets = wave()
    base = WindowRegressor(layers=1, epochs=3, units=4)
    search = GridSearchCV(base, {"units": [2, 16], "learning_rate": [1e-2]}, cv=TimeSeriesSplit(2))
    search.fit(inputs, targets)
    assert search.best_params_["units"] == 16
    assert search.predict(inputs).shape == targets.shape
    assert search.score(inputs, targets) > 0.5


@pytest.mark.parametrize("shape", [(), (3,), (3, 2)])
@pytest.mark.parametrize("features", [None, 2])
def test_forecasts_come_back_in_the_shape_of_y_also_when_loaded(tmp_path, shape, features):
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(40, 6, *([features] if features else []))), rng.normal(size=(40, *shape))
    regressor = WindowRegressor(**FAST).fit(inputs, targets)
    forecast = regressor.predict(inputs[:5])
    assert forecast.shape == (5, *shape)
    assert np.isfinite(regressor.score(inputs, targets))
    regressor.save(tmp_path / "model")
    loaded = tidegate.load(tmp_path / "model")
    assert (loaded.predict(inputs[:5]) == forecast).all()
    assert loaded.get_params() == regressor.get_params()
    left, right = (each.history_.drop(columns="seconds") for each in (loaded, regressor))  # a saved file tells no times
    pd.testing.assert_frame_equal(left, right)


@pytest.mark.parametrize(
    ("inputs", "targets", "sentence"),
    [
        (np.ones((4, 3)), np.ones(5), "X has 4 samples and y has shape"),
        (np.full((4, 3), np.nan), np.ones(4), r"X holds a NaN or an infinity at index \(0, 0\)"),
        (np.ones((4, 3)), [1, 2, np.inf, 4], r"y holds a NaN or an infinity at index \(2,\)"),
        ([["a", "b"]], [1.0], "could not convert string to float"),
        (np.ones(4), np.ones(4), "Expected 2D array, got 1D array"),
        (np.ones((4, 3, 2, 1)), np.ones(4), "give windows as"),
        (np.ones((4, 3)) * 1j, np.ones(4), "Complex data not supported"),
        (np.ones((4, 3)), None, "y is None"),
        (np.ones((1, 3)), [1.0], "1 samples leave none to train on"),
    ],
)
def test_unusable_arrays_get_one_sentence(inputs, targets, sentence):
    with pytest.raises(DataError, match=sentence) as refused:
        WindowRegressor(epochs=1, validation_size=0.9).fit(inputs, targets)
    assert "\n" not in str(refused.value)


def test_windows_of_another_shape_are_refused():
    inputs, targets = np.ones((20, 6, 2)), np.arange(20.0)
    regressor = WindowRegressor(**FAST).fit(inputs, targets)
    with pytest.raises(DataError, match="X has 5 features, but WindowRegressor is expecting 6"):
        regressor.predict(inputs[:, :5])
    with pytest.raises(DataError, match="windows of 1 features; the regressor was fitted on 2"):
        regressor.predict(inputs[:, :, 0])


def test_renamed_or_reordered_columns_are_refused_also_when_loaded(tmp_path):
    inputs, targets = wave()
    frame = pd.DataFrame(inputs, columns=[f"lag_{n}" for n in range(12, 0, -1)])
    WindowRegressor(**FAST).fit(frame, targets).save(tmp_path / "model")
    loaded = tidegate.load(tmp_path / "model")
    assert loaded.feature_names_in_.tolist() == frame.columns.tolist()
    loaded.predict(frame)
    for other in (frame.rename(columns={"lag_3": "other"}), frame.iloc[:, ::-1]):
        with pytest.raises(DataError, match="feature names"):
            loaded.predict(other)


def test_settings_changed_after_fit_count_for_the_next_fit_alone(tmp_path):
    inputs, targets = wave()
    regressor = WindowRegressor(**FAST).fit(inputs, targets)
    expected = regressor.predict(inputs)
    regressor.set_params(units=9, scaler="none", cell="gru").save(tmp_path / "model")
    assert (regressor.predict(inputs) == expected).all()
    assert tidegate.load(tmp_path / "model").units == 4
    assert not (regressor.fit(inputs, targets).predict(inputs) == expected).any()


def test_a_forecast_that_is_not_finite_is_refused():
    inputs, targets = wave()
    regressor = WindowRegressor(**FAST).fit(inputs, targets)
    torch.nn.init.constant_(regressor.fitted().network.head.dense.bias, torch.inf)
    with pytest.raises(DataError, match="the forecast is not a finite number"):
        regressor.predict(inputs * 1e300)


def test_an_unfitted_regressor_says_so():
    regressor = WindowRegressor(units=7)
    assert is_regressor(regressor)
    assert clone(regressor).get_params() == regressor.get_params()
    assert not hasattr(regressor, "history_")
    with pytest.raises(NotFittedError, match="call fit"):
        regressor.predict(np.ones((2, 3)))
    with pytest.raises(TypeError, match="lookback"):
        WindowRegressor(lookback=3)


def test_a_folder_of_windows_is_no_forecaster(tmp_path):
    inputs, targets = wave()
    WindowRegressor(**FAST).fit(inputs, targets).save(tmp_path / "model")
    with pytest.raises(ModelFolderError, match="of kind 'window_regressor', not 'forecaster'"):
        tidegate.Forecaster.load(tmp_path / "model")
