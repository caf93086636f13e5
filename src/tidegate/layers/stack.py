"""Recurrent layers stacked on each other: in one or both directions, with dropout between or within them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tidegate.cells import Cell
from tidegate.engine import dispatch, noise, torch_kernels

State = tuple[Tensor, ...]
Weights = Mapping[str, Tensor]


def scan_stack(
    cell: type[Cell],
    x: Tensor,
    state: State | None,
    weights: Sequence[Weights],
    *,
    lengths: Tensor | None = None,
    bidirectional: bool = False,
    dropout: float = 0.0,
    variational: bool = False,
    context: Tensor | None = None,
    resets: Tensor | None = None,
) -> tuple[Tensor, State]:
    """Run layers stacked on each other over time; each reads the outputs of the one below.

    Args:
        cell: the cell's class, the same in all layers.
        x: inputs (B, T, I).
        state: for each of the cell's states (layers*directions, B, H), or None for zeros.
        weights: those of `tidegate.engine.scan`, for each layer and, within it, each direction; sequences that are
            states of the layer below are added here.
        lengths: steps of each row (B,), as in `tidegate.engine.scan`.
        bidirectional: run every layer in both directions and concatenate their outputs.
        dropout: share of the outputs dropped between layers, now: 0 when not training.
        variational: the share is dropped of every layer's inputs and of what its recurrent weights read instead, the
            same numbers at all steps of a sequence: Gal and Ghahramani, NIPS 2016, equation 7.
        context: joins every layer's inputs (B, C) or (B, T, C).
        resets: true (B, T), bool, at the first step of each sequence that a row holds one behind the other.

    Returns:
        The top layer's outputs (B, T, H*directions), and the state, shaped as the argument.
    """
    directions = 2 if bidirectional else 1
    lengths = _ragged(x, lengths)
    within = dropout if variational else 0.0
    if context is None and resets is None and not within and dispatch.takes_stacks(cell, x):
        if state is None:
            state = tuple(part.expand(len(weights), -1, -1) for part in dispatch.zeros(cell, x, weights[0]))
        options: dict[str, Any] = {"bidirectional": bidirectional, "dropout": dropout}
        return torch_kernels.scan_stack(cell, x, state, weights, lengths=lengths, **options)
    states: list[State] = []
    below: list[State] = []
    for first in range(0, len(weights), directions):
        if first and not variational:
            x = noise.dropout(x, dropout)
        x = join(x, context)
        rows = range(first, first + directions)
        before = [None if state is None else tuple(part[row] for part in state) for row in rows]
        options = {"lengths": lengths, "resets": resets, "dropout": within}
        x, below, last = _scan_layer(cell, x, before, weights[first : first + directions], below, **options)
        states += last
    if len(states) == 1:
        return x, tuple(part.unsqueeze(0) for part in states[0])
    return x, tuple(torch.stack(parts) for parts in zip(*states, strict=True))


def step_stack(
    cell: type[Cell], x: Tensor, state: State, weights: Sequence[Weights], *, context: Tensor | None = None
) -> tuple[Tensor, State]:
    """Run layers stacked on each other, in one direction, for one time step; noise is its expected value.

    Args:
        cell: the cell's class, the same in all layers.
        x: inputs (B, I).
        state: for each of the cell's states (layers, B, H).
        weights: those of `tidegate.engine.step`, for each layer; sequences are added here.
        context: joins every layer's inputs (B, C).

    Returns:
        The top layer's outputs (B, H), and the state, shaped as the argument.
    """
    states: list[State] = []
    for layer, own in enumerate(weights):
        nothing = x.new_zeros(len(x), len(own["weight_ih"]) // len(cell.gates))
        extra = {name: nothing.new_full(nothing.shape, rate) for name, rate in cell.noise.items()}
        extra |= {name: states[-1][cell.states.index(each)] if states else nothing for name, each in cell.below.items()}
        before = tuple(part[layer] for part in state)
        states.append(dispatch.step(cell, join(x, context), before, {**own, **extra}))
        x = states[-1][0]
    return x, tuple(torch.stack(parts) for parts in zip(*states, strict=True))


def join(x: Tensor, context: Tensor | None) -> Tensor:
    """Return inputs (B, T, I) or (B, I) with a context (B, T, C) or (B, C) at each step."""
    if context is None:
        return x
    return torch.cat([x, context if context.dim() == x.dim() else context[:, None].expand(-1, x.shape[1], -1)], -1)


def _scan_layer(
    cell: type[Cell],
    x: Tensor,
    states: Sequence[State | None],
    weights: Sequence[Weights],
    below: Sequence[State],
    *,
    lengths: Tensor | None,
    resets: Tensor | None,
    dropout: float,
) -> tuple[Tensor, list[State], list[State]]:
    """Run one layer in its one or two directions.

    Returns:
        The outputs, then for each direction the sequences of all states where the next layer needs them, and the last
        states.
    """
    results = []
    for row, (state, own) in enumerate(zip(states, weights, strict=True)):
        if cell.below:
            own = {**own, **from_below(cell, x, own, below[row] if below else None)}
        options: dict[str, Any] = {"lengths": lengths, "reverse": row == 1, "every": bool(cell.below)}
        if resets is not None:
            options["resets"] = _from_behind(resets, lengths) if row == 1 else resets
        inputs = x
        if dropout:
            inputs = x * noise.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), dropout)
            options["h_mask"] = noise.dropout(x.new_ones(x.shape[0], own["weight_hh"].shape[1]), dropout)
        results.append(dispatch.scan(cell, inputs, state, own, **options))
    outputs = [sequences[0] for sequences, _ in results]
    # Time first in memory, as each direction's outputs are.
    y = outputs[0] if len(outputs) == 1 else torch.cat([each.transpose(0, 1) for each in outputs], -1).transpose(0, 1)
    return y, [sequences for sequences, _ in results], [last for _, last in results]


def _from_behind(resets: Tensor, lengths: Tensor | None) -> Tensor:
    """Return where the sequences of a row (B, T) begin for a scan in reverse: at their last steps."""
    before = resets.roll(-1, 1)
    before[:, -1:] = False  # the step from which the scan starts goes on from the state that it is given
    if lengths is None:
        return before
    return before & (torch.arange(1, before.shape[1] + 1, device=before.device) < lengths.to(before.device)[:, None])


def from_below(cell: type[Cell], x: Tensor, weights: Weights, below: State | None) -> dict[str, Tensor]:
    """Return the sequences (B, T, H) that are states of the layer below; zeros when there is none."""
    if below is None:
        units = len(weights["weight_ih"]) // len(cell.gates)
        return dict.fromkeys(cell.below, x.new_zeros(units).expand(*x.shape[:2], units))
    return {name: below[cell.states.index(state)] for name, state in cell.below.items()}


def _ragged(x: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Return lengths, or None when every row has all steps, which the dense kernels run much faster."""
    if lengths is None or bool((lengths == x.shape[1]).all()):
        return None
    return lengths
