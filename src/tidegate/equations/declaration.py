"""What the mathematics needs to know of a cell, and the names of the values that go in."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Protocol


class Declaration(Protocol):
    """A cell as `tidegate.cells.Cell` declares it; see there for what the names mean."""

    name: str
    gates: tuple[str, ...]
    states: tuple[str, ...]
    weights: tuple[str, ...]
    split: tuple[str, ...]
    input_only: tuple[str, ...]
    constants: tuple[str, ...]
    noise: Mapping[str, float]
    below: Mapping[str, str]

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new states."""
        ...


def gate_parts(cell: Declaration, gate: str) -> tuple[str, ...]:
    """Return a gate's value names: `z.<gate>`, or `z.<gate>.x` and `z.<gate>.h` when it is split."""
    return (f"z.{gate}.x", f"z.{gate}.h") if gate in cell.split else (f"z.{gate}",)


def value_names(cell: Declaration) -> tuple[str, ...]:
    """Return the names of everything that `step` reads: pre-activations, previous states, weights."""
    gates = [part for gate in cell.gates for part in gate_parts(cell, gate)]
    return (*gates, *(f"prev.{state}" for state in cell.states), *(f"w.{name}" for name in extra_names(cell)))


def extra_names(cell: Declaration) -> tuple[str, ...]:
    """Return what `w` carries: weights and constants of a unit, then sequences of a unit and step."""
    return (*cell.weights, *cell.constants, *cell.noise, *cell.below)


def call_step(cell: Declaration, values: Mapping[str, Any]) -> dict[str, Any]:
    """Call a cell's `step` on values by name (see `value_names`); return the new states by name."""
    z = SimpleNamespace()
    for gate in cell.gates:
        parts = [values[name] for name in gate_parts(cell, gate)]
        setattr(z, gate, SimpleNamespace(x=parts[0], h=parts[1]) if gate in cell.split else parts[0])
    prev = SimpleNamespace(**{state: values[f"prev.{state}"] for state in cell.states})
    w = SimpleNamespace(**{name: values[f"w.{name}"] for name in extra_names(cell)})
    return dict(zip(cell.states, cell.step(z, prev, w), strict=True))
