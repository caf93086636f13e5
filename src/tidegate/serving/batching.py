"""Micro-batches: forecasts that are asked for at the same time are computed together."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tidegate.errors import TidegateError
from tidegate.forecasting.predictor import History, NextForecast
from tidegate.serving.responses import overloaded

if TYPE_CHECKING:
    from tidegate.serving.models import ModelVersion


_SLOW_SECONDS = 0.02  # what a batch may hold up all other requests


class _Job(NamedTuple):
    served: ModelVersion
    history: History
    levels: tuple[float, ...]
    answer: asyncio.Future[NextForecast]

    @property
    def key(self) -> tuple[int, tuple[float, ...]]:
        return id(self.served), self.levels


class Batcher:
    """Computes forecasts together that were asked for in one turn of the event loop, or while another batch ran.

    Nobody waits for a batch to fill up: a lone request is computed at once, and under load the batches grow by
    themselves. A batch of a small network is done on the event loop, for handing it to a thread and back costs more
    than it takes; that of a network that has been seen to need longer goes to a thread.
    """

    def __init__(
        self, size: int, waiting: int, seconds: float, observe: Callable[[int], None] = lambda size: None
    ) -> None:
        """Begin, on the running event loop.

        Args:
            size: forecasts in a batch, at most.
            waiting: forecasts waiting, at most; more are refused.
            seconds: how long a forecast may take, waiting included.
            observe: told the size of each batch.
        """
        self._size, self._limit, self._seconds, self._observe = size, waiting, seconds, observe
        self._jobs: deque[_Job] = deque()
        self._slow: weakref.WeakSet[ModelVersion] = weakref.WeakSet()
        self._due = False  # a turn is scheduled, or a thread is at work
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tidegate-batches")

    async def predict(self, served: ModelVersion, history: History, levels: tuple[float, ...]) -> NextForecast:
        """Forecast what follows a history.

        Raises:
            TidegateError: this history cannot be forecast.
            Refusal: too many are waiting, or it took too long.
        """
        served.predictor.check(history, levels)
        if len(self._jobs) >= self._limit:
            raise overloaded("the service has all the forecasts it may hold in work; try again in a second")
        answer = self._loop.create_future()
        self._jobs.append(_Job(served, history, levels, answer))
        self._schedule()
        timer = self._loop.call_later(self._seconds, _give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    def close(self) -> None:
        """End the thread after what it works on."""
        self._pool.shutdown(wait=True)

    def _schedule(self) -> None:
        if not self._due and self._jobs:
            self._due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        batch = self._take()
        if batch and batch[0].served in self._slow:
            work = self._loop.run_in_executor(self._pool, self._compute, batch)
            work.add_done_callback(lambda done: self._next(batch, done))
            return
        if batch:
            _deliver(batch, self._compute(batch))
        self._due = False
        self._schedule()

    def _next(self, batch: list[_Job], done: asyncio.Future[list[NextForecast | Exception]]) -> None:
        _deliver(batch, done.result())
        self._due = False
        self._schedule()

    def _compute(self, batch: list[_Job]) -> list[NextForecast | Exception]:
        begin = time.perf_counter()
        results = compute(batch)
        (self._slow.add if time.perf_counter() - begin > _SLOW_SECONDS else self._slow.discard)(batch[0].served)
        self._observe(len(batch))
        return results

    def _take(self) -> list[_Job]:
        """The oldest job and those like it, in order; jobs whose client has gone are dropped."""
        batch: list[_Job] = []
        others: list[_Job] = []
        while self._jobs and len(batch) < self._size:
            job = self._jobs.popleft()
            if job.answer.done():
                continue
            if not batch or job.key == batch[0].key:
                batch.append(job)
            else:
                others.append(job)
        self._jobs.extendleft(reversed(others))
        return batch


def compute(batch: list[_Job]) -> list[NextForecast | Exception]:
    """The forecasts of one batch; when one of them fails, each is computed by itself."""
    predictor, levels = batch[0].served.predictor, batch[0].levels
    try:
        return list(predictor.predict([job.history for job in batch], levels))
    except Exception as error:
        if len(batch) == 1:
            return [error if isinstance(error, TidegateError) else _Unexpected(error)]
    return [result for job in batch for result in compute([job])]


def _give_up(answer: asyncio.Future[NextForecast]) -> None:
    if not answer.done():
        answer.set_exception(overloaded("the forecast took longer than a request may; try again in a second"))


class _Unexpected(RuntimeError):
    """A fault of ours, carried to the request that met it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.__cause__ = error


def _deliver(batch: list[_Job], results: list[NextForecast | Exception]) -> None:
    for job, result in zip(batch, results, strict=True):
        if job.answer.done():
            continue  # the client has gone
        if isinstance(result, Exception):
            job.answer.set_exception(result)
        else:
            job.answer.set_result(result)
