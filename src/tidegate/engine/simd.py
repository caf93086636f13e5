"""The extension module, if it was built, and the SIMD level in use."""

from __future__ import annotations

import functools
import logging
import os
from typing import Any

from tidegate.errors import SettingError

_problem = ""
try:
    from tidegate.engine import _native
except ImportError as error:  # built without a compiler, or for another Python or system
    _native = None
    _problem = str(error)

extension: Any = _native


def levels() -> list[str]:
    """Return the SIMD levels that run here, best first; none when the engine was not built."""
    return [] if extension is None else extension.levels()


def _choose_level() -> str:
    if extension is None:
        return ""
    wanted = os.environ.get("TIDEGATE_SIMD", "")
    if wanted and wanted not in levels():
        raise SettingError(f"TIDEGATE_SIMD must be one of {', '.join(levels())}, not {wanted!r}")
    return wanted or next(iter(levels()), "")


level = _choose_level()
"""The SIMD level in use, "" without an engine; the environment variable TIDEGATE_SIMD forces one."""


def missing() -> str:
    """Return one sentence for an engine that is not there."""
    return (
        f"the native engine is missing ({_problem}), so layers run on torch or, several times slower, as a plain loop; "
        "install a C++20 compiler, then tidegate again from its sources"
    )


@functools.cache
def say_missing() -> None:
    """Say it once in a process, on standard error unless the program takes its log elsewhere."""
    logging.getLogger("tidegate").warning("tidegate: %s", missing())
