"""A journal on disk: what was acknowledged is found again after a kill, a restart or a full disk.

The folder holds `snapshot-<n>` and the records that came after it, `journal-<n>`, one line each: a checksum, a space,
JSON. A new generation begins with a new journal; its snapshot follows, and only then the old files go. So at any moment
the newest whole snapshot and all journals from its number on tell the whole state.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from tidegate.errors import DataError
from tidegate.storage.files import sync_folder, write_atomically

_ROTATE = 32 * 2**20
_write = os.write


class Journal:
    """The journal of one folder; only one process at a time may hold it."""

    def __init__(self, folder: Path, *, rotate: int = _ROTATE) -> None:
        """Open or make the folder.

        Args:
            folder: where.
            rotate: bytes of a journal from which a snapshot replaces it.

        Raises:
            DataError: another process holds the folder.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._rotate = folder, rotate
        self._lock = open(folder / "lock", "wb")  # noqa: SIM115 - held as long as the journal
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise DataError(
                f"another service keeps its streams in {folder}; give this one a folder of its own"
            ) from None
        self._number, self._size, self._synced = 0, 0, 0
        self._file = -1
        self._guard = threading.Lock()
        self.notes: list[str] = []

    def load(self) -> tuple[Any, Iterator[Any]]:
        """The newest whole snapshot, or None, and the records after it, oldest first; then `append` may be used."""
        numbers = self._numbers("snapshot-")
        snapshot, first = None, 0
        for number in reversed(numbers):
            with contextlib.suppress(OSError, ValueError):
                snapshot, first = _line((self._folder / f"snapshot-{number}").read_bytes().rstrip(b"\n")), number
                break
        journals = [number for number in self._numbers("journal-") if number >= first]
        self._number = max([first, *journals])
        records = [record for number in journals for record in self._records(self._folder / f"journal-{number}")]
        self._open(self._number)
        return snapshot, iter(records)

    def append(self, record: Any) -> None:
        """Write one record; when this returns, a killed process does not lose it.

        Raises:
            OSError: the disk is full or broken; nothing of the record stays.
        """
        content = _checked(orjson.dumps(record))
        try:
            rest = content
            while rest:  # a disk that fills up takes a part first, and refuses the next
                rest = rest[_write(self._file, rest) :]
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(content)

    @property
    def position(self) -> int:
        """Bytes written so far; `sync` has to reach it before an observation survives a power cut."""
        return self._size

    def sync(self) -> None:
        """Wait until the disk has all that was appended before; may be called from another thread."""
        with self._guard:
            size = self._size
            if size != self._synced and self._file >= 0:
                os.fsync(self._file)
                self._synced = size

    @property
    def full(self) -> bool:
        """Whether it is time for a snapshot."""
        return self._size >= self._rotate

    def begin(self) -> int:
        """Begin a new generation; what follows goes to its journal, and `finish` must write its snapshot."""
        self.sync()
        with self._guard:
            number = self._number + 1
            descriptor = self._file
            self._open(number)
            self._number = number
            os.close(descriptor)
        return number

    def finish(self, number: int, snapshot: Any) -> None:
        """Write the snapshot of the state when the generation began, and remove what it replaces."""
        write_atomically(self._folder / f"snapshot-{number}", _checked(orjson.dumps(snapshot)))
        for prefix in ("snapshot-", "journal-"):
            for old in self._numbers(prefix):
                if old < number:
                    with contextlib.suppress(OSError):
                        (self._folder / f"{prefix}{old}").unlink()

    def close(self) -> None:
        """Sync and let go of the folder."""
        with contextlib.suppress(OSError):
            self.sync()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._lock.close()

    def _open(self, number: int) -> None:
        path = self._folder / f"journal-{number}"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = self._synced = os.fstat(self._file).st_size
        sync_folder(self._folder)

    def _numbers(self, prefix: str) -> list[int]:
        names = [entry.name.removeprefix(prefix) for entry in self._folder.glob(f"{prefix}*")]
        return sorted(int(name) for name in names if name.isdigit())

    def _records(self, path: Path) -> Iterator[Any]:
        """The whole records; a torn end, of a process killed while it wrote, is cut off: it was never acknowledged."""
        content, good = path.read_bytes(), 0
        for line in content.splitlines(keepends=True):
            try:
                if not line.endswith(b"\n"):
                    raise ValueError
                record = _line(line[:-1])
            except ValueError:
                damaged = path.with_name(f"damaged-{path.name}")
                damaged.write_bytes(content[good:])
                os.truncate(path, good)
                self.notes.append(f"{len(content) - good} bytes at the end of {path} were no whole record: {damaged}")
                return
            good += len(line)
            yield record


def _checked(content: bytes) -> bytes:
    return b"%08x %b\n" % (zlib.crc32(content), content)


def _line(line: bytes) -> Any:
    if len(line) < 10 or line[8:9] != b" " or int(line[:8], 16) != zlib.crc32(line[9:]):
        raise ValueError("the checksum does not fit")
    return orjson.loads(line[9:])
