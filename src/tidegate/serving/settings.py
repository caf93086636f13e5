"""What the service can be told, with defaults; light to import, for the command line reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tidegate.errors import SettingError
from tidegate.settings import kind_of, setting

SYNCS = ("second", "always")
LOG_FORMATS = ("text", "json")
HEALTH = "/v2/health/"  # whoever asks there whether the service lives is answered whatever else happens
SPARE = 16  # connections beyond the bound that may only ask there


@dataclass(kw_only=True)
class ServeSettings:
    """Settings of the service; each field's help says what it does."""

    host: str = setting("127.0.0.1", "address to listen on")
    port: int = setting(8000, "port to listen on, 0 for any free one", low=0, high=65535)
    token_file: str | None = setting(None, "file whose first line is the bearer token that requests must carry")
    allow_host: tuple[str, ...] = setting(
        (), "names by which the service may be called, beside localhost, addresses and the machine's own"
    )
    origin: tuple[str, ...] = setting((), "origins of pages that may use it, as https://NAME behind a proxy")
    workers: int = setting(1, "processes that answer requests; they share the streams", low=1, high=64)
    state: str | None = setting(
        None, "folder where streams are kept over a restart (default: they end with the service)"
    )
    sync: str = setting("second", "when observations reach the disk: each second, or before each answer", choices=SYNCS)
    heartbeat: float = setting(15.0, "seconds after which one of several workers that gives no sign is replaced", low=2)
    max_streams: int = setting(10_000, "streams kept; the least recently used goes first", low=1)
    max_body: int = setting(4 * 2**20, "bytes of a request's body, at most", low=1024)
    max_rows: int = setting(100_000, "rows in one request, at most", low=1)
    max_values: int = setting(1_000_000, "values in one request, at most", low=1)
    table_seconds: float = setting(10.0, "seconds to read a table or any large body, at most", above=0)
    table_memory: int = setting(160 * 2**20, "bytes of memory to read one with, at most", low=2**24)
    max_requests: int = setting(1024, "requests in progress, at most; more are answered 503", low=1)
    max_connections: int = setting(2048, "open connections, at most", low=1)
    max_buffered: int = setting(64 * 2**20, "bytes of all request bodies in memory, at most", low=1024)
    batch_size: int = setting(64, "answers computed together, at most", low=1, high=4096)
    timeout: float = setting(30.0, "seconds for one request, from its first byte to its answer", above=0)
    read_timeout: float = setting(10.0, "seconds for a client to send its request", above=0)
    log_format: str = setting("text", "lines of the log", choices=LOG_FORMATS)
    reload: float = setting(1.0, "seconds between looks for a new version of a model", above=0)

    def check_together(self) -> None:
        """Raise a SettingError for hosts and origins that are none."""
        for host in self.allow_host:
            if not host or set(host) & set("/:@ ") or host == "*":
                raise SettingError(f"allow_host must be names of hosts, such as forecasts.example.org, not {host!r}")
        for origin in self.origin:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
                raise SettingError(f"origin must be as https://forecasts.example.org, not {origin!r}")


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings that variables such as TIDEGATE_PORT give.

    Raises:
        SettingError: a variable holds no value of its setting's kind.
    """
    found: dict[str, Any] = {}
    for field in dataclasses.fields(ServeSettings):
        name = f"TIDEGATE_{field.name.upper()}"
        kind = {"int": int, "float": float}.get(kind_of(field), str)
        if environment.get(name, ""):
            try:
                found[field.name] = kind(environment[name])
            except ValueError:
                raise SettingError(f"{name} must be a number, not {environment[name][:40]!r}") from None
    return found


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
