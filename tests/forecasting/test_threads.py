"""The same seed gives the same bits on any number of threads: first weights, trained weights, forecasts."""

import numpy as np
import pandas as pd
import pytest
import torch

from lacking import need_of_machine
from tidegate import Forecaster, WindowRegressor, cells
from tidegate.engine import simd
from tidegate.engine.threads import count, one_torch_thread
from tidegate.forecasting.window_model import build_window_network

THREADS = (1, 2, 4)
WALK = np.random.default_rng(0).normal(size=80).cumsum()
TABLE = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=80), "y": WALK, "price": WALK[::-1]})


@pytest.fixture(autouse=True)
def _threads_as_before():
    need_of_machine(simd.levels(), "the native engine: torch's own recurrent layers depend on threads")
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def on_threads(compute):
    """What `compute` returns on each number of threads, tensors by name."""
    results = []
    for threads in THREADS:
        torch.set_num_threads(threads)
        results.append(compute())
    return results


def assert_same_bits(results):
    for result in results[1:]:
        assert [name for name, value in result.items() if not torch.equal(value, results[0][name])] == []


DEEP = {"layers": 2, "dropout": 0.2, "epochs": 2}


def fitted(table, **settings):
    model = Forecaster(**DEEP, lookback=8, horizon=3, name="prediction", **settings).fit(table)
    forecast = torch.tensor(model.predict()["prediction"].to_numpy())
    return model.fitted().network.state_dict() | {"forecast": forecast}


@pytest.mark.parametrize("units", [33, 50])
@pytest.mark.parametrize("cell", cells.names())
def test_fit_gives_the_same_bits_on_any_number_of_threads(cell, units):
    table = TABLE[["ds", "y"]]
    assert_same_bits(on_threads(lambda: fitted(table, cell=cell, units=units)))


@pytest.mark.parametrize("cell", ["lstm", "projected"])
@pytest.mark.parametrize("units", [64, 100, 256])
def test_first_weights_are_the_same_on_any_number_of_threads(cell, units):
    settings = Forecaster(cell=cell, units=units).settings()
    assert_same_bits(on_threads(lambda: build_window_network(settings, 3, ()).state_dict()))


def test_known_future_goes_through_convolutions_and_still_gives_the_same_bits():
    def compute():
        model = Forecaster(future_cols=("price",), lookback=8, horizon=24, units=33, epochs=2, batch_size=7)
        return model.fit(TABLE).fitted().network.state_dict()

    assert_same_bits(on_threads(compute))


def test_arrays_give_the_same_bits_on_any_number_of_threads():
    windows = np.lib.stride_tricks.sliding_window_view(WALK, 32)

    def compute():
        model = WindowRegressor(**DEEP, units=33).fit(windows[:, :8], windows[:, 8:])
        forecast = torch.tensor(model.predict(windows[:, :8]))
        return model.fitted().network.state_dict() | {"forecast": forecast}

    assert_same_bits(on_threads(compute))


def test_engine_keeps_its_threads_where_torch_has_one():
    torch.set_num_threads(2)
    with one_torch_thread():
        assert (torch.get_num_threads(), count()) == (1, 2)
        with one_torch_thread():
            assert (torch.get_num_threads(), count()) == (1, 2)
        assert (torch.get_num_threads(), count()) == (1, 2)
    assert (torch.get_num_threads(), count()) == (2, 2)
