"""What stands before every route: the token, bounds on body, time and number of requests, and the metrics."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, TypeVar

from tidegate.errors import TidegateError
from tidegate.serving.logs import id_of_request, request_id
from tidegate.serving.metrics import Metrics
from tidegate.serving.responses import FAULT, Refusal, error_body, overloaded
from tidegate.serving.settings import HEALTH, ServeSettings
from tidegate.serving.visitors import Visitors

Scope = MutableMapping[str, Any]
Receive = Callable[[], Coroutine[Any, Any, MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Open without a token: whether the service lives, and the page's own files, which hold no data.
_OPEN = (HEALTH, "/page/")
_BODIES = ("POST", "PUT", "PATCH", "DELETE")
_ALWAYS = ((b"x-content-type-options", b"nosniff"),)
_LARGE = 64 * 1024
_Result = TypeVar("_Result")
log = logging.getLogger("tidegate.serving")


class Limits:
    """ASGI middleware: refuses what is too much or not allowed, reads the body within its bounds, counts."""

    def __init__(self, app: App, settings: ServeSettings, metrics: Metrics, token: Callable[[], str | None]) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._token, self._visitors = token, Visitors(settings.allow_host, settings.origin)
        self._active = self._buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        named = id_of_request(dict(scope["headers"]).get(b"x-request-id"))
        request_id.set(named)
        begin, reply = time.perf_counter(), _Reply(send, self._settings.timeout, named.encode())
        self._active += 1
        self._metrics.begin()
        held = 0
        try:
            self._admit(scope)
            body = b""
            if scope["method"] in _BODIES:
                body = await self._read(scope, receive)
                held = len(body)
                body = inflated(body, dict(scope["headers"]).get(b"content-encoding", b""), self._settings.max_body)
            scope["tidegate.body"] = body
            await self._app(scope, _replay(body, receive), reply)
        except Refusal as refusal:
            await _refuse(reply, refusal)
        except asyncio.CancelledError:
            raise
        except _Gone:
            pass  # the client closed the connection; nobody is left to be answered
        except Exception:
            log.exception("a request met a fault of ours")
            await _refuse(reply, FAULT)
        finally:
            self._buffered -= held
            self._active -= 1
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.end(route, reply.status, time.perf_counter() - begin)

    def _admit(self, scope: Scope) -> None:
        path = scope["path"]
        if path.startswith(HEALTH):
            return  # whoever asks whether the service lives must be answered also under load
        if self._active > self._settings.max_requests:
            raise overloaded(f"{self._settings.max_requests} requests are in work already; try again in a second")
        headers = dict(scope["headers"])
        self._visitors.check(headers.get(b"host"), headers.get(b"origin"))
        wanted = self._token()
        if wanted is None or path == "/" or path.startswith(_OPEN):
            return
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        # Digests of one length, so that the time taken says nothing about the token, not even its length.
        if scheme.lower() != b"bearer" or not hmac.compare_digest(_digest(token.strip()), _digest(wanted.encode())):
            raise Refusal(401, "the request carries no valid token; send the header Authorization: Bearer <token>")

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """The body, within the bounds on its bytes, on those of all bodies, and on the time it may take."""
        limit = self._settings.max_body
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            raise Refusal(413, f"the body has {int(declared)} bytes and may have {limit}; send fewer rows at a time")
        message = await self._receive(receive, self._settings.read_timeout)
        if not message.get("more_body"):
            return self._within(message.get("body", b""))
        until = time.monotonic() + self._settings.read_timeout
        parts, size = [], 0
        try:
            while True:
                part = message.get("body", b"")
                parts.append(part)
                size, self._buffered = size + len(part), self._buffered + len(part)
                self._check(size, 0)
                if not message.get("more_body"):
                    break
                message = await self._receive(receive, until - time.monotonic())
        finally:
            self._buffered -= size
        return self._within(b"".join(parts))

    def _within(self, body: bytes) -> bytes:
        self._check(len(body), len(body))
        self._buffered += len(body)
        return body

    def _check(self, size: int, more: int) -> None:
        if size > self._settings.max_body:
            raise Refusal(413, f"the body has more than {self._settings.max_body} bytes; send fewer rows at a time")
        if self._buffered + more > self._settings.max_buffered:
            raise overloaded("the service holds all the bytes of requests it may; try again in a second")

    async def _receive(self, receive: Receive, seconds: float) -> MutableMapping[str, Any]:
        try:
            message = await _within_seconds(receive(), max(seconds, 0.001))
        except (asyncio.TimeoutError, TimeoutError):
            raise Refusal(408, "the body did not arrive in time; send it faster or in smaller pieces") from None
        if message["type"] == "http.disconnect":
            raise _Gone
        return message


def inflated(body: bytes, encoding: bytes, most: int) -> bytes:
    """A body as it was before its Content-Encoding.

    Raises:
        Refusal: it is of another kind than gzip (415), is none (400), or holds more bytes than allowed (413).
    """
    kind = encoding.strip().lower()
    if kind in (b"", b"identity"):
        return body
    if kind not in (b"gzip", b"x-gzip"):
        raise Refusal(415, f"the body is encoded as {kind.decode('latin-1')[:40]!r}; send it as it is, or as gzip")
    inflate = zlib.decompressobj(wbits=31)
    try:
        content = inflate.decompress(body, most + 1)
    except zlib.error:
        content = b""
    if len(content) > most:
        raise Refusal(413, f"the body holds more than {most} bytes; send fewer rows at a time")
    if not inflate.eof or inflate.unused_data:
        raise Refusal(400, "the body is no gzip that can be read; send it whole")
    return content


async def _within_seconds(work: Coroutine[Any, Any, _Result], seconds: float) -> _Result:
    if sys.version_info < (3, 11):
        return await asyncio.wait_for(work, seconds)
    async with asyncio.timeout(seconds):  # makes no task, as wait_for does for every request
        return await work


class _Gone(Exception):
    """The client has closed the connection."""


class _Reply:
    """Sends the answer, remembers its status, and does not wait for ever for a client that reads slowly."""

    def __init__(self, send: Send, seconds: float, named: bytes) -> None:
        self._send, self._seconds, self._named, self.status = send, seconds, named, 0

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message.setdefault("headers", [])
            message["headers"] = [*message["headers"], *_ALWAYS, (b"x-request-id", self._named)]
        if len(message.get("body", b"")) <= _LARGE:
            await self._send(message)
            return
        try:
            await asyncio.wait_for(self._send(message), self._seconds)
        except asyncio.TimeoutError:
            raise _Gone from None


def as_refusal(error: Exception) -> Refusal:
    """The refusal that says to a client what an error says to a user."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, TidegateError):
        return Refusal(422, str(error))
    if isinstance(error, asyncio.TimeoutError | TimeoutError):
        return Refusal(503, "the answer took longer than a request may; ask for less at a time", retry_after=1)
    raise error


async def _refuse(reply: _Reply, refusal: Refusal) -> None:
    if reply.status:
        return  # the answer has begun
    headers = {"content-type": "application/json", "content-length": str(len(refusal.body))} | refusal.headers
    if refusal.status in (408, 413):
        headers["connection"] = "close"  # what is left of the body is not read
    coded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await reply({"type": "http.response.start", "status": refusal.status, "headers": coded})
    await reply({"type": "http.response.body", "body": error_body(refusal.sentence)})


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out a body that was read already."""
    sent = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
