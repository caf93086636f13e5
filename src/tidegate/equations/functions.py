"""The functions that cells are written with; one call serves tensors, arrays and symbols.

The value decides by what it can do, so neither torch nor SymPy nor NumPy is imported before it is needed.
"""

from __future__ import annotations

from typing import Any

FUNCTIONS = ("sigmoid", "tanh", "exp", "log", "sqrt", "floor", "mean")
"""The functions of one value below."""

COMPARISONS = ("maximum", "at_least")
"""The functions of two values below."""


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


def floor(value: Any) -> Any:
    """Return the largest whole number not above value, element by element; its derivative is 0."""
    return _apply("floor", value)


def mean(value: Any) -> Any:
    """Return the mean over the units, which are the last axis, for every unit the same."""
    return _apply("mean", value)


def maximum(left: Any, right: Any) -> Any:
    """Return the larger of two values, element by element; where they are equal, left gets the gradient."""
    return _compare("maximum", left, right)


def at_least(left: Any, right: Any) -> Any:
    """Return 1 where left >= right, else 0; its derivative is 0."""
    return _compare("at_least", left, right)


def log_sigmoid(value: Any) -> Any:
    """Return log(sigmoid(value)), which overflows on neither side, where a quotient of sigmoids would be 0 / 0."""
    # At 0 both maxima are equal, and the gradient goes to their left, which here gives the true slope of 1/2.
    return -(maximum(-value, 0.0) + log(1 + exp(-maximum(-value, value))))


def _apply(function: str, value: Any) -> Any:
    if hasattr(value, "sigmoid"):  # a tensor carries the functions as methods
        return value.mean(-1, keepdim=True) if function == "mean" else getattr(value, function)()
    if hasattr(value, "free_symbols"):
        from tidegate.equations import symbols

        return symbols.FUNCTIONS[function](value)
    import numpy as np

    if function == "sigmoid":  # in this form nothing overflows
        return np.exp(-np.logaddexp(0, -value))
    if function == "mean":
        return np.mean(value, axis=-1, keepdims=True) if np.ndim(value) else value
    return getattr(np, function)(value)


def _compare(function: str, left: Any, right: Any) -> Any:
    both = (left, right)
    if any(hasattr(value, "free_symbols") for value in both):
        from tidegate.equations import symbols

        return symbols.FUNCTIONS[function](*both)
    tensor = next((value for value in both if hasattr(value, "sigmoid")), None)
    if tensor is None:
        import numpy as np

        return np.maximum(left, right) if function == "maximum" else np.greater_equal(left, right) * 1.0
    import torch

    if function == "at_least":
        return torch.where(left >= right, tensor.new_ones(()), tensor.new_zeros(()))
    # Unlike torch.maximum, which halves the gradient of equal values; a NaN on either side stays.
    return torch.where((left >= right) | (left != left), left, right)
