"""Starting the service: one process, or a supervisor that holds the port and workers that answer."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace

from tidegate.errors import MissingExtraError, SettingError
from tidegate.serving.settings import SPARE, ServeSettings, read_token
from tidegate.serving.supervisor import Supervisor
from tidegate.serving.worker import BACKLOG, work
from tidegate.settings import check_settings

_OTHER_FILES = 64  # models, streams, logs, pipes


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
    settings = _within_file_limit(settings, say)
    token = None if settings.token_file is None else read_token(settings.token_file)
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if token is None and host not in ("127.0.0.1", "::1"):
        say("note: whoever reaches this address may use the service; --token-file asks for a token")
    if settings.workers == 1:
        work(models, settings, token, listener, None, lambda: say(f"serving at {where}"))
    else:
        Supervisor(models, settings, listener, lambda: say(f"serving at {where} with {settings.workers} workers")).run()


def _check_extra() -> None:
    for package in ("fastapi", "uvicorn", "httptools", "prometheus_client", "orjson"):
        try:
            __import__(package)
        except ImportError:
            raise MissingExtraError(package, "serve") from None


def _within_file_limit(settings: ServeSettings, say: Callable[[str], None]) -> ServeSettings:
    """Let the process open as many files as its connections need, or the settings allow no more than it can."""
    needed = settings.max_connections + SPARE + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return settings
    connections = soft - SPARE - _OTHER_FILES
    if connections < 1:
        raise SettingError(f"the system lets a process open {soft} files, too few to serve; raise it with `ulimit -n`")
    say(f"note: {connections} connections at most, for the system lets a process open {soft} files (ulimit -n)")
    return replace(settings, max_connections=connections)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingError(f"{host} port {port} cannot be listened on ({reason}); choose another with --port") from None
