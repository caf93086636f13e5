"""The functions that cells are written with; one call serves tensors, arrays and symbols.

The value decides by what it can do, so neither torch nor SymPy nor NumPy is imported before it is needed.
"""

from __future__ import annotations

from typing import Any

FUNCTIONS = ("sigmoid", "tanh", "exp", "log", "sqrt")
"""Every function below: the transcendental operations that a program may hold."""


def sigmoid(value: Any) -> Any:
    """Return 1 / (1 + exp(-value)), element by element."""
    return _apply("sigmoid", value)


def tanh(value: Any) -> Any:
    """Return the hyperbolic tangent, element by element."""
    return _apply("tanh", value)


def exp(value: Any) -> Any:
    """Return e to the power of value, element by element."""
    return _apply("exp", value)


def log(value: Any) -> Any:
    """Return the natural logarithm, element by element."""
    return _apply("log", value)


def sqrt(value: Any) -> Any:
    """Return the square root, element by element."""
    return _apply("sqrt", value)


def _apply(function: str, value: Any) -> Any:
    if hasattr(value, "sigmoid"):  # a tensor carries the functions as methods
        return getattr(value, function)()
    if hasattr(value, "free_symbols"):
        from tidegate.equations import symbols

        return symbols.FUNCTIONS[function](value)
    import numpy as np

    if function == "sigmoid":  # in this form nothing overflows
        return np.exp(-np.logaddexp(0, -value))
    return getattr(np, function)(value)
