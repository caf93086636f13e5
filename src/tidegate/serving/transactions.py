"""Work on the store in a thread of its own: what comes while a transaction is on its way shares the next one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from tidegate.serving.store import StreamStore

_Result = TypeVar("_Result")
_Work = Callable[[StreamStore], Any]
_MOST = 256  # in one transaction: the other workers wait for it


class _Job(NamedTuple):
    work: _Work
    answer: asyncio.Future[Any]


class Transactions:
    """Runs work on a store, and gives its result when it is committed.

    Work that raises must have written nothing that is not to stay; the rest of its transaction is committed. Nobody
    waits for a transaction to fill up: a lone request has one of its own, and under load or on a slow disk many share
    one.
    """

    def __init__(self, store: StreamStore) -> None:
        """Begin, on the running event loop."""
        self._store = store
        self._jobs: deque[_Job] = deque()
        self._busy = False
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
        self._next()
        return await answer

    async def settle(self) -> int:
        """Let the disk have what was committed; returns the number of streams."""
        return await self._loop.run_in_executor(self._pool, self._settle)

    def close(self) -> None:
        """End the thread after what it works on, and close the store."""
        self._pool.shutdown(wait=True)
        self._store.close()

    def _settle(self) -> int:
        self._store.checkpoint()
        return len(self._store)

    def _next(self) -> None:
        if self._busy:
            return
        jobs: list[_Job] = []
        while self._jobs and len(jobs) < _MOST:
            job = self._jobs.popleft()
            if not job.answer.done():  # else the client has gone
                jobs.append(job)
        if jobs:
            self._busy = True
            doing = self._loop.run_in_executor(self._pool, self._commit, [job.work for job in jobs])
            doing.add_done_callback(lambda done: self._deliver(jobs, done.result()))

    def _commit(self, works: list[_Work]) -> list[Any]:
        """The results of one transaction, errors among them; when it fails, each work has one of its own."""
        try:
            with self._store.transaction():
                return [self._try(work) for work in works]
        except sqlite3.Error as error:
            if len(works) == 1 or is_busy(error):
                return [_Failed(error)] * len(works)
        return [result for work in works for result in self._commit([work])]

    def _try(self, work: _Work) -> Any:
        try:
            return work(self._store)
        except sqlite3.Error:
            raise
        except Exception as error:
            return _Failed(error)

    def _deliver(self, jobs: list[_Job], results: list[Any]) -> None:
        self._busy = False
        for job, result in zip(jobs, results, strict=True):
            if job.answer.done():
                continue
            if isinstance(result, _Failed):
                job.answer.set_exception(result.error)
            else:
                job.answer.set_result(result)
        self._next()


class _Failed(NamedTuple):
    """The error of one work, on its way to whoever asked for it."""

    error: Exception


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another worker kept the store for too long."""
    return "locked" in str(error)
