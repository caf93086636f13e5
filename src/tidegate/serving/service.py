"""One worker of the service: what it holds while it runs, and the order in which it begins and ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tidegate.serving.batching import Batcher
from tidegate.serving.metrics import Metrics
from tidegate.serving.models import Models
from tidegate.serving.predicting import Tables
from tidegate.serving.settings import ServeSettings
from tidegate.serving.sharing import Keeper, Messenger
from tidegate.serving.streams import Streams

_Result = TypeVar("_Result")
log = logging.getLogger("tidegate.serving")


class Service:
    """Everything that the routes of one worker share.

    Attributes:
        settings: the service's settings.
        models: the served models.
        metrics: what /metrics shows.
        batcher: computes forecasts of arrays and streams; from the start of the event loop on.
        streams: the streams, here or in the first worker; likewise.
        ready: whether requests are answered.
        token: the bearer token that requests must carry, or None.
    """

    batcher: Batcher
    streams: Keeper | Messenger

    def __init__(
        self,
        models: Sequence[str],
        settings: ServeSettings | None = None,
        *,
        token: str | None = None,
        socket: str | None = None,
        keeper: bool = True,
    ) -> None:
        """Load the models.

        Args:
            models: model or run folders, each as PATH or NAME=PATH.
            settings: the service's settings.
            token: the bearer token that requests must carry, or None.
            socket: the Unix socket between workers, when there are several.
            keeper: whether this worker keeps the streams.

        Raises:
            SettingError, ModelFolderError: a model cannot be served.
        """
        self.settings = settings or ServeSettings()
        self.models = Models(models)
        self.metrics = Metrics(shared=socket is not None)
        self.ready = False
        self.token, self._socket, self._keeper = token, socket, keeper

    async def table(self, work: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run work on a table beside the event loop, within the time that a request may take."""
        return await asyncio.wait_for(self._tables.run(work, *arguments), self.settings.timeout)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """What begins and ends with the event loop, as FastAPI wants it."""
        settings = self.settings
        self.batcher = Batcher(
            settings.batch_size, 4 * settings.max_requests, settings.timeout, self.metrics.batch.observe
        )
        self._tables = Tables()
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self.batcher.close)
            stack.callback(self._tables.close)
            await self._begin_streams(stack)
            for work, seconds in ((self._refresh, settings.reload),):
                task = asyncio.create_task(_each(seconds, work))
                stack.callback(task.cancel)
            self.ready = True
            try:
                yield
            finally:
                self.ready = False

    async def _begin_streams(self, stack: contextlib.AsyncExitStack) -> None:
        settings = self.settings
        if not self._keeper and self._socket is not None:
            self.streams = Messenger(self._socket, settings.timeout)
            return
        streams = Streams(
            self.models,
            self.batcher,
            limit=settings.max_streams,
            folder=None if settings.state is None else Path(settings.state),
            always=settings.sync == "always",
            evicted=self.metrics.evicted.inc,
        )
        stack.callback(streams.close)
        task = asyncio.create_task(_each(1.0, self._sync, streams))
        stack.callback(task.cancel)
        self.streams = Keeper(streams)
        if self._socket is not None:
            Path(self._socket).unlink(missing_ok=True)  # of a keeper that was killed
            server = await self.streams.listen(self._socket)
            stack.callback(server.close)

    async def _refresh(self) -> None:
        for served in await asyncio.get_running_loop().run_in_executor(None, self.models.refresh):
            self.metrics.loaded.labels(served.name).inc()

    async def _sync(self, streams: Streams) -> None:
        self.metrics.streams.set(len(streams))
        await asyncio.get_running_loop().run_in_executor(None, streams.sync)


async def _each(seconds: float, work: Callable[..., Any], *arguments: Any) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work(*arguments)
        except Exception:
            log.exception("a task of the service failed; it goes on")
