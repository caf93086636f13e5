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
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one layer in one direction; see `tidegate.engine.scan` for arguments and shapes."""
    batch, time, _ = x.shape
    if lengths is not None:
        lengths = lengths.to(x.device)
        # Padding may hold anything, NaN included; a zero keeps it out of the weights' gradients too.
        padding = torch.arange(time, device=x.device) >= lengths[:, None]
        x = x.masked_fill(padding[:, :, None], 0)
    x_parts = linear(x, weights["weight_ih"], weights["bias_ih"]).unbind(1)
    extra = cell.W(*(weights[name] for name in cell.weights))
    outputs = [x.new_empty(0)] * time
    for t in reversed(range(time)) if reverse else range(time):
        new = advance(cell, x_parts[t], state, weights, extra)
        if lengths is None:
            outputs[t], state = new[0], new
        else:
            alive = (t < lengths)[:, None]
            outputs[t] = torch.where(alive, new[0], 0)
            state = tuple(torch.where(alive, after, before) for after, before in zip(new, state, strict=True))
    y = torch.stack(outputs, 1) if outputs else x.new_zeros(batch, 0, state[0].shape[-1])
    return y, state


def step(cell: type[Cell], x: Tensor, state: tuple[Tensor, ...], weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Run one layer for one time step: x (B, I), state (B, H) each; return the new state."""
    extra = cell.W(*(weights[name] for name in cell.weights))
    return advance(cell, linear(x, weights["weight_ih"], weights["bias_ih"]), state, weights, extra)


def advance(
    cell: type[Cell], x_part: Tensor, state: tuple[Tensor, ...], weights: Mapping[str, Tensor], extra: Any
) -> tuple[Tensor, ...]:
    """Return the new state from `W x + b` (B, G*H), the state before and the weights."""
    h_part = linear(state[0], weights["weight_hh"], weights["bias_hh"])
    return tuple(cell.step(pre_activations(cell, x_part, h_part), cell.Prev(*state), extra))


def pre_activations(cell: type[Cell], x_part: Tensor, h_part: Tensor) -> Any:
    """Return `z`, each gate's block of `W x + b` and `U h + b'`, added unless the cell keeps them apart."""
    count = len(cell.gates)
    if not cell.split:
        return cell.Z(*(x_part + h_part).chunk(count, -1))
    pairs = zip(cell.gates, x_part.chunk(count, -1), h_part.chunk(count, -1), strict=True)
    return cell.Z(*(Parts(x, h) if gate in cell.split else x + h for gate, x, h in pairs))
