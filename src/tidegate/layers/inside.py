"""What happens inside of recurrent layers: every state and every gate at every step.

The engine gives the states; what a gate was follows from them by the cell's own equations, for all steps at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from tidegate.cells import Cell
from tidegate.cells.cell import Parts
from tidegate.engine import dispatch, reference
from tidegate.equations.declaration import extra_names
from tidegate.equations.gates import gate_program
from tidegate.layers.stack import from_below, join

State = tuple[Tensor, ...]
Weights = Mapping[str, Tensor]


class Inside(NamedTuple):
    """One layer in one direction, each value (B, T, H).

    Attributes:
        gates: by name, as `equations.gates.gate_program` says what they are.
        states: after each step, by name.
    """

    gates: dict[str, Tensor]
    states: dict[str, Tensor]


def look_inside(
    cell: type[Cell],
    x: Tensor,
    state: State | None,
    weights: Sequence[Weights],
    *,
    bidirectional: bool = False,
    context: Tensor | None = None,
) -> list[Inside]:
    """Return the inside of layers stacked on each other, of each layer and, within it, each direction.

    Args:
        cell: the cell's class.
        x: inputs (B, T, I).
        state: for each of the cell's states (layers*directions, B, H), or None for zeros.
        weights: as `layers.stack.scan_stack` takes them.
        bidirectional: whether every layer runs in both directions.
        context: joins every layer's inputs (B, C) or (B, T, C).
    """
    directions = 2 if bidirectional else 1
    found: list[Inside] = []
    below: list[State] = []
    for first in range(0, len(weights), directions):
        x = join(x, context)
        runs: list[State] = []
        for row in range(directions):
            own = weights[first + row]
            if cell.below:
                own = {**own, **from_below(cell, x, own, below[row] if below else None)}
            begin = dispatch.zeros(cell, x, own) if state is None else tuple(part[first + row] for part in state)
            run, _ = dispatch.scan(cell, x, begin, own, reverse=row == 1, every=True)
            before = tuple(_before(each, start, reverse=row == 1) for each, start in zip(run, begin, strict=True))
            found.append(Inside(_gates(cell, x, before, own), dict(zip(cell.states, run, strict=True))))
            runs.append(run)
        x, below = torch.cat([run[0] for run in runs], -1), runs
    return found


def _before(states: Tensor, first: Tensor, *, reverse: bool) -> Tensor:
    """Return the state before each step from those after it (B, T, H) and that before the first (B, H)."""
    start = first[:, None].to(states.dtype)
    return torch.cat([states[:, 1:], start], 1) if reverse else torch.cat([start, states[:, :-1]], 1)


def _gates(cell: type[Cell], x: Tensor, before: State, weights: Weights) -> dict[str, Tensor]:
    x_part = linear(x, weights["weight_ih"], weights["bias_ih"])
    h_part = linear(before[0], weights["weight_hh"], weights["bias_hh"])
    z = reference.pre_activations(cell, x_part, h_part)
    values: dict[str, Tensor] = {f"prev.{name}": part for name, part in zip(cell.states, before, strict=True)}
    values |= {f"w.{name}": weights[name] for name in extra_names(cell)}
    for gate, value in zip(cell.gates, z, strict=True):
        parts = {f"z.{gate}.x": value.x, f"z.{gate}.h": value.h} if isinstance(value, Parts) else {f"z.{gate}": value}
        values |= parts
    program = gate_program(cell)
    results = program.run(values)
    return {name: results[name] for name, _ in program.outputs}
