import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from tidegate.forecasting.scaling import fit_scale, window_statistics

PEERS = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}


def _values(rows, seed, missing):
    rng = np.random.default_rng(seed)
    values = rng.normal(5, 3, size=(rows, 2))
    values[rng.random((rows, 2)) < missing] = np.nan
    values[0] = 1.0
    return values


@pytest.mark.parametrize("scaler", PEERS)
@given(rows=st.integers(1, 60), seed=st.integers(0, 1000), missing=st.sampled_from([0.0, 0.3]))
@settings(max_examples=25, deadline=None)
def test_scale_equals_scikit_learn(scaler, rows, seed, missing):
    values = _values(rows, seed, missing)
    scale = fit_scale(values, np.array([0, rows]), scaler, by_series=False)
    expected = PEERS[scaler]().fit_transform(values)
    assert scale.transform(values, np.array([rows])) == pytest.approx(expected, rel=1e-5, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("scaler", PEERS)
def test_scale_by_series_equals_each_series_alone(scaler):
    values, starts = _values(50, 1, 0.1), np.array([0, 13, 14, 50])
    scale = fit_scale(values, starts, scaler, by_series=True)
    for n in range(3):
        alone = fit_scale(
            values[starts[n] : starts[n + 1]], np.array([0, starts[n + 1] - starts[n]]), scaler, by_series=False
        )
        assert scale.location[n] == pytest.approx(alone.location[0])
        assert scale.spread[n] == pytest.approx(alone.spread[0])


def test_scale_of_a_constant_or_empty_channel_is_harmless():
    values = np.column_stack([np.full(5, 0.1), np.full(5, np.nan)])
    for scaler in PEERS:
        scale = fit_scale(values, np.array([0, 5]), scaler, by_series=False)
        assert scale.spread.tolist() == [[1.0, 1.0]]
        assert np.isfinite(scale.location).all()


@pytest.mark.parametrize("scaler", PEERS)
def test_window_statistics_equal_the_same_scaler_on_one_window(scaler):
    windows = np.random.default_rng(0).normal(2, 4, size=(3, 9, 2))
    location, spread = window_statistics(torch.tensor(windows), None, scaler)
    for n, window in enumerate(windows):
        scale = fit_scale(window, np.array([0, 9]), scaler, by_series=False)
        assert location[n, 0].numpy() == pytest.approx(scale.location[0])
        assert spread[n, 0].numpy() == pytest.approx(scale.spread[0])


@pytest.mark.parametrize("scaler", PEERS)
def test_window_statistics_ignore_what_was_not_observed(scaler):
    window = torch.tensor([[[1.0], [2.0], [9.0], [4.0]]])
    observed = torch.tensor([[[True], [True], [False], [True]]])
    kept = window_statistics(window[:, [0, 1, 3]], None, scaler)
    for masked, plain in zip(window_statistics(window, observed, scaler), kept, strict=True):
        assert torch.allclose(masked, plain)
