"""Connections with what uvicorn leaves open: a bound on their number, on the time and size of a request's head.

Where there are too many, the one that has been idle for longest goes; some places are kept for those who ask whether
the service lives. A shutdown here is gentle: a connection that is idle may still send the request that is on its way,
and is told in the answer that it closes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tidegate.serving.responses import error_body
from tidegate.serving.settings import HEALTH, SPARE

_HEAD_BYTES = 64 * 1024
_GRACE = 0.25


class BoundedProtocol(HttpToolsProtocol):
    """An HTTP/1.1 connection with bounds; `bounded` makes the class that a server uses."""

    head_seconds = 10.0
    most = 2048
    idle: ClassVar[OrderedDict[BoundedProtocol, None]] = OrderedDict()  # those without a request in work, longest first

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take a connection; when there are too many, close an idle one, or answer 503."""
        super().connection_made(transport)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._leaving = self._spare = False
        if len(self.connections) > self.most:
            if self.idle:
                self.idle.popitem(last=False)[0].transport.close()
            elif len(self.connections) > self.most + SPARE:
                self._too_many()
                return
            else:
                self._spare = True
        self.idle[self] = None
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._head_done()
        self.idle.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head without end is refused."""
        if self.transport.is_closing():
            return
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > _HEAD_BYTES:
            self._end(431, "the head of the request is too large; send shorter headers")

    def on_headers_complete(self) -> None:
        """Begin a request: its head has come."""
        self._head_done()
        self.idle.pop(self, None)
        if self._spare and not self.url.decode("latin-1").startswith(HEALTH):
            self._too_many()
            return
        super().on_headers_complete()
        if self._leaving:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """Be idle until the next request."""
        super().on_response_complete()
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.idle[self] = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the words of this service."""
        self._end(400, "this is no HTTP request that can be read; send HTTP/1.1")

    def eof_received(self) -> bool:
        """Answer a client that has closed its half of the connection after whole requests; True keeps ours open."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            return False
        self.cycle.keep_alive = False
        return True

    def shutdown(self) -> None:
        """Close when what was accepted is answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            return
        self._leaving = True
        self.loop.call_later(_GRACE, self._close_idle)

    def _close_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _too_many(self) -> None:
        self._end(503, "too many connections are open; try again in a second", "retry-after: 1\r\n")

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.head_seconds, self._too_slow)

    def _head_done(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._end(408, "the head of the request did not arrive in time; send it faster")
        else:
            self.transport.close()

    def _end(self, status: int, sentence: str, more: str = "") -> None:
        if self.transport.is_closing():
            return
        self._head_done()
        body = error_body(sentence)
        words = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}
        head = (
            f"HTTP/1.1 {status} {words.get(status, 'Service Unavailable')}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n{more}connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def bounded(most: int, head_seconds: float) -> type[Any]:
    """The protocol class with these bounds."""
    return type("Bounded", (BoundedProtocol,), {"most": most, "head_seconds": head_seconds, "idle": OrderedDict()})
