"""The backward pass of a cell, derived: reverse accumulation over its program."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tidegate.equations.functions import COMPARISONS, FUNCTIONS
from tidegate.equations.program import Builder, Line, Operand, Program
from tidegate.errors import SettingError


@dataclass(frozen=True)
class Backward:
    """A program from the outputs' gradients to the inputs', and the forward values that it reads.

    Attributes:
        saved: names of the forward program's values that its run must keep.
        program: reads `saved` and `d.<output>` for each output; gives `d.<input>` for each input.
    """

    saved: tuple[str, ...]
    program: Program


def differentiate(forward: Program, *, without: Collection[str] = ()) -> Backward:
    """Derive the program of the gradients, of all inputs but those in `without`.

    What it reads of the forward pass is an input, an output, or a function's output: sums and products of those
    are computed again where needed, which costs less than memory, and no function is. A derivative is written in
    terms of the function's output where that is possible.
    """
    sweep = _Sweep(forward)
    for line in reversed(forward.lines):
        sweep.visit(line)
    gradients = {f"d.{name}": sweep.gradients.get(name, 0.0) for name in forward.inputs if name not in without}
    saved = _read_from(sweep.builder.prune((), gradients).lines, sweep.available)
    incoming = [f"d.{name}" for name, _ in forward.outputs]
    return Backward(saved, sweep.builder.prune([*saved, *incoming], gradients))


class _Sweep:
    """The gradients found so far, while the forward lines are visited from the last to the first."""

    def __init__(self, forward: Program) -> None:
        self.builder = Builder("g")
        self.gradients: dict[str, Operand] = {}
        self._lines = {line.name: line for line in forward.lines}
        functions = [line.name for line in forward.lines if line.operation in FUNCTIONS]
        outputs = [value for _, value in forward.outputs if isinstance(value, str)]
        self.available = dict.fromkeys([*forward.inputs, *functions, *outputs])
        for name, value in forward.outputs:
            self._accumulate(value, f"d.{name}")

    def visit(self, line: Line) -> None:
        """Pass a line's gradient on to what it reads."""
        if line.name not in self.gradients or line.operation == "floor":
            return
        upstream = self.gradients[line.name]
        if line.operation == "maximum":
            self._visit_maximum(line, upstream)
        elif line.operation in FUNCTIONS:
            self._accumulate(line.operands[0], self._function_gradient(line, upstream))
        elif line.operation not in COMPARISONS:
            self._visit_arithmetic(line, upstream)

    def _visit_maximum(self, line: Line, upstream: Operand) -> None:
        emit = self.builder.emit
        share = emit("at_least", *(self._value(each) for each in line.operands))
        self._accumulate(line.operands[0], emit("multiply", upstream, share))
        self._accumulate(line.operands[1], emit("multiply", upstream, emit("subtract", 1.0, share)))

    def _visit_arithmetic(self, line: Line, upstream: Operand) -> None:
        emit = self.builder.emit
        if line.operation == "negate":
            self._accumulate(line.operands[0], emit("negate", upstream))
            return
        left, right = line.operands
        if line.operation in ("add", "subtract"):
            self._accumulate(left, upstream)
            self._accumulate(right, upstream, subtract=line.operation == "subtract")
        elif line.operation == "multiply":
            self._accumulate(left, self._times(upstream, right) if isinstance(left, str) else 0.0)
            self._accumulate(right, self._times(upstream, left) if isinstance(right, str) else 0.0)
        elif line.operation == "divide":
            share = emit("divide", upstream, self._value(right))
            self._accumulate(left, share)
            if isinstance(right, str):
                self._accumulate(right, emit("multiply", share, self._value(line.name)), subtract=True)
        else:
            raise SettingError(f"operation {line.operation} of {line.name} has no derivative")

    def _function_gradient(self, line: Line, upstream: Operand) -> Operand:
        emit, out = self.builder.emit, line.name
        if line.operation == "sigmoid":
            return emit("multiply", upstream, emit("multiply", out, emit("subtract", 1.0, out)))
        if line.operation == "tanh":
            return emit("multiply", upstream, emit("subtract", 1.0, emit("multiply", out, out)))
        if line.operation == "exp":
            return emit("multiply", upstream, out)
        if line.operation == "mean":  # every unit reads the mean, and the mean reads every unit
            return emit("mean", upstream)
        if line.operation == "sqrt":
            return emit("divide", emit("multiply", 0.5, upstream), out)
        return emit("divide", upstream, self._value(line.operands[0]))

    def _times(self, upstream: Operand, factor: Operand) -> Operand:
        return self.builder.emit("multiply", upstream, self._value(factor))

    def _value(self, name: Operand) -> Operand:
        """Return a forward value: as it was kept, or from what was kept."""
        if not isinstance(name, str) or name in self.available:
            return name
        line = self._lines[name]
        return self.builder.emit(line.operation, *(self._value(each) for each in line.operands))

    def _accumulate(self, name: Operand, gradient: Operand, *, subtract: bool = False) -> None:
        if not isinstance(name, str):
            return
        if name in self.gradients:
            operation = "subtract" if subtract else "add"
            self.gradients[name] = self.builder.emit(operation, self.gradients[name], gradient)
        else:
            self.gradients[name] = self.builder.emit("negate", gradient) if subtract else gradient


def _read_from(lines: Iterable[Line], available: Iterable[str]) -> tuple[str, ...]:
    """Return those of the available values that some line reads, in the order given."""
    read = {each for line in lines for each in line.operands}
    return tuple(name for name in available if name in read)
