"""Streams in SQLite: one checked row each, shared by all workers.

A row holds what a task needs to go on with a stream, as bytes that only the task reads. `used` is when it was written
last, in nanoseconds, and always grows: it orders the streams by use, and tells a worker whether what it has in memory
is still what the row holds. SQLite logs ahead of writing: what was committed survives the death of the process at any
moment, and a power cut once `settle` has run, or at once in a store that is `synced`.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

log = logging.getLogger("tidegate.serving")

SCHEMA = (
    "CREATE TABLE streams (number INTEGER PRIMARY KEY, id TEXT NOT NULL, model TEXT NOT NULL, count INTEGER NOT NULL, "
    "used INTEGER NOT NULL, state BLOB NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX by_id ON streams (id)",
    "CREATE INDEX by_use ON streams (used)",
    "CREATE TABLE damaged (found TEXT, id TEXT, model TEXT, count INTEGER, used INTEGER, state BLOB, checksum INTEGER)",
)
PAGE = 4096
COLUMNS = "id, model, count, used, state, checksum"
_LOG_PAGES, _FEW_PAGES, _TRIES = 4000, 200, 5  # a write-ahead log of 4000 pages is begun again


class SavedStream(NamedTuple):
    """What a row holds.

    Attributes:
        id: what requests call the stream.
        model: the model that it belongs to.
        count: observations that it has taken.
        used: when it was written last.
        state: what its task needs to go on with it.
    """

    id: str
    model: str
    count: int
    used: int
    state: bytes

    @property
    def checksum(self) -> int:
        """What must stand beside these values."""
        return zlib.crc32(self.state, zlib.crc32(repr(self[:4]).encode()))


class StreamStore:
    """The streams of one database; for one thread at a time."""

    def __init__(self, path: Path | None, *, synced: bool = False) -> None:
        """Open the database, or make it.

        Args:
            path: its file; None keeps the streams in memory.
            synced: whether the disk must have a transaction before it counts as committed.
        """
        self.path = path
        self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None, check_same_thread=False)
        self._db.text_factory = lambda text: text.decode(errors="replace")  # a damaged text is read, to be set aside
        for pragma in (
            f"page_size = {PAGE}",
            "cell_size_check = on",
            "secure_delete = on",  # so that no old row is found where a damaged page is looked through
            "journal_mode = wal",
            f"synchronous = {'full' if synced else 'normal'}",
            "wal_autocheckpoint = 0",  # `settle` does it, where nobody waits for the disk
        ):
            self._db.execute(f"PRAGMA {pragma}")
        with self.transaction():
            if not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in SCHEMA:
                    self._db.execute(statement)

    @contextlib.contextmanager
    def transaction(self, seconds: float = 5.0) -> Iterator[None]:
        """What is done in the block is done as a whole or not at all; other workers wait.

        Args:
            seconds: to wait for other workers, at most; theirs take less than a millisecond, unless the disk is slow.
        """
        self._db.execute(f"PRAGMA busy_timeout = {int(1000 * seconds)}")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def __len__(self) -> int:
        return self._db.execute("SELECT count(*) FROM streams").fetchone()[0]

    def names(self, count: int) -> list[str]:
        """The streams used last, newest first."""
        return [name for (name,) in self._db.execute("SELECT id FROM streams ORDER BY used DESC LIMIT ?", (count,))]

    def used(self, id: str) -> int | None:
        """When a stream was written last; None when there is no such stream."""
        row = self._db.execute("SELECT used FROM streams WHERE id = ?", (id,)).fetchone()
        return None if row is None else row[0]

    def read(self, id: str) -> SavedStream | None:
        """A stream; None when there is none, also when its row is damaged and was set aside."""
        row = self._db.execute(f"SELECT {COLUMNS}, number FROM streams WHERE id = ?", (id,)).fetchone()
        if row is None:
            return None
        saved = checked(row[:6])
        if saved is None:
            self._set_aside(row[6], id)
        return saved

    def write(self, id: str, model: str, count: int, state: bytes) -> int:
        """Put a stream in, or in place of the older one, as the one used last; returns when that was."""
        (newest,) = self._db.execute("SELECT max(used) FROM streams").fetchone()
        saved = SavedStream(id, model, count, max(time.time_ns(), (newest or 0) + 1), state)
        self.insert(saved)
        return saved.used

    def insert(self, saved: SavedStream) -> None:
        """Put a stream in as it is, or in place of the older one."""
        self._db.execute(
            f"INSERT INTO streams ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET model = "
            "excluded.model, count = excluded.count, used = excluded.used, state = excluded.state, "
            "checksum = excluded.checksum",
            (*saved, saved.checksum),
        )

    def drop(self, id: str) -> bool:
        """Forget a stream; False when there is none."""
        return self._db.execute("DELETE FROM streams WHERE id = ?", (id,)).rowcount > 0

    def evict(self, limit: int) -> int:
        """Forget the least recently used streams until `limit` are left; returns how many had to go."""
        many = max(0, len(self) - limit)
        if many:
            self._db.execute(
                "DELETE FROM streams WHERE number IN (SELECT number FROM streams ORDER BY used LIMIT ?)", (many,)
            )
        return many

    def set_aside_damaged(self) -> None:
        """Look through all streams, and set aside those whose checksum does not fit."""
        rows = self._db.execute(f"SELECT {COLUMNS}, number FROM streams")
        damaged = [(row[6], row[0]) for row in rows if checked(row[:6]) is None]
        with self.transaction():
            for number, id in damaged:
                self._set_aside(number, id)

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def _set_aside(self, number: int, id: str) -> None:
        self._db.execute(
            f"INSERT INTO damaged (found, {COLUMNS}) SELECT datetime('now'), {COLUMNS} FROM streams WHERE number = ?",
            (number,),
        )
        self._db.execute("DELETE FROM streams WHERE number = ?", (number,))
        log.error("the stream %r is damaged and was set aside, in the table `damaged` of its database", id)


def settle(path: Path) -> int:
    """Wait until the disk has all that was committed, while others go on; returns the number of streams."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        pages = copied = 0
        for _ in range(_TRIES):
            _, pages, copied = db.execute("PRAGMA wal_checkpoint(passive)").fetchone()
            if pages - copied < _FEW_PAGES:
                break
        # Beginning the log again keeps writers waiting: only for the few pages that came meanwhile, or another time.
        if pages > _LOG_PAGES and pages - copied < _FEW_PAGES:
            db.execute("PRAGMA busy_timeout = 20")
            db.execute("PRAGMA wal_checkpoint(restart)").fetchone()
        return db.execute("SELECT count(*) FROM streams").fetchone()[0]


def checked(row: tuple[Any, ...]) -> SavedStream | None:
    """The stream that a row of `COLUMNS` holds; None when it is not what was written."""
    saved = SavedStream(*row[:5])
    return saved if isinstance(saved.state, bytes) and saved.checksum == row[5] else None
