"""Files that are whole or absent: written beside their place, then moved there."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

_NONBLOCKING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file as a whole: at any moment, also after a crash, it holds the old content or the new.

    Raises:
        OSError: naming `path`; the old content is still there.
    """
    beside = path.with_name(f".{path.name}.tmp")
    try:
        write_synced(beside, content)
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        error.filename, error.filename2 = str(path), None
        raise
    sync_folder(path.parent)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it; an OSError names the path, as that of a full disk does not."""
    try:
        with open(path, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder; does nothing where the system cannot."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_regular(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; never waits for a pipe or a device.

    Raises:
        OSError: when there is no such file.
        ValueError: when it is no regular file or larger than the limit.
    """
    with open(os.open(path, os.O_RDONLY | _NONBLOCKING), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        if status.st_size > limit:
            raise ValueError(f"{status.st_size} bytes, more than the {limit} expected")
        return file.read(status.st_size)
