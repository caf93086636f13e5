import asyncio
import builtins
import json
import math
import os
import signal
import time
from pathlib import Path

import pytest

from tidegate.serving.bounds import Bounds
from tidegate.serving.forecasting.reading import read_push
from tidegate.serving.isolation import Isolation
from tidegate.serving.responses import Refusal
from tidegate.serving.schemas import InferBody, read


def isolated(work, **bounds):
    """What an asynchronous function gives that is called with an isolation."""

    async def run():
        isolation = Isolation(**{"memory": 64 * 2**20, "seconds": 20.0} | bounds)
        try:
            return await work(isolation)
        finally:
            await isolation.close()

    return asyncio.run(run())


async def refused(isolation, *work):
    with pytest.raises(Refusal) as refusal:
        await isolation.run(*work)
    return refusal.value.status, refusal.value.sentence


def test_work_that_takes_too_long_is_ended_and_the_next_is_done():
    async def work(isolation):
        begin = time.monotonic()
        endless = await refused(isolation, math.factorial, 10**8)  # one call into C, which no signal handler enters
        return endless, time.monotonic() - begin, await isolation.run(abs, -1)

    (status, sentence), took, result = isolated(work, seconds=0.5)
    assert (status, result) == (413, 1)
    assert sentence == "reading the request takes longer than 0.5 seconds; send less at a time"
    assert took < 30


def test_work_that_takes_too_much_memory_is_ended_and_the_next_is_done():
    async def work(isolation):
        return await refused(isolation, bytearray, 2**30), await isolation.run(abs, -1)

    (status, sentence), result = isolated(work)
    assert (status, result) == (413, 1)
    assert sentence == "reading the request takes more than 64 MiB of memory; send less at a time"


def test_the_event_loop_goes_on_meanwhile():
    async def work(isolation):
        ticks, doing = 0, asyncio.ensure_future(isolation.run(time.sleep, 0.5))
        while not doing.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert isolated(work) > 10


def test_refusals_and_faults_come_back():
    async def work(isolation):
        found = [
            await refused(isolation, read_push, b"{}", Bounds(1, 1)),
            await refused(isolation, read, InferBody, b""),
        ]
        with pytest.raises(RuntimeError, match="JSONDecodeError"):
            await isolation.run(json.loads, "?")
        return found

    (push, infer) = isolated(work, modules=("tidegate.serving.forecasting.reading",))
    assert push == (422, "values cannot be used: field required; correct it (the documentation is at /docs)")
    assert infer[0] == 422


def test_a_process_that_was_killed_is_begun_again():
    async def work(isolation):
        await isolation.run(abs, -1)
        os.kill(isolation._process.pid, signal.SIGKILL)
        assert (await refused(isolation, abs, -1))[0] == 413
        return await isolation.run(abs, -1)

    assert isolated(work) == 1


def test_a_request_that_is_given_up_gets_no_other_ones_answer():
    async def work(isolation):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(isolation.run(time.sleep, 5), 0.5)
        return await isolation.run(abs, -1)

    assert isolated(work) == 1


def test_more_than_may_wait_are_refused():
    async def work(isolation):
        waiting = [asyncio.ensure_future(isolation.run(abs, -number)) for number in range(5)]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        return [one.status if isinstance(one, Refusal) else one for one in found]

    assert isolated(work, waiting=3) == [0, 1, 2, 503, 503]


def test_files_of_work_that_was_ended_are_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    async def work(isolation):
        await isolation.run(abs, -1)
        (place,) = tmp_path.iterdir()
        (place / "left.csv").write_text("", encoding="utf-8")
        await refused(isolation, builtins.bytearray, 2**30)
        return list(Path(place).iterdir())

    assert isolated(work) == []
    assert list(tmp_path.iterdir()) == []
