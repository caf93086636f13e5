"""Runs one layer of a recurrence in one direction, by the fastest code that there is for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate.engine.dispatch import only, scan, step

__all__ = ["only", "scan", "step"]


def __getattr__(name: str) -> Any:
    """Import torch, which running needs, when something is first run."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tidegate.engine import dispatch

    return getattr(dispatch, name)
