"""Starting the service: one process, or a parent that holds the port and workers that answer."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.errors import MissingExtraError, SettingError, TidegateError
from tidegate.serving.settings import ServeSettings
from tidegate.settings import check_settings

if TYPE_CHECKING:
    import uvicorn

    from tidegate.serving.service import Service

_REFUSED = 3  # exit status of a worker that cannot begin; its sentence is on standard error
_BACKLOG = 2048
log = logging.getLogger("tidegate.serving")


def serve(models: Sequence[str], settings: ServeSettings, *, say: Callable[[str], None] = print) -> None:
    """Serve models until SIGTERM or Ctrl-C; what was accepted by then is answered.

    Args:
        models: model or run folders, each as PATH or NAME=PATH.
        settings: the service's settings.
        say: told where the service listens, when it does.

    Raises:
        SettingError, ModelFolderError, MissingExtraError: the service cannot begin.
    """
    check_settings(settings)
    _check_extra()
    token = None if settings.token_file is None else read_token(settings.token_file)
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if token is None and host not in ("127.0.0.1", "::1"):
        say("note: whoever reaches this address may use the service; --token-file asks for a token")
    if settings.workers == 1:
        _work(models, settings, token, listener, None, 0, lambda: say(f"serving at {where}"))
    else:
        _Parent(models, settings, listener, lambda: say(f"serving at {where} with {settings.workers} workers")).run()


def read_token(path: str) -> str:
    """The first line of a token file.

    Raises:
        SettingError: it cannot be read, or holds no token of at least 16 characters.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"the token file {path} cannot be read ({error}); give a file with the token in it"
        ) from None
    token = lines[0].strip() if lines else ""
    if len(token) < 16 or not token.isascii() or " " in token:
        raise SettingError(
            f"the first line of {path} is no token; write at least 16 characters without blanks, for instance those of "
            "`openssl rand -hex 32`"
        )
    return token


def _check_extra() -> None:
    for package in ("fastapi", "uvicorn", "httptools", "prometheus_client", "orjson"):
        try:
            __import__(package)
        except ImportError:
            raise MissingExtraError(package, "serve") from None


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingError(f"{host} port {port} cannot be listened on ({reason}); choose another with --port") from None


def _work(
    models: Sequence[str],
    settings: ServeSettings,
    token: str | None,
    listener: socket.socket,
    path: str | None,
    index: int,
    begun: Callable[[], None],
) -> None:
    """Be one worker until a signal comes."""
    import torch

    from tidegate.serving.service import Service

    _begin_logging()
    torch.set_num_threads(1)  # torch's threads and the event loop would fight for the cores; more workers use more
    sys.setswitchinterval(0.0005)  # the batching thread must not wait 5 ms for the event loop to let go
    server = make_server(Service(models, settings, token=token, socket=path, keeper=index == 0))
    # What the imports and models made stays; looking through it again and again would stop all requests for 100 ms.
    gc.collect()
    gc.freeze()
    threading.Thread(target=_announce, args=(server, begun), daemon=True).start()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _already_ending)
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(_REFUSED)


def make_server(service: Service) -> uvicorn.Server:
    """The HTTP server of one worker."""
    import uvicorn

    from tidegate.serving.connections import bounded

    settings = service.settings
    config = uvicorn.Config(
        service.app(),
        http=bounded(settings.max_connections, settings.read_timeout),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(settings.timeout) + 1,
        backlog=_BACKLOG,
    )
    return uvicorn.Server(config)


def _already_ending(number: int, frame: Any) -> None:
    """uvicorn raises the signal again when it has ended in good order; that is no reason to die of it."""


def _announce(server: Any, begun: Callable[[], None]) -> None:
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.01)
    begun()


