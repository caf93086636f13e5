"""The reference: a cell's own `step` in a loop over time, differentiated by torch's autograd.

It runs any cell, dtype and device, and is what every faster path is tested against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from tidegate.cells.cell import Parts
from tidegate.equations.declaration import extra_names

if TYPE_CHECKING:
    from tidegate.cells import Cell


def scan(
    cell: type[Cell],
    x: Tensor,
    state: tuple[Tensor, ...],
    weights: Mapping[str, Tensor],
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
    resets: Tensor | None = None,
    h_mask: Tensor | None = None,
    every: bool = False,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Run one layer in one direction; see `tidegate.engine.scan` for arguments and shapes.

    Args:
        every: return the sequence of every state and not of the first alone.
    """
    batch, time, _ = x.shape
    resets = None if resets is None else resets.to(x.device)
    if lengths is not None:
        lengths = lengths.to(x.device)
        # Padding may hold anything, NaN included; a zero keeps it out of the weights' gradients too.
        padding = torch.arange(time, device=x.device) >= lengths[:, None]
        x = x.masked_fill(padding[:, :, None], 0)
        resets = None if resets is None else resets & ~padding
    x_parts = linear(x, weights["weight_ih"], weights["bias_ih"]).unbind(1)
    shown = len(cell.states) if every else 1
    outputs: list[tuple[Tensor, ...]] = [()] * time
    for t in reversed(range(time)) if reverse else range(time):
        if resets is not None:
            state = tuple(part.masked_fill(resets[:, t, None], 0) for part in state)
        new = advance(cell, x_parts[t], state, weights, extras(cell, weights, t), h_mask)
        if lengths is None:
            outputs[t], state = new[:shown], new
        else:
            alive = (t < lengths)[:, None]
            outputs[t] = tuple(torch.where(alive, part, 0) for part in new[:shown])
            state = tuple(torch.where(alive, after, before) for after, before in zip(new, state, strict=True))
    if not outputs:
        return tuple(x.new_zeros(batch, 0, state[0].shape[-1]) for _ in range(shown)), state
    return tuple(torch.stack(parts, 1) for parts in zip(*outputs, strict=True)), state


def step(cell: type[Cell], x: Tensor, state: tuple[Tensor, ...], weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Run one layer for one time step: x (B, I), state (B, H) each; return the new state."""
    x_part = linear(x, weights["weight_ih"], weights["bias_ih"])
    return advance(cell, x_part, state, weights, extras(cell, weights, 0))


def extras(cell: type[Cell], weights: Mapping[str, Tensor], t: int) -> Any:
    """Return `w` at a step: weights and constants (H) as they are, of a sequence (B, T, H) the step's values."""
    values = (weights[name] for name in extra_names(cell))
    return cell.W(*(value[:, t] if value.dim() == 3 else value for value in values))


def advance(
    cell: type[Cell],
    x_part: Tensor,
    state: tuple[Tensor, ...],
    weights: Mapping[str, Tensor],
    extra: Any,
    h_mask: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Return the new state from `W x + b` (B, G*H), the state before and the weights."""
    h = state[0] if h_mask is None else state[0] * h_mask
    h_part = linear(h, weights["weight_hh"], weights["bias_hh"])
    first, *others = cell.step(pre_activations(cell, x_part, h_part), cell.Prev(*state), extra)
    return (linear(first, weights["weight_hr"]) if "weight_hr" in weights else first, *others)


def pre_activations(cell: type[Cell], x_part: Tensor, h_part: Tensor) -> Any:
    """Return `z`, each gate's block of `W x + b` and `U h + b'`, added unless the cell keeps them apart."""
    count = len(cell.gates)
    if not cell.split and not cell.input_only:
        return cell.Z(*(x_part + h_part).chunk(count, -1))
    z: dict[str, Any] = dict(zip(cell.gates, x_part.chunk(count, -1), strict=True))
    recurrent = [gate for gate in cell.gates if gate not in cell.input_only]
    for gate, h in zip(recurrent, h_part.chunk(len(recurrent), -1) if recurrent else (), strict=True):
        z[gate] = Parts(z[gate], h) if gate in cell.split else z[gate] + h
    return cell.Z(**z)
