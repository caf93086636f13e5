"""Streams when there are several workers: the first keeps them, the others pass requests on over a Unix socket.

So a stream is never in two places, its journal has one writer, and which worker a connection lands on does not matter.
A message is four bytes of length and JSON; the answer likewise. A request is passed on once: when the keeper dies while
it holds one, nobody knows whether the observation was taken, and the client is told so.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from tidegate.serving.limits import as_refusal
from tidegate.serving.responses import Refusal
from tidegate.serving.schemas import PushBody, read
from tidegate.serving.streams import Streams

_LENGTH = struct.Struct(">I")
_CONNECT_SECONDS = 5.0
_MOST_BYTES = 64 * 2**20
log = logging.getLogger("tidegate.serving")


class Keeper:
    """The streams of this process, as the routes use them."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def ask(self, what: str, name: str, body: bytes = b"", level: tuple[float, ...] = ()) -> bytes:
        """Push to a stream, look at it, drop it, or list all; the answer is JSON.

        Raises:
            Refusal, TidegateError: in one sentence.
        """
        if what == "push":
            return await self._streams.push(name, read(PushBody, body))
        if what == "look":
            return await self._streams.look(name, level)
        if what == "drop":
            self._streams.drop(name)
            return orjson.dumps({"dropped": name})
        return orjson.dumps({"count": len(self._streams), "streams": self._streams.names(100)})

    async def listen(self, path: str) -> asyncio.Server:
        """Answer the other workers."""
        return await asyncio.start_unix_server(self._connected, path, backlog=1024)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                question = orjson.loads(await _receive(reader))
                await _send(writer, await self._answer(question))
        writer.close()

    async def _answer(self, question: dict[str, Any]) -> bytes:
        body = base64.b64decode(question["body"])
        try:
            answer = await self.ask(question["what"], question["name"], body, tuple(question["level"]))
            return b"200 " + answer
        except Exception as error:
            try:
                refusal = as_refusal(error)
            except Exception:
                log.exception("a stream met a fault of ours")
                refusal = Refusal(500, "the service met a fault of its own; its log says more")
            return orjson.dumps([refusal.status, refusal.sentence, refusal.retry_after])


class Messenger:
    """The streams of another worker, asked over its socket."""

    def __init__(self, path: str, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, what: str, name: str, body: bytes = b"", level: tuple[float, ...] = ()) -> bytes:
        """As `Keeper.ask`."""
        text = base64.b64encode(body).decode()
        question = orjson.dumps({"what": what, "name": name, "body": text, "level": list(level)})
        reader, writer = await self._connection()
        try:
            answer = await asyncio.wait_for(_exchange(reader, writer, question), self._seconds)
        except BaseException as error:
            writer.close()
            if isinstance(error, OSError | EOFError | asyncio.TimeoutError):
                raise Refusal(
                    503,
                    "the worker that keeps the streams went away, and nobody knows whether it took the observation; "
                    "push it again with its time, which is never taken twice",
                    retry_after=1,
                ) from None
            raise
        self._idle.append((reader, writer))
        if answer.startswith(b"200 "):
            return answer[4:]
        status, sentence, retry_after = orjson.loads(answer)
        raise Refusal(status, sentence, retry_after=retry_after)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        until = time.monotonic() + _CONNECT_SECONDS
        while True:  # a keeper that was killed comes back within a few seconds
            try:
                return await asyncio.open_unix_connection(self._path)
            except OSError:
                if time.monotonic() > until:
                    sentence = "the worker that keeps the streams is not there at the moment; try again in a second"
                    raise Refusal(503, sentence, retry_after=1) from None
                await asyncio.sleep(0.05)


Ask = Callable[..., Awaitable[bytes]]


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: bytes) -> bytes:
    await _send(writer, question)
    return await _receive(reader)


async def _send(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(_LENGTH.pack(len(content)) + content)
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > _MOST_BYTES:
        raise OSError("a message is too long")
    return await reader.readexactly(length)
