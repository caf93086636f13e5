"""Replace a folder as a whole, such that a crash at any moment leaves the old or the new one to be found.

The new folder is made beside the old one as `.<name>.new-…`, the old one is renamed to `.<name>.old-…`, the new one
takes its place, the old one goes. Only between the two renames is the place empty; then both stand whole beside it.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from tidegate.storage.files import sync_folder


def replace_folder(place: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder, let `fill` write into it, and put it at `place` instead of what is there.

    Raises:
        OSError: when it cannot be written; what was at `place` is still there.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    tag = uuid.uuid4().hex[:12]
    new, old = (place.with_name(f".{place.name}.{word}-{tag}") for word in ("new", "old"))
    try:
        new.mkdir()
        fill(new)
        sync_folder(new)
        with contextlib.suppress(FileNotFoundError):
            place.rename(old)
        try:
            new.rename(place)
        except BaseException:
            with contextlib.suppress(OSError):
                old.rename(place)
            raise
        sync_folder(place.parent)
    except BaseException:
        # When even the old folder could not go back, the new one stays: it may be the only one.
        if place.exists() or not old.exists():
            shutil.rmtree(new, ignore_errors=True)
        raise
    for leftover in candidates(place):
        shutil.rmtree(leftover, ignore_errors=True)


def candidates(place: Path) -> list[Path]:
    """Folders that a crash may have left beside `place`: new ones first, of these the latest first."""
    prefixes = [f".{place.name}.{word}-" for word in ("new", "old")]
    try:
        beside = list(place.parent.iterdir())
        found = [[entry for entry in beside if entry.name.startswith(prefix)] for prefix in prefixes]
        return [entry for group in found for entry in sorted(group, key=_changed, reverse=True)]
    except OSError:
        return []


def _changed(folder: Path) -> float:
    return folder.lstat().st_mtime
