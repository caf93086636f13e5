import asyncio
import time

import numpy as np
import pytest
from service_tools import wave

from tidegate import DataError
from tidegate.forecasting.context import Context
from tidegate.serving import batching
from tidegate.serving.batching import Batcher
from tidegate.serving.responses import Refusal
from tidegate.serving.service import Service


@pytest.fixture(scope="module")
def version(folder):
    return Service([str(folder)]).models.get(None)


def context(seed=0):
    return Context(wave(12, seed)[["y"]].to_numpy(), None, np.empty((3, 0)))


def ask(batcher, version, one):
    return batcher.run(version, version.model.predictor.predict, one, ())


def gather(version, contexts, **options):
    sizes = []

    async def run():
        batcher = Batcher(options.get("size", 64), options.get("waiting", 1000), 5.0, sizes.append)
        try:
            waited = [ask(batcher, version, one) for one in contexts]
            return await asyncio.gather(*waited, return_exceptions=True)
        finally:
            batcher.close()

    return asyncio.run(run()), sizes


@pytest.mark.parametrize("slow", [False, True])
def test_a_batch_gives_each_its_own_forecast(version, slow, monkeypatch):
    if slow:
        monkeypatch.setattr(batching, "_SLOW_SECONDS", 0.0)  # every batch after the first goes to the thread
    contexts = [context(seed) for seed in range(20)]
    together, sizes = gather(version, contexts, size=8)
    assert sum(sizes) == 20
    assert max(sizes) == 8
    for one, forecast in zip(contexts, together, strict=True):
        np.testing.assert_allclose(
            forecast.values, version.model.predictor.predict([one])[0].values, rtol=1e-4, atol=1e-5
        )


def test_one_that_cannot_be_forecast_spoils_no_other(version):
    bad = Context(np.full((12, 1), np.nan), None, np.empty((3, 0)))
    results, _ = gather(version, [context(), bad, context(1)])
    assert isinstance(results[1], DataError)
    assert "missing" in str(results[1])
    np.testing.assert_allclose(
        results[0].values, version.model.predictor.predict([context()])[0].values, rtol=1e-4, atol=1e-5
    )


def test_more_than_may_wait_are_refused(version):
    results, _ = gather(version, [context()] * 5, waiting=3)
    assert sum(isinstance(result, Refusal) and result.status == 503 for result in results) == 2


def test_a_slow_network_does_not_hold_up_the_event_loop(version, monkeypatch):
    monkeypatch.setattr(batching, "_SLOW_SECONDS", 0.0)
    monkeypatch.setattr(batching, "compute", lambda batch: time.sleep(0.2) or [None] * len(batch))

    async def run():
        batcher = Batcher(64, 100, 5.0)
        await ask(batcher, version, context())  # the first is computed here, and seen to be slow
        work = asyncio.ensure_future(ask(batcher, version, context()))
        ticks = 0
        while not work.done():
            await asyncio.sleep(0.01)
            ticks += 1
        batcher.close()
        return ticks

    assert asyncio.run(run()) > 5


def test_a_forecast_that_takes_too_long_is_given_up(version, monkeypatch):
    monkeypatch.setattr(batching, "_SLOW_SECONDS", 0.0)
    monkeypatch.setattr(batching, "compute", lambda batch: time.sleep(0.3) or [None] * len(batch))

    async def run():
        batcher = Batcher(64, 100, 0.05)
        first = await asyncio.gather(*[ask(batcher, version, context()) for _ in range(2)], return_exceptions=True)
        second = await asyncio.gather(ask(batcher, version, context()), return_exceptions=True)
        batcher.close()
        return [*first, *second]

    assert "took longer" in str(asyncio.run(run())[-1])
