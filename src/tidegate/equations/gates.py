"""The values of a cell's gates, as its equations have them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tidegate.equations.declaration import Declaration, gate_parts, value_names
from tidegate.equations.program import Program, lowered

ACTIVATIONS = ("sigmoid", "tanh", "exp")


@lru_cache(maxsize=64)
def gate_program(cell: Declaration) -> Program:
    """Return the program of a cell's gates, whose inputs are those of `tidegate.equations.program.trace`.

    A gate is the one sigmoid, tanh or exponential that reads its pre-activation directly, not through another function;
    it is an output by the gate's name. Where there is none or there are several, as of minGRU's linear candidate, the
    outputs are the pre-activation itself, `z.<gate>`, or its two parts.
    """
    from tidegate.equations.symbols import Operation, expressions

    wholes = expressions(cell).values()
    functions = dict.fromkeys(
        node for whole in wholes for node in whole.atoms(Operation) if node.operation in ACTIVATIONS
    )
    reads = {node: _direct(node.args[0]) for node in functions}
    gates: dict[str, Any] = {}
    for gate in cell.gates:
        parts = set(gate_parts(cell, gate))
        others = {part for other in cell.gates if other != gate for part in gate_parts(cell, other)}
        found = [node for node, read in reads.items() if read & parts and not read & others]
        gates |= {gate: found[0]} if len(found) == 1 else {part: _symbol(part) for part in gate_parts(cell, gate)}
    return lowered(value_names(cell), gates)


def _direct(expression: Any) -> set[str]:
    """Return the names that an expression reads otherwise than through a function."""
    from tidegate.equations.symbols import Operation

    if expression.is_Symbol:
        return {expression.name}
    if isinstance(expression, Operation):
        return set()
    return set().union(*map(_direct, expression.args))


def _symbol(name: str) -> Any:
    import sympy

    return sympy.Symbol(name, real=True)
