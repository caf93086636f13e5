"""The one door to the fastest way of running a recurrence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate.engine.dispatch import only, scan, scan_stack, step

__all__ = ["only", "scan", "scan_stack", "step"]


def __getattr__(name: str) -> Any:
    """Import torch, which the door needs, when the door is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tidegate.engine import dispatch

    return getattr(dispatch, name)
