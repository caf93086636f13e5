"""Before a database of streams is used: one service holds its folder, and what is damaged is set aside and said.

A row that is not what was written goes into the table `damaged` of the same database. When the file itself or its log
is damaged, all streams that are whole in any page are copied into a new one, and the damaged files stay beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from tidegate.errors import DataError
from tidegate.serving.pages import read_pages, with_log
from tidegate.serving.store import SCHEMA, StreamStore
from tidegate.storage.files import sync_folder

DATABASE = "streams.sqlite"
log = logging.getLogger("tidegate.serving")


def claim(folder: Path) -> BinaryIO:
    """Make the folder and hold it against other services, until what is returned is closed here and in all workers.

    Raises:
        DataError: another service holds the folder, or it cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _private(folder / "lock")
        lock = open(folder / "lock", "wb")  # noqa: SIM115 - held as long as the service runs
    except OSError as error:
        raise DataError(f"streams cannot be kept in {folder} ({error.strerror}); choose another --state") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise DataError(f"another service keeps its streams in {folder}; give this one a folder of its own") from None
    return lock


def prepare(folder: Path) -> Path:
    """Check the database of a folder that was claimed, and repair it; returns its path.

    Raises:
        DataError: it is damaged and cannot be repaired, for instance on a full disk; it was left as it is.
    """
    path = folder / DATABASE
    try:
        # SQLite, once it has opened the database, forgets what lies behind a damaged place of the log.
        log = Path(f"{path}-wal")
        fault = _whole(path)[1] if log.exists() and log.stat().st_size else None
        if fault is None and path.exists():
            fault = _fault(path)
        if fault is not None:
            _rebuild(path, fault)
        _private(path)
        store = StreamStore(path)
        store.set_aside_damaged()
        store.close()
    except (OSError, sqlite3.Error) as error:
        sentence = f"the streams in {path} cannot be opened ({error}); make room or choose another --state"
        raise DataError(sentence) from None
    return path


def _private(path: Path) -> None:
    """Make a file, if there is none, that its owner alone may read; SQLite makes those beside it alike."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.chmod(f"{path}{suffix}", 0o600)


def _fault(path: Path) -> str | None:
    """What SQLite finds wrong with a file, in its words; None when it is whole."""
    path.open("r+b").close()  # a file that may not be read or written is no damaged one
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        try:
            if [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master ORDER BY rowid")] != list(SCHEMA):
                return "its tables are not those of this service"
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            db.execute("BEGIN IMMEDIATE")  # a damaged header may forbid to write
            db.execute("ROLLBACK")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            return str(error)
    return None if found == "ok" else " ".join(found.split())


def _rebuild(path: Path, fault: str) -> None:
    """Put a database with all streams that can be read in place of a damaged one, which stays beside it."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="repair-") as place:
        fresh = Path(place) / DATABASE
        StreamStore(fresh).close()
        found, names = read_pages(_whole(path)[0])
        store = StreamStore(fresh)
        with store.transaction():
            for saved in found.values():
                store.insert(saved)
        store.close()
        aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{time.time_ns() % 10**9:09d}")
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{aside}{suffix}")
        Path(f"{path}-shm").unlink(missing_ok=True)
        os.replace(fresh, path)
    sync_folder(path.parent)
    log.error("%s is damaged (%s): %d streams were read from it; it stays as %s", path, fault, len(found), aside.name)
    for id in sorted(names - set(found)):
        log.error("the stream %r is damaged and was set aside, in %s", id, aside.name)


def _whole(path: Path) -> tuple[bytes, str | None]:
    """The bytes of a database together with its log, and what is wrong with the log."""
    log = Path(f"{path}-wal")
    return with_log(path.read_bytes() if path.exists() else b"", log.read_bytes() if log.exists() else b"")
