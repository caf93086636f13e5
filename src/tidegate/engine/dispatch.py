"""Which code runs a recurrence, decided in one place: the fastest that computes this cell's equations.

In order: the native engine on a CPU, torch's fused kernels for the cells that torch knows, else the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tidegate.engine import native, noise, projecting, reference, torch_kernels
from tidegate.errors import SettingError

if TYPE_CHECKING:
    from tidegate.cells import Cell

_PATHS: dict[str, Any] = {"native": native, "fused": torch_kernels, "reference": reference}
_only: str | None = None


@contextmanager
def only(path: str) -> Iterator[None]:
    """Make every thread run this path alone, to test one path against another.

    Args:
        path: "reference" for all cells; "fused", which refuses a cell that torch has no kernel for; or "native", where
            it was built.
    """
    global _only
    if path not in _PATHS:
        raise SettingError(f"path must be one of {', '.join(_PATHS)}, not {path!r}")
    before, _only = _only, path
    try:
        yield
    finally:
        _only = before


def scan(
    cell: type[Cell],
    x: Tensor,
    state: tuple[Tensor, ...] | None,
    weights: Mapping[str, Tensor],
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
    h_mask: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one layer of a cell over time, in one direction.

    Args:
        cell: the cell's class.
        x: inputs (B, T, I).
        state: for each of the cell's states (B, H), or None for zeros.
        weights: weight_ih (G*H, I), weight_hh (G*H, H), bias_ih and bias_hh (G*H), in `weight_hh` and `bias_hh` without
            the cell's `input_only` gates; each extra weight and constant (H); each sequence (B, T, H). A `pattern`
            (N, N), uint8, says which blocks of 16 x 16 units in each gate of `weight_hh` are not all zero; `weight_hr`
            (R, H) projects the output, and then `weight_hh` is (G*H, R).
        lengths: steps of each row (B,), int64, 0 to T; None when all have T. What x holds beyond is not read.
        reverse: run from each row's end to its start.
        h_mask: multiplies the first state (B, H) where `weight_hh` reads it.

    Returns:
        The outputs (B, T, H), 0 beyond a row's length, and the state after a row's last step.
    """
    if state is None:
        state = zeros(cell, x, weights)
    options: dict[str, Any] = {} if h_mask is None else {"h_mask": h_mask}
    path = _path(cell, x) if h_mask is None else _loop(_path(cell, x))
    sequences, last = path.scan(cell, x, state, weights, lengths=_ragged(x, lengths), reverse=reverse, **options)
    return sequences[0], last


