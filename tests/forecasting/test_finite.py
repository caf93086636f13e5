"""No route gives a number that is not finite: a network that returns one is refused in words, wherever it is asked."""

import numpy as np
import pandas as pd
import pytest
import torch

from tidegate import DataError, Forecaster, WindowRegressor
from tidegate.forecasting.network import ForecastNetwork

SMALL = {"units": 3, "layers": 1, "epochs": 1, "steps_per_epoch": 2, "validation_size": 0.3}
TABLE = {"lookback": 6, "horizon": 2, **SMALL}
SENTENCE = "^the forecast is not a finite number"


def table(names=("a", "b"), rows=80):
    times, rng = pd.date_range("2026-01-05", periods=rows, freq="h"), np.random.default_rng(0)
    frames = [pd.DataFrame({"unique_id": n, "ds": times, "y": rng.normal(size=rows)}) for n in names]
    return pd.concat(frames, ignore_index=True)


def pushed(forecaster, **options):
    stream = forecaster.stream(**options)
    for value in range(6):
        forecast = stream.push(float(value))
    return forecast


ROUTES = {
    "predict": lambda f: f.predict(),
    "intervals": lambda f: f.predict(level=[80]),
    "a new series": lambda f: f.predict(table(["new"])),
    "score": lambda f: f.score(table()),
    "score of new series": lambda f: f.score(table(["new"])),
    "check_leakage": lambda f: f.check_leakage(table()),
    "stream": lambda f: pushed(f, series="a"),
    "stream of a new series": lambda f: pushed(f, level=[80]),
}


@pytest.fixture(scope="module", params=["direct", "recursive", "quantile"])
def forecaster(request):
    options = {"loss": "quantile"} if request.param == "quantile" else {"strategy": request.param}
    return Forecaster(**TABLE, **options).fit(table())


def poison(monkeypatch, value):
    """Let every network that is not learning return what is not finite for one step of each forecast."""
    forward = ForecastNetwork.forward

    def poisoned(self, *inputs):
        forecast = forward(self, *inputs)
        if not torch.is_grad_enabled():
            forecast = forecast.clone()
            forecast[:, -1] = value
        return forecast

    monkeypatch.setattr(ForecastNetwork, "forward", poisoned)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
@pytest.mark.parametrize("route", ROUTES)
def test_route_refuses_what_is_not_finite(route, value, forecaster, monkeypatch):
    poison(monkeypatch, value)
    with pytest.raises(DataError, match=SENTENCE):
        ROUTES[route](forecaster)


@pytest.mark.parametrize("evaluate", ["backtest", "cross_validate"])
def test_evaluation_refuses_what_is_not_finite(evaluate, monkeypatch):
    forecaster = Forecaster(**TABLE | {"validation_size": 0.0})
    poison(monkeypatch, float("nan"))
    with pytest.raises(DataError, match=SENTENCE):
        getattr(forecaster, evaluate)(table())


@pytest.mark.parametrize("route", ["predict", "score", "stream"])
def test_a_model_of_windows_refuses_what_is_not_finite(route, monkeypatch):
    x = np.random.default_rng(0).normal(size=(60, 6, 1))
    model = WindowRegressor(**SMALL).fit(x, x[:, -1, 0])
    poison(monkeypatch, float("nan"))
    routes = {"predict": lambda: model.predict(x), "score": lambda: model.score(x, x[:, -1, 0])}
    with pytest.raises(DataError, match=SENTENCE):
        routes.get(route, lambda: pushed(model))()