def _begin_logging() -> None:
    logging.basicConfig(level=logging.INFO, format="tidegate: %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


class _Parent:
    """Holds the port, keeps as many workers as were asked for, and ends them."""

    def __init__(
        self, models: Sequence[str], settings: ServeSettings, listener: socket.socket, begun: Callable[[], None]
    ) -> None:
        self._models, self._settings, self._listener, self._begun = models, settings, listener, begun
        self._ending = False
        self._folder = tempfile.mkdtemp(prefix="tidegate-")
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._born: dict[int, float] = {}
        self._wait: dict[int, float] = {}

    def run(self) -> None:
        """Run until a signal comes or a worker cannot begin."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._end)
        os.makedirs(self._metrics)
        try:
            self._listener.set_inheritable(True)
            for index in range(self._settings.workers):
                self._start(index)
            self._watch()
        finally:
            self._stop()

    @property
    def _metrics(self) -> str:
        return os.path.join(self._folder, "metrics")

    def _start(self, index: int) -> None:
        """Start a worker; it reads its task from its standard input and ends when that closes, so that none is left."""
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": self._metrics}
        worker = subprocess.Popen(
            [sys.executable, "-m", "tidegate.serving.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self._listener.fileno()],
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends all in order
        )
        task = {
            "models": list(self._models),
            "settings": asdict(self._settings),
            "descriptor": self._listener.fileno(),
            "socket": os.path.join(self._folder, "streams.sock"),
            "index": index,
        }
        assert worker.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.write(json.dumps(task).encode() + b"\n")
            worker.stdin.flush()
        self._workers[index], self._born[index] = worker, time.monotonic()
        threading.Thread(target=self._listen_to, args=(worker,), daemon=True).start()

    def _listen_to(self, worker: subprocess.Popen[bytes]) -> None:
        assert worker.stdout is not None
        if worker.stdout.readline():
            worker.begun = True  # pyright: ignore[reportAttributeAccessIssue]

    def _watch(self) -> None:
        said = False
        while not self._ending:
            time.sleep(0.05)
            if not said and all(getattr(worker, "begun", False) for worker in self._workers.values()):
                said = True
                self._begun()
            for index, worker in list(self._workers.items()):
                if worker.poll() is not None and not self._ending:
                    self._replace(index, worker)

    def _replace(self, index: int, worker: subprocess.Popen[bytes]) -> None:
        if worker.returncode == _REFUSED and not getattr(worker, "begun", False):
            raise SettingError("a worker could not begin; the sentence above says why")
        wait = self._wait.get(index, 0.0)
        lived = time.monotonic() - self._born[index]
        if lived < wait:
            return
        # A worker that dies again and again is started ever more rarely.
        self._wait[index] = 0.0 if lived > 30 else min(max(0.1, 2 * wait), 10.0)
        print(f"tidegate: worker {index} ended ({worker.returncode}); another takes its place", file=sys.stderr)
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid, self._metrics)
        self._start(index)

    def _end(self, number: int, frame: Any) -> None:
        self._ending = True

    def _stop(self) -> None:
        """End the workers: the first one, which keeps the streams, when no other can pass it requests any more."""
        import shutil

        others = [worker for index, worker in self._workers.items() if index]
        for group in (others, [worker for index, worker in self._workers.items() if not index]):
            for worker in group:
                with contextlib.suppress(ProcessLookupError):
                    worker.terminate()
            until = time.monotonic() + self._settings.timeout + 3
            for worker in group:
                try:
                    worker.wait(max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    worker.kill()
                    worker.wait()
        for worker in self._workers.values():
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def work_for_parent() -> None:
    """Be a worker of a parent process: read the task from standard input."""
    import atexit

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = json.loads(sys.stdin.buffer.readline())
    settings = ServeSettings(**task["settings"])
    listener = socket.socket(fileno=task["descriptor"])
    atexit.register(logging.shutdown)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    token = None if settings.token_file is None else read_token(settings.token_file)
    try:
        _work(
            task["models"], settings, token, listener, task["socket"], task["index"], lambda: print("begun", flush=True)
        )
    except TidegateError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        sys.exit(_REFUSED)


def _end_with_parent() -> None:
    while os.read(0, 1):  # not through sys.stdin, whose lock would be held when the interpreter ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)
