"""Models to be shown by the page, and the page opened on them."""

import contextlib
import json
import re

import numpy as np
import pandas as pd
from service_tools import fitted, running, wave

from browser import page_in
from tidegate import Forecaster, WindowRegressor

SMALL = {"lookback": 8, "horizon": 2, "units": 4, "layers": 1, "epochs": 1, "steps_per_epoch": 2}
VERDICTS = {
    "wave": {"beats": True, "text": {"en": "It beats it.", "zh": "它优于它。"}, "best_naive": "RepeatLast"},
    "other": {"beats": False, "text": {"en": "It is worse.", "zh": "它更差。"}, "best_naive": "RepeatLast"},
    "shops": {"beats": None, "text": {"en": "Nobody knows.", "zh": "无人知晓。"}, "best_naive": "RepeatLast"},
}


def shops(count=120, length=30):
    """Daily sales of many shops."""
    days = pd.date_range("2026-01-05", periods=length, freq="D")
    sales = np.random.default_rng(0).normal(size=(count, length)).cumsum(axis=1) + 50
    names = [f"shop {i:03d} {'north' if i % 2 else 'south'}" for i in range(count)]
    return pd.DataFrame({"shop": np.repeat(names, length), "day": np.tile(days, count), "sales": sales.ravel()})


def warm(length=60):
    """A wave with a column that is known ahead."""
    return wave(length).assign(temp=np.arange(length) % 7.0)


def save_run(forecaster, folder, verdict=None):
    """A run folder with its verdict, as `tidegate forecast fit` leaves it."""
    forecaster.save(folder / "model")
    if verdict is not None:
        (folder / "metrics.json").write_text(json.dumps({"verdict": verdict}), encoding="utf-8")


@contextlib.contextmanager
def site(place):
    """A service of two models of one wave and one of many shops; and, without a verdict, one with a column known ahead,
    one of two targets, and one of arrays."""
    models = {
        "wave": fitted(),
        "other": fitted(seed=1, horizon=5),
        "shops": Forecaster(id_col="shop", time_col="day", target_col="sales", **SMALL).fit(shops()),
        "known": Forecaster(future_cols=["temp"], **SMALL).fit(warm()),
        "pair": Forecaster(target_col=["a", "b-a"], **SMALL).fit(
            wave(60).assign(a=np.arange(60) % 5.0, **{"b-a": 1e6})
        ),
        "arrays": WindowRegressor(units=4, epochs=1, steps_per_epoch=2).fit(np.ones((20, 6, 1)), np.arange(20.0)),
    }
    for name, forecaster in models.items():
        save_run(forecaster, place / name, VERDICTS.get(name))
    with running(*(place / name for name in models)) as client:
        client.place = place
        yield client


@contextlib.contextmanager
def opened(browser, client, **options):
    """The page of a service, its first forecast drawn; at the end nothing may have gone wrong in it."""
    options = {"locale": "en-US", "viewport": {"width": 1100, "height": 1400}} | options
    with page_in(browser, **options) as page:
        page.goto(f"{client.base_url}")
        page.wait_for_selector("#chart canvas")
        yield page
        assert [message for message in page.said if "(4" not in message and "status of 4" not in message] == []
        assert {url.split("/")[2] for url in page.asked if url.startswith("http")} == {f"127.0.0.1:{client.port}"}


def choose(page, model):
    """Press the button of a model."""
    page.locator(".model", has=page.locator("b", has_text=model)).click()
    page.locator("#source", has_text=re.compile(rf"\b{model}\b")).wait_for()
