"""A cell's mathematics as SymPy expressions, kept as the author wrote them."""

from __future__ import annotations

from typing import Any

import sympy

from tidegate.equations.declaration import Declaration, call_step, value_names
from tidegate.errors import SettingError


class Operation(sympy.Function):
    """A function that SymPy leaves alone, so that each stays one operation: no rule merges or rewrites it."""

    operation: str
    nargs = 1


class Sigmoid(Operation):
    """The logistic function."""

    operation = "sigmoid"

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative, in terms of the output."""
        return self * (1 - self)


class Tanh(Operation):
    """The hyperbolic tangent."""

    operation = "tanh"

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative, in terms of the output."""
        return 1 - self * self


class Exp(Operation):
    """The exponential function."""

    operation = "exp"

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative, in terms of the output."""
        return self


class Log(Operation):
    """The natural logarithm."""

    operation = "log"

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative."""
        argument: Any = self.args[0]
        return 1 / argument


class Sqrt(Operation):
    """The square root."""

    operation = "sqrt"

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative, in terms of the output."""
        return 1 / (2 * self)


class Floor(Operation):
    """The largest whole number not above the argument."""

    operation = "floor"


class Mean(Operation):
    """The mean over the units."""

    operation = "mean"


class Maximum(Operation):
    """The larger of two."""

    operation = "maximum"
    nargs = 2


class AtLeast(Operation):
    """1 where the first is not below the second, else 0."""

    operation = "at_least"
    nargs = 2


_KINDS = (Sigmoid, Tanh, Exp, Log, Sqrt, Floor, Mean, Maximum, AtLeast)
FUNCTIONS: dict[str, type[Operation]] = {kind.operation: kind for kind in _KINDS}
"""The symbolic counterpart of each function in `tidegate.equations.functions`."""


def expressions(cell: Declaration) -> dict[str, sympy.Expr]:
    """Return each new state's expression; its symbols are named as in `declaration.value_names`.

    Raises:
        SettingError: `step` uses something other than arithmetic and `tidegate.equations.functions`.
    """
    # Unevaluated, an expression is what the author wrote: SymPy would sort, merge exponentials and distribute.
    with sympy.evaluate(False):
        values = {name: sympy.Symbol(name, real=True) for name in value_names(cell)}
        try:
            states = call_step(cell, values)
        except (TypeError, AttributeError, ValueError) as error:
            raise SettingError(
                f"step of cell {cell.name} cannot be traced as mathematics ({error}); "
                f"use arithmetic and tidegate.equations.functions, and return {len(cell.states)} states"
            ) from error
        return {state: sympy.sympify(value) for state, value in states.items()}
