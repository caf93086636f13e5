"""Work on what clients sent, in a process that can be ended: bounded in time, in memory and in number."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tidegate.serving.isolated import DONE, FAULT, HEAD, MEMORY, REFUSED, TIME
from tidegate.serving.responses import Refusal, overloaded

_Result = TypeVar("_Result")
_STARTING, _LATE = 60.0, 5.0  # seconds until the process has begun, and beyond which it is taken for frozen


class Isolation:
    """Runs functions in a process beside the event loop, one at a time; it begins when it is first needed."""

    def __init__(self, *, memory: int, seconds: float, waiting: int = 64, modules: Sequence[str] = ()) -> None:
        """Set the bounds.

        Args:
            memory: bytes that a work may take beyond what its process has.
            seconds: that a work may take.
            waiting: works waiting, at most; more are refused.
            modules: what the process imports when it begins, so that no work pays for it.
        """
        self._memory, self._seconds, self._limit, self._modules = memory, seconds, waiting, list(modules)
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self.waiting = 0

    async def run(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run a function of a module with arguments that can be pickled.

        Raises:
            Refusal: what the function refused, or it took too long or too much memory, or too many are waiting.
        """
        if self.waiting >= self._limit:
            raise overloaded("the service holds all the tables it may; try again in a second")
        work = pickle.dumps((function, arguments))
        self.waiting += 1
        try:
            async with self._turn:
                kind, value = await self._exchange(work)
        finally:
            self.waiting -= 1
        if kind == DONE:
            return value
        if kind == REFUSED:
            status, sentence, retry_after = value
            raise Refusal(status, sentence, retry_after=retry_after)
        if kind == FAULT:
            raise RuntimeError(f"the process that reads requests met a fault:\n{value}")
        raise Refusal(413, _SENTENCES[kind].format(seconds=self._seconds, memory=self._memory // 2**20))

    async def close(self) -> None:
        """End the process and what it works on."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        self._folder.cleanup()

    async def _exchange(self, work: bytes) -> tuple[int, Any]:
        try:
            if self._process is None:
                self._process = await self._begin()
                await asyncio.wait_for(_answer(self._process), _STARTING)
            process = self._process
            assert process.stdin is not None
            process.stdin.write(HEAD.pack(len(work)) + work)
            return await asyncio.wait_for(_answer(process), self._seconds + _LATE)
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.close()
            return MEMORY, None  # the kernel ended it for want of memory; the next work begins another
        except (asyncio.TimeoutError, TimeoutError):
            await self.close()
            return TIME, None
        except asyncio.CancelledError:
            await self.close()  # its answer would be taken for that of the next work
            raise

    async def _begin(self) -> asyncio.subprocess.Process:
        self._folder = tempfile.TemporaryDirectory(prefix="tidegate-")
        options = [str(self._memory), str(self._seconds), self._folder.name]
        return await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "tidegate.serving.isolated", *options, *self._modules],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )


async def _answer(process: asyncio.subprocess.Process) -> tuple[int, Any]:
    assert process.stdout is not None
    head = await process.stdout.readexactly(HEAD.size)
    return pickle.loads(await process.stdout.readexactly(HEAD.unpack(head)[0]))


_SENTENCES = {
    TIME: "reading the request takes longer than {seconds:g} seconds; send less at a time",
    MEMORY: "reading the request takes more than {memory} MiB of memory; send less at a time",
}
