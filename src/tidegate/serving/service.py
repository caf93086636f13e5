"""One worker of the service: what it holds while it runs, and the order in which it begins and ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from tidegate.errors import SettingError
from tidegate.registry import part, task_of
from tidegate.serving.batching import Batcher
from tidegate.serving.bounds import Bounds
from tidegate.serving.contract import TaskService
from tidegate.serving.isolation import Isolation
from tidegate.serving.metrics import Metrics
from tidegate.serving.models import Models
from tidegate.serving.repair import claim, prepare
from tidegate.serving.settings import ServeSettings, read_token
from tidegate.serving.store import StreamStore
from tidegate.serving.transactions import Transactions

log = logging.getLogger("tidegate.serving")


class Service:
    """Everything that the routes of one worker share.

    Attributes:
        settings: the service's settings.
        models: the served models.
        metrics: what /metrics shows.
        bounds: what a request may hold.
        isolation: reads what is large, or takes unknown time and memory; from the start of the event loop on.
        batcher: computes what is asked for together; from the start of the event loop on.
        transactions: read and write the streams; likewise.
        ready: whether requests are answered.
        token: the bearer token that requests must carry, or None.
    """

    isolation: Isolation
    batcher: Batcher
    transactions: Transactions

    def __init__(
        self,
        models: Sequence[str],
        settings: ServeSettings | None = None,
        *,
        token: str | None = None,
        database: Path | None = None,
        good: Path | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Load the models.

        Args:
            models: model or run folders, each as PATH or NAME=PATH.
            settings: the service's settings.
            token: the bearer token that requests must carry, or None.
            database: the streams that several workers share; their supervisor has prepared it.
            good: where these workers keep copies of the models that they could load.
            beat: called each second on the event loop, as a sign of life.

        Raises:
            SettingError, ModelFolderError: a model cannot be served.
            DataError: the streams cannot be kept in the folder of the settings.
        """
        self.settings = settings or ServeSettings()
        self._tasks: dict[str, TaskService] = {}
        self._begun = False
        self.models = Models(models, self._task_of, good)
        self._begun = True
        self.metrics = Metrics(shared=database is not None)
        for name in self.models.names:
            self.metrics.serve(self.models.get(name))
        self.ready = False
        self.bounds = Bounds(self.settings.max_rows, self.settings.max_values)
        self.token, self._database, self._lock, self._beat = token, database, None, beat
        self._token_stamp = self._stamp_of_token()
        if database is None and self.settings.state is not None:
            self._lock = claim(Path(self.settings.state))
            self._database = prepare(Path(self.settings.state))

    @property
    def tasks(self) -> list[TaskService]:
        """What serves the models: one for each task that is among them."""
        return list(self._tasks.values())

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """What begins and ends with the event loop, as FastAPI wants it."""
        settings = self.settings
        self.batcher = Batcher(
            settings.batch_size, 4 * settings.max_requests, settings.timeout, self.metrics.batch.observe
        )
        self.transactions = Transactions(StreamStore(self._database, synced=settings.sync == "always"))
        modules = ["tidegate.serving.tensors", *(name for task in self.tasks for name in task.reading)]
        self.isolation = Isolation(memory=settings.table_memory, seconds=settings.table_seconds, modules=modules)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.isolation.close)
            if self._lock is not None:
                stack.callback(self._lock.close)
            stack.callback(self.transactions.close)
            stack.callback(self.batcher.close)
            for task in self.tasks:
                await stack.enter_async_context(task.running())
            for work, seconds in ((self._refresh, settings.reload), (self._settle, 1.0), (self._live, 1.0)):
                stack.callback(asyncio.create_task(_each(seconds, work)).cancel)
            self.ready = True
            try:
                yield
            finally:
                self.ready = False

    def _task_of(self, folder: Path) -> TaskService:
        """What serves the model of a folder; made when the first model of its task is loaded."""
        name = task_of(folder).service
        if not name:
            raise SettingError(f"the model in {folder} is of a task that cannot be served; leave it out")
        if name not in self._tasks:
            if self._begun:
                raise SettingError(f"{folder} now holds a model of another task; start the service again to serve it")
            self._tasks[name] = part(name)(self)
        return self._tasks[name]

    def _stamp_of_token(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self.settings.token_file or "")
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _refresh_token(self) -> None:
        stamp = self._stamp_of_token()
        if stamp in (None, self._token_stamp) or self.settings.token_file is None:
            return
        self._token_stamp = stamp
        try:
            self.token = read_token(self.settings.token_file)
        except SettingError as error:
            log.error("the old token stays: %s", error)
        else:
            log.info("the token is now that of the changed file %s", self.settings.token_file)

    async def _live(self) -> None:
        self._beat()
        self.metrics.waiting.labels("batches").set(self.batcher.waiting)
        self.metrics.waiting.labels("tables").set(self.isolation.waiting)
        self.metrics.waiting.labels("streams").set(self.transactions.waiting)

    async def _refresh(self) -> None:
        self._refresh_token()
        for version in await asyncio.get_running_loop().run_in_executor(None, self.models.refresh):
            self.metrics.serve(version)

    async def _settle(self) -> None:
        self.metrics.streams.set(await self.transactions.settle())


async def _each(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:
            log.exception("a task of the service failed; it goes on")
