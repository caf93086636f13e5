"""Micro-batches: forecasts that were asked for while the last batch ran are computed together."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tidegate.errors import TidegateError
from tidegate.forecasting.casting import History, NextForecast
from tidegate.serving.answers import overloaded

if TYPE_CHECKING:
    from tidegate.serving.models import Served


class _Job(NamedTuple):
    served: Served
    history: History
    levels: tuple[float, ...]
    answer: asyncio.Future[NextForecast]

    @property
    def key(self) -> tuple[int, tuple[float, ...]]:
        return id(self.served), self.levels


class Batcher:
    """One thread that runs the networks; nobody waits for a batch to fill up.

    While a batch runs, requests gather; the next batch takes those of one model. So a lone request is computed at
    once, and under load the batches grow by themselves.
    """

    def __init__(
        self, size: int, waiting: int, seconds: float, observe: Callable[[int], None] = lambda size: None
    ) -> None:
        """Start the thread.

        Args:
            size: forecasts in a batch, at most.
            waiting: forecasts waiting, at most; more are refused.
            seconds: how long a forecast may take, waiting included.
            observe: told the size of each batch.
        """
        self._size, self._limit, self._seconds, self._observe = size, waiting, seconds, observe
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="tidegate-batches", daemon=True)
        self._thread.start()

    async def cast(self, served: Served, history: History, levels: tuple[float, ...]) -> NextForecast:
        """Forecast what follows a history.

        Raises:
            TidegateError: this history cannot be forecast.
            Refusal: too many are waiting.
        """
        served.caster.check(history, levels)
        answer = self._loop.create_future()
        with self._wake:
            if self._closed or len(self._jobs) >= self._limit:
                raise overloaded("the service has all the forecasts it may hold in work; try again in a second")
            self._jobs.append(_Job(served, history, levels, answer))
            self._wake.notify()
        timer = self._loop.call_later(self._seconds, _give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    def close(self) -> None:
        """End the thread after what was accepted."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._jobs:
                    if self._closed:
                        return
                    self._wake.wait()
                batch = self._take()
            if not batch:
                continue
            results = compute(batch)
            self._observe(len(batch))
            try:
                self._loop.call_soon_threadsafe(_deliver, batch, results)
            except RuntimeError:  # the loop has ended, and with it everyone who waited
                return

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
    caster, levels = batch[0].served.caster, batch[0].levels
    try:
        return list(caster.cast([job.history for job in batch], levels))
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
