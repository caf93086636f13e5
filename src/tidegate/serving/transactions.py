"""Work on the store: what is asked for at the same time shares a transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from tidegate.serving.store import StreamStore, settle

_Result = TypeVar("_Result")
_Work = Callable[[StreamStore], Any]
_MOST = 256  # in one transaction: the other workers wait for it
_SLOW_SECONDS = 0.01  # what a transaction may hold up all other requests
_BUSY_SECONDS = 5.0  # what a transaction may wait for other workers, beside the event loop


class _Job(NamedTuple):
    work: _Work
    answer: asyncio.Future[Any]


class Transactions:
    """Runs work on a store, and gives its result when it is committed.

    Nobody waits for a transaction to fill up: a lone request has one of its own, and under load those of one turn of
    the event loop share one. It takes a fraction of a millisecond, and handing it to a thread and back costs more, so
    it is done on the event loop; while the disk or other workers have been seen to need longer, in a thread.
    Work that raises must have written nothing that is not to stay; the rest of its transaction is committed.
    """

    def __init__(self, store: StreamStore) -> None:
        """Begin, on the running event loop."""
        self._store = store
        self._jobs: deque[_Job] = deque()
        self._due = False  # a turn is scheduled, or a thread is at work
        self._slow = False
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tidegate-store")

    async def run(self, work: Callable[[StreamStore], _Result]) -> _Result:
        """Run work inside a transaction, and return its result when that is committed.

        Raises:
            sqlite3.Error: the transaction failed, and nothing of the work stays.
            Exception: whatever the work raised.
        """
        answer: asyncio.Future[_Result] = self._loop.create_future()
        self._jobs.append(_Job(work, answer))
        self._schedule()
        return await answer

    @property
    def waiting(self) -> int:
        """Works that wait for their transaction."""
        return len(self._jobs)

    async def settle(self) -> int:
        """Let the disk have what was committed; returns the number of streams."""
        if self._store.path is None:
            return len(self._store)
        return await self._loop.run_in_executor(None, settle, self._store.path)

    def close(self) -> None:
        """End the thread after what it works on, and close the store."""
        self._pool.shutdown(wait=True)
        self._store.close()

    def _schedule(self) -> None:
        if not self._due and self._jobs:
            self._due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        jobs: list[_Job] = []
        while self._jobs and len(jobs) < _MOST:
            job = self._jobs.popleft()
            if not job.answer.done():  # else the client has gone
                jobs.append(job)
        works = [job.work for job in jobs]
        results = None if self._slow else self._commit(works, _SLOW_SECONDS)
        if results is None or any(isinstance(result, _Failed) and is_busy(result.error) for result in results):
            doing = self._loop.run_in_executor(self._pool, self._commit, works, _BUSY_SECONDS)
            doing.add_done_callback(lambda done: self._deliver(jobs, done.result()))
        else:
            self._deliver(jobs, results)

    def _commit(self, works: list[_Work], seconds: float) -> list[Any]:
        """The results of one transaction, errors among them; when it fails, each work has one of its own."""
        begin = time.perf_counter()
        try:
            with self._store.transaction(seconds):
                return [self._try(work) for work in works]
        except sqlite3.Error as error:
            if len(works) == 1 or is_busy(error):
                return [_Failed(error)] * len(works)
        finally:
            self._slow = time.perf_counter() - begin > _SLOW_SECONDS
        return [result for work in works for result in self._commit([work], seconds)]

    def _try(self, work: _Work) -> Any:
        try:
            return work(self._store)
        except sqlite3.Error:
            raise
        except Exception as error:
            return _Failed(error)

    def _deliver(self, jobs: list[_Job], results: list[Any]) -> None:
        for job, result in zip(jobs, results, strict=True):
            if job.answer.done():
                continue
            if isinstance(result, _Failed):
                job.answer.set_exception(result.error)
            else:
                job.answer.set_result(result)
        self._due = False
        self._schedule()


class _Failed(NamedTuple):
    """The error of one work, on its way to whoever asked for it."""

    error: Exception


def is_busy(error: Exception) -> bool:
    """Whether another worker kept the store for too long."""
    return isinstance(error, sqlite3.Error) and "locked" in str(error)