def scan_stack(
    cell: type[Cell],
    x: Tensor,
    state: tuple[Tensor, ...] | None,
    weights: Sequence[Mapping[str, Tensor]],
    *,
    lengths: Tensor | None = None,
    bidirectional: bool = False,
    dropout: float = 0.0,
    context: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run layers stacked on each other over time; each reads the outputs of the one below.

    Args:
        cell: the cell's class, the same in all layers.
        x: inputs (B, T, I).
        state: for each of the cell's states (layers*directions, B, H), or None for zeros.
        weights: those of `scan`, for each layer and, within it, each direction; sequences that are states of the layer
            below are added here.
        lengths: steps of each row (B,), as in `scan`.
        bidirectional: run every layer in both directions and concatenate their outputs.
        dropout: share of the outputs dropped between layers, now: 0 when not training. For a variational cell, share of
            every layer's inputs and of its recurrent states that is dropped for a whole sequence.
        context: joins every layer's inputs (B, C) or (B, T, C).

    Returns:
        The top layer's outputs (B, T, H*directions), and the state, shaped as the argument.
    """
    directions = 2 if bidirectional else 1
    lengths = _ragged(x, lengths)
    path = _path(cell, x)
    if context is None and path is torch_kernels:
        if state is None:
            state = tuple(part.expand(len(weights), -1, -1) for part in zeros(cell, x, weights[0]))
        return torch_kernels.scan_stack(
            cell, x, state, weights, lengths=lengths, bidirectional=bidirectional, dropout=dropout
        )
    states: list[tuple[Tensor, ...]] = []
    below: list[tuple[Tensor, ...]] = []
    for first in range(0, len(weights), directions):
        if not cell.variational and first:
            x = noise.dropout(x, dropout)
        if context is not None:
            x = torch.cat([x, context if context.dim() == 3 else context[:, None].expand(-1, x.shape[1], -1)], -1)
        layer = range(first, first + directions)
        rows = [zeros(cell, x, weights[row]) if state is None else tuple(part[row] for part in state) for row in layer]
        x, below, last = _scan_layer(path, cell, x, rows, weights[first : first + directions], lengths, below, dropout)
        states += last
    if len(states) == 1:
        return x, tuple(part.unsqueeze(0) for part in states[0])
    return x, tuple(torch.stack(parts) for parts in zip(*states, strict=True))


def step(cell: type[Cell], x: Tensor, state: tuple[Tensor, ...], weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Run one layer for one time step: x (B, I), state (B, H) each; return the new state."""
    return _path(cell, x).step(cell, x, state, weights)


def zeros(cell: type[Cell], x: Tensor, weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the state before the first step: for each of the cell's states (B, its size)."""
    output, units = weights["weight_hh"].shape[1], len(weights["weight_ih"]) // len(cell.gates)
    first = x.new_zeros(x.shape[0], output)
    return (first, *[first if units == output else x.new_zeros(x.shape[0], units)] * (len(cell.states) - 1))


def _path(cell: type[Cell], x: Tensor) -> Any:
    """Return the module that runs this cell on this input; each has `scan` and `step`."""
    if _only not in (None, "native"):
        return _PATHS[_only]
    if _only or (native.runs(cell, x) and not torch.compiler.is_compiling()):
        return native if cell.projection == 1 else projecting
    # Torch's kernels refuse a sequence without steps or rows.
    return torch_kernels if torch_kernels.runs(cell) and x.numel() > 0 else reference


def _loop(path: Any) -> Any:
    """Return the path for what torch's kernels cannot do."""
    return reference if path is torch_kernels else path


def _scan_layer(
    path: Any,
    cell: type[Cell],
    x: Tensor,
    states: Sequence[tuple[Tensor, ...]],
    weights: Sequence[Mapping[str, Tensor]],
    lengths: Tensor | None,
    below: Sequence[tuple[Tensor, ...]],
    dropout: float,
) -> tuple[Tensor, list[tuple[Tensor, ...]], list[tuple[Tensor, ...]]]:
    """Run one layer in its one or two directions.

    Returns:
        The outputs, then for each direction the sequences of all states where the next layer needs them, and the last
        states.
    """
    if cell.below or cell.variational:
        path = _loop(path)
    results = []
    for row, (state, own) in enumerate(zip(states, weights, strict=True)):
        options: dict[str, Any] = {"every": True} if cell.below else {}
        if cell.below:
            own = {**own, **_from_below(cell, x, own, below[row] if below else None)}
        inputs = x
        if cell.variational and dropout:
            inputs = x * noise.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), dropout)
            options["h_mask"] = noise.dropout(torch.ones_like(state[0]), dropout)
        results.append(path.scan(cell, inputs, state, own, lengths=lengths, reverse=row == 1, **options))
    outputs = [sequences[0] for sequences, _ in results]
    y = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)
    return y, [sequences for sequences, _ in results], [last for _, last in results]


def _from_below(
    cell: type[Cell], x: Tensor, weights: Mapping[str, Tensor], below: tuple[Tensor, ...] | None
) -> dict[str, Tensor]:
    """Return the sequences (B, T, H) that are states of the layer below; zeros when there is none."""
    units = len(weights["weight_ih"]) // len(cell.gates)
    if below is None:
        nothing = x.new_zeros(units).expand(*x.shape[:2], units)
        return dict.fromkeys(cell.below, nothing)
    return {name: below[cell.states.index(state)] for name, state in cell.below.items()}


def _ragged(x: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Return lengths, or None when every row has all steps, which the dense kernels run much faster."""
    if lengths is None or bool((lengths == x.shape[1]).all()):
        return None
    return lengths
