"""Micro-batches: what is asked of a model at the same time is computed together."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from tidegate.errors import TidegateError
from tidegate.serving.contract import ModelVersion
from tidegate.serving.responses import overloaded

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
Compute = Callable[[Sequence[_Item], Any], Sequence[_Result]]
_SLOW_SECONDS = 0.02  # what a batch may hold up all other requests


class _Job(NamedTuple):
    version: ModelVersion
    compute: Compute[Any, Any]
    item: Any
    options: Hashable
    answer: asyncio.Future[Any]

    @property
    def key(self) -> tuple[Hashable, ...]:
        return id(self.version), self.compute, self.options


class Batcher:
    """Computes together what was asked for in one turn of the event loop, or while another batch ran.

    Nobody waits for a batch to fill up: a lone request is computed at once, and under load the batches grow by
    themselves. A batch of a small network is done on the event loop, for handing it to a thread and back costs more
    than it takes; that of a network that has been seen to need longer goes to a thread.
    """

    def __init__(
        self, size: int, waiting: int, seconds: float, observe: Callable[[int], None] = lambda size: None
    ) -> None:
        """Begin, on the running event loop.

        Args:
            size: items in a batch, at most.
            waiting: items waiting, at most; more are refused.
            seconds: how long an item may take, waiting included.
            observe: told the size of each batch.
        """
        self._size, self._limit, self._seconds, self._observe = size, waiting, seconds, observe
        self._jobs: deque[_Job] = deque()
        self._slow: weakref.WeakSet[ModelVersion] = weakref.WeakSet()
        self._due = False  # a turn is scheduled, or a thread is at work
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tidegate-batches")

    async def run(
        self, version: ModelVersion, compute: Compute[_Item, _Result], item: _Item, options: Hashable = ()
    ) -> _Result:
        """Compute one item together with others of the same model and options.

        Args:
            version: the model.
            compute: gives the results of several items, called as `compute(items, options)`.
            item: what to compute.
            options: what all items of a batch must have in common.

        Raises:
            TidegateError: this item cannot be computed.
            Refusal: too many are waiting, or it took too long.
        """
        if len(self._jobs) >= self._limit:
            raise overloaded("the service has all the work it may hold; try again in a second")
        answer = self._loop.create_future()
        self._jobs.append(_Job(version, compute, item, options, answer))
        self._schedule()
        timer = self._loop.call_later(self._seconds, _give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    @property
    def waiting(self) -> int:
        """Items that wait for their batch."""
        return len(self._jobs)

    def close(self) -> None:
        """End the thread after what it works on."""
        self._pool.shutdown(wait=True)

    def _schedule(self) -> None:
        if not self._due and self._jobs:
            self._due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        batch = self._take()
        if batch and batch[0].version in self._slow:
            work = self._loop.run_in_executor(self._pool, self._compute, batch)
            work.add_done_callback(lambda done: self._next(batch, done))
            return
        if batch:
            _deliver(batch, self._compute(batch))
        self._due = False
        self._schedule()

    def _next(self, batch: list[_Job], done: asyncio.Future[list[Any]]) -> None:
        _deliver(batch, done.result())
        self._due = False
        self._schedule()

    def _compute(self, batch: list[_Job]) -> list[Any]:
        begin = time.perf_counter()
        results = compute(batch)
        (self._slow.add if time.perf_counter() - begin > _SLOW_SECONDS else self._slow.discard)(batch[0].version)
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


def compute(batch: list[_Job]) -> list[Any]:
    """The results of one batch; when an item fails, each is computed by itself."""
    try:
        return list(batch[0].compute([job.item for job in batch], batch[0].options))
    except Exception as error:
        if len(batch) == 1:
            return [error if isinstance(error, TidegateError) else _Unexpected(error)]
    return [result for job in batch for result in compute([job])]


def _give_up(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(overloaded("the answer took longer than a request may; try again in a second"))


class _Unexpected(RuntimeError):
    """A fault of ours, carried to the request that met it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.__cause__ = error


def _deliver(batch: list[_Job], results: list[Any]) -> None:
    for job, result in zip(batch, results, strict=True):
        if job.answer.done():
            continue  # the client has gone
        if isinstance(result, Exception):
            job.answer.set_exception(result)
        else:
            job.answer.set_result(result)
