"""One process that answers requests: alone, or one of several workers of a supervisor."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.errors import TidegateError
from tidegate.serving.logs import begin_logging
from tidegate.serving.settings import ServeSettings, read_token

if TYPE_CHECKING:
    import uvicorn

    from tidegate.serving.service import Service

BACKLOG = 2048
REFUSED = 3  # exit status of a worker that cannot begin; its sentence is on standard error


def work(
    models: Sequence[str],
    settings: ServeSettings,
    token: str | None,
    listener: socket.socket,
    database: Path | None,
    begun: Callable[[], None],
    *,
    good: Path | None = None,
    beat: Callable[[], None] = lambda: None,
) -> None:
    """Answer requests until a signal comes.

    Args:
        models: model or run folders, each as PATH or NAME=PATH.
        settings: the service's settings.
        token: the bearer token that requests must carry, or None.
        listener: the socket that connections come to.
        database: the streams that several workers share, or None.
        begun: called when requests are answered.
        good: where several workers keep copies of the models that they could load.
        beat: called each second on the event loop.
    """
    import torch

    from tidegate.serving.service import Service

    begin_logging(settings.log_format)
    torch.set_num_threads(1)  # torch's threads and the event loop would fight for the cores; more workers use more
    sys.setswitchinterval(0.0005)  # the batching thread must not wait 5 ms for the event loop to let go
    server = make_server(Service(models, settings, token=token, database=database, good=good, beat=beat))
    # What the imports and models made stays; looking through it again and again would stop all requests for 100 ms.
    gc.collect()
    gc.freeze()
    threading.Thread(target=_announce, args=(server, begun), daemon=True).start()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _already_ending)
    end_on_hangup()
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(REFUSED)


def make_server(service: Service) -> uvicorn.Server:
    """The HTTP server of one worker."""
    import uvicorn

    from tidegate.serving.app import build_app
    from tidegate.serving.connections import bounded

    settings = service.settings
    config = uvicorn.Config(
        build_app(service),
        http=bounded(settings.max_connections, settings.read_timeout),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(settings.timeout) + 1,
        backlog=BACKLOG,
    )
    return uvicorn.Server(config)


def end_on_hangup() -> None:
    """Let a terminal that closes end the service in order, as SIGTERM does; under nohup it goes on."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))


def _already_ending(number: int, frame: Any) -> None:
    """uvicorn raises the signal again when it has ended in good order; that is no reason to die of it."""


def _announce(server: Any, begun: Callable[[], None]) -> None:
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.01)
    begun()


def work_for_supervisor() -> None:
    """Be a worker of a supervisor: read the task from standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = json.loads(sys.stdin.buffer.readline())
    settings = ServeSettings(**task["settings"])
    listener = socket.socket(fileno=task["listener"])
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    token = None if settings.token_file is None else read_token(settings.token_file)
    try:
        work(
            task["models"],
            settings,
            token,
            listener,
            Path(task["database"]),
            lambda: _say(b"begun\n"),
            good=Path(task["good"]),
            beat=lambda: _say(b"alive\n"),
        )
    except TidegateError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        sys.exit(REFUSED)


def _say(line: bytes) -> None:
    with contextlib.suppress(OSError):  # the supervisor has gone, and this worker is about to
        os.write(1, line)


def _end_with_supervisor() -> None:
    while os.read(0, 1):  # not through sys.stdin, whose lock would be held when the interpreter ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    work_for_supervisor()
