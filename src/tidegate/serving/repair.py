"""Before a database of streams is used: one service holds its folder, and what is damaged is set aside and said.

A row that is not what was written goes into the table `damaged` of the same database. When SQLite finds the file itself
damaged, all streams that can still be read are copied into a new one, and the damaged file stays beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tidegate.errors import DataError
from tidegate.serving.store import COLUMNS, SCHEMA, SavedStream, StreamStore, checked
from tidegate.storage.files import sync_folder

DATABASE = "streams.sqlite"
log = logging.getLogger("tidegate.serving")


def claim(folder: Path) -> BinaryIO:
    """Make the folder and hold it against other services, until what is returned is closed here and in all workers.

    Raises:
        DataError: another service holds the folder, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
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
        if path.exists():
            fault = _fault(path)
            if fault is not None:
                _rebuild(path, fault)
        store = StreamStore(path)
        store.set_aside_damaged()
        store.close()
    except (OSError, sqlite3.Error) as error:
        sentence = f"the streams in {path} cannot be opened ({error}); make room or choose another --state"
        raise DataError(sentence) from None
    return path


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
        found, lost = _salvage(path, fresh, Path(place))
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
    for id in sorted(lost):
        log.error("the stream %r is damaged and was set aside, in %s", id, aside.name)


def _salvage(path: Path, fresh: Path, place: Path) -> tuple[dict[str, SavedStream], set[str]]:
    """The streams that can be read from a damaged database, and the names of those that cannot."""
    copy = place / "copy"
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    found, names = _read(copy)
    if not found:
        # The first page tells the size of pages and where the tables begin: that of a new database says the same. Only
        # the number of pages, at byte 28, is another; 0 stands for as many as the file has.
        with open(copy, "r+b") as file:
            file.write(fresh.read_bytes()[:4096])
            file.seek(28)
            file.write(bytes(4))
        found, names = _read(copy)
    return found, names - set(found)


def _read(path: Path) -> tuple[dict[str, SavedStream], set[str]]:
    """All whole rows that any way through the file leads to, and all names that it still tells."""
    found: dict[str, SavedStream] = {}
    names: set[str] = set()
    numbers: set[int] = set()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.text_factory = lambda text: text.decode(errors="replace")
        db.execute("PRAGMA writable_schema = on")  # a file that was cut off is read as far as it goes
        whole = f"SELECT {COLUMNS} FROM streams NOT INDEXED"
        rows = [*_each(db, f"{whole} ORDER BY number"), *_each(db, f"{whole} ORDER BY number DESC")]
        for id, number in _each(db, "SELECT id, number FROM streams INDEXED BY by_id ORDER BY id"):
            names.add(str(id))
            numbers.add(number)
        numbers.update(n for (n,) in _each(db, "SELECT number FROM streams INDEXED BY by_use ORDER BY used"))
        for number in numbers:
            rows += _each(db, f"{whole} WHERE number = ?", number)
    for row in rows:
        names.add(str(row[0]))
        saved = checked(row)
        if saved is not None:
            found[saved.id] = saved
    return found, names


def _each(db: sqlite3.Connection, query: str, *values: Any) -> Iterator[Any]:
    """The rows of a query as far as they can be read."""
    with contextlib.suppress(sqlite3.Error):
        yield from db.execute(query, values)
