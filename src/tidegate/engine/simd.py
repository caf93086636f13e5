"""The extension module, if it was built, and the SIMD level in use."""

from __future__ import annotations

import os
from typing import Any

from tidegate.errors import SettingError

try:
    from tidegate.engine import _native
except ImportError:  # built without a compiler
    _native = None

extension: Any = _native


def levels() -> list[str]:
    """Return the SIMD levels that run here, best first; none when the engine was not built."""
    return [] if extension is None else extension.levels()


def _choose_level() -> str:
    wanted = os.environ.get("TIDEGATE_SIMD", "")
    if wanted and extension is not None and wanted not in levels():
        raise SettingError(f"TIDEGATE_SIMD must be one of {', '.join(levels())}, not {wanted!r}")
    return wanted or next(iter(levels()), "")


level = _choose_level()
"""The SIMD level in use; the environment variable TIDEGATE_SIMD forces one."""
