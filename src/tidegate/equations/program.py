"""A cell's mathematics as a straight-line program: one operation a line, nothing computed twice.

The program is plain data: printers read its lines, and `run` executes them on arrays or tensors.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from tidegate.equations import functions
from tidegate.equations.declaration import Declaration, value_names
from tidegate.errors import SettingError

Operand = str | float
"""A value's name, or a number."""

OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negate": operator.neg,
    **{name: getattr(functions, name) for name in (*functions.FUNCTIONS, *functions.COMPARISONS)},
}
"""Every operation that a line may hold."""


@dataclass(frozen=True)
class Line:
    """`name = operation(operands)`."""

    name: str
    operation: str
    operands: tuple[Operand, ...]

    def __str__(self) -> str:
        return f"{self.name} = {self.operation}({', '.join(map(str, self.operands))})"


@dataclass(frozen=True)
class Program:
    """Inputs by name, lines that each read earlier names, and what each output's value is.

    Attributes:
        inputs: names of the values that go in, whether or not a line reads them.
        lines: the operations in order.
        outputs: pairs of an output's name and the value that it has.
    """

    inputs: tuple[str, ...]
    lines: tuple[Line, ...]
    outputs: tuple[tuple[str, Operand], ...]

    def __str__(self) -> str:
        rows = [*map(str, self.lines), *(f"-> {name} = {value}" for name, value in self.outputs)]
        return "\n".join(rows)

    def count(self) -> Counter[str]:
        """Return how many lines hold each operation."""
        return Counter(line.operation for line in self.lines)

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return every value by name, of inputs, lines and outputs, computed from the inputs' values."""
        known: dict[str, Any] = {name: values[name] for name in self.inputs}
        for line in self.lines:
            operands = (known[each] if isinstance(each, str) else each for each in line.operands)
            known[line.name] = OPERATIONS[line.operation](*operands)
        results = {name: known[each] if isinstance(each, str) else each for name, each in self.outputs}
        return known | results


class Builder:
    """Collects lines; an operation asked for twice gets one line, and sums and products with 0 and 1 none."""

    def __init__(self, prefix: str) -> None:
        self.lines: list[Line] = []
        self._prefix = prefix
        self._known: dict[tuple[Any, ...], str] = {}

    def emit(self, operation: str, *operands: Operand) -> Operand:
        """Return the name, or the number, that holds this operation's result."""
        simple = _simplify(operation, operands)
        if simple is not None:
            return simple
        ordered = sorted(operands, key=str) if operation in ("add", "multiply") else operands
        key = (operation, *ordered)
        if key not in self._known:
            self._known[key] = f"{self._prefix}{len(self.lines)}"
            self.lines.append(Line(self._known[key], operation, operands))
        return self._known[key]

    def prune(self, inputs: Sequence[str], outputs: Mapping[str, Operand]) -> Program:
        """Return the program of these outputs, without the lines that none of them needs."""
        needed = {value for value in outputs.values() if isinstance(value, str)}
        kept: list[Line] = []
        for line in reversed(self.lines):
            if line.name in needed:
                kept.append(line)
                needed |= {each for each in line.operands if isinstance(each, str)}
        return Program(tuple(inputs), tuple(reversed(kept)), tuple(outputs.items()))


def trace(cell: Declaration) -> Program:
    """Return the program of a cell's `step`: from pre-activations, previous states and weights to new states.

    Its inputs are named `z.<gate>` (or `z.<gate>.x` and `z.<gate>.h`), `prev.<state>` and `w.<weight>`, its outputs
    as the cell's states. Each function of the same argument is computed once.
    """
    from tidegate.equations.symbols import expressions

    return lowered(value_names(cell), expressions(cell))


def lowered(inputs: Sequence[str], expressions: Mapping[str, Any]) -> Program:
    """Return the program that computes SymPy expressions, by the names of its outputs, from these inputs."""
    builder = Builder("v")
    return builder.prune(inputs, {name: _lower(builder, each) for name, each in expressions.items()})


def _simplify(operation: str, operands: tuple[Operand, ...]) -> Operand | None:
    """Return the result where it is a number or one of the operands, else None."""
    if not any(isinstance(each, str) for each in operands):
        return float(OPERATIONS[operation](*operands))
    if operation == "multiply" and 0 in operands:
        return 0.0
    neutral = {"add": 0, "subtract": 0, "multiply": 1, "divide": 1}.get(operation)
    if neutral is not None and operands[1] == neutral:
        return operands[0]
    if operation in ("add", "multiply") and operands[0] == neutral:
        return operands[1]
    return None


def _lower(builder: Builder, expression: Any) -> Operand:
    """Turn a SymPy expression into lines; return what holds its value."""
    if expression.is_Symbol:
        return expression.name
    if expression.is_number:
        return float(expression)
    if expression.is_Add:
        return reduce(lambda left, term: _lower_term(builder, left, term), expression.args, 0.0)
    if expression.is_Mul:
        return reduce(lambda left, factor: _lower_factor(builder, left, factor), expression.args, 1.0)
    if expression.is_Pow:
        return _lower_power(builder, expression)
    if operation := getattr(expression, "operation", None):
        return builder.emit(operation, *(_lower(builder, each) for each in expression.args))
    raise SettingError(f"a cell's step uses {expression.func}; use arithmetic and tidegate.equations.functions")


def _lower_term(builder: Builder, left: Operand, term: Any) -> Operand:
    if term.is_Mul and term.args[0] == -1:
        right = reduce(lambda product, each: _lower_factor(builder, product, each), term.args[1:], 1.0)
        return builder.emit("negate", right) if left == 0 else builder.emit("subtract", left, right)
    return builder.emit("add", left, _lower(builder, term))


def _lower_factor(builder: Builder, left: Operand, factor: Any) -> Operand:
    if factor.is_Pow and factor.exp.is_Integer and factor.exp < 0:
        return builder.emit("divide", left, _lower_integer_power(builder, factor.base, -int(factor.exp)))
    if left == -1:
        return builder.emit("negate", _lower(builder, factor))
    return builder.emit("multiply", left, _lower(builder, factor))


def _lower_power(builder: Builder, power: Any) -> Operand:
    if not power.exp.is_Integer:
        raise SettingError(f"a cell's step raises to the power {power.exp}; use a whole number, or exp and log")
    result = _lower_integer_power(builder, power.base, abs(int(power.exp)))
    return builder.emit("divide", 1.0, result) if power.exp < 0 else result


def _lower_integer_power(builder: Builder, base: Any, exponent: int) -> Operand:
    factor = _lower(builder, base)
    return reduce(lambda product, each: builder.emit("multiply", product, each), [factor] * exponent, 1.0)
