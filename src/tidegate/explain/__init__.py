"""What happens inside of a trained model: gates, memory and attention, how far back it looks, which columns matter."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate.explain.figures import draw_activations as draw_activations
    from tidegate.explain.figures import draw_gradient_norms as draw_gradient_norms
    from tidegate.explain.figures import draw_importance as draw_importance
    from tidegate.explain.figures import draw_lookback as draw_lookback
    from tidegate.explain.gradients import gradient_norms as gradient_norms
    from tidegate.explain.looking import activations as activations
    from tidegate.explain.looking import importance as importance
    from tidegate.explain.looking import lookback as lookback
    from tidegate.explain.page import write_explanation as write_explanation

# Imported when first used: they need torch and matplotlib.
_HOMES = {
    "activations": "looking",
    "draw_activations": "figures",
    "draw_gradient_norms": "figures",
    "draw_importance": "figures",
    "draw_lookback": "figures",
    "gradient_norms": "gradients",
    "importance": "looking",
    "lookback": "looking",
    "write_explanation": "page",
}
__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


if not TYPE_CHECKING:  # a checker that saw it would believe in every name

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
