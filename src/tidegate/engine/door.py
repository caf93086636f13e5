"""Which code runs a recurrence, decided in one place: the fastest that computes this cell's equations.

In order: the native engine on a CPU, torch's fused kernels for the cells that torch knows, else the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from tidegate.engine import fused, native, reference
from tidegate.errors import SettingError

if TYPE_CHECKING:
    from tidegate.cells import Cell

_PATHS: dict[str, Any] = {"native": native, "fused": fused, "reference": reference}
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
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one layer of a cell over time, in one direction.

    Args:
        cell: the cell's class.
        x: inputs (B, T, I).
        state: for each of the cell's states (B, H), or None for zeros.
        weights: weight_ih (G*H, I), weight_hh (G*H, H), bias_ih and bias_hh (G*H), and each extra weight (H).
        lengths: steps of each row (B,), int64, 0 to T; None when all have T. What x holds beyond is not read.
        reverse: run from each row's end to its start.

    Returns:
        The outputs (B, T, H), 0 beyond a row's length, and the state after a row's last step.
    """
    if state is None:
        state = tuple(part[0] for part in zeros(cell, x, 1, weights))
    return _path(cell, x).scan(cell, x, state, weights, lengths=_ragged(x, lengths), reverse=reverse)


def scan_stack(
    cell: type[Cell],
    x: Tensor,
    state: tuple[Tensor, ...] | None,
    weights: Sequence[Mapping[str, Tensor]],
    *,
    lengths: Tensor | None = None,
    bidirectional: bool = False,
    dropout: float = 0.0,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run layers stacked on each other over time; each reads the outputs of the one below.

    Args:
        cell: the cell's class, the same in all layers.
        x: inputs (B, T, I).
        state: for each of the cell's states (layers*directions, B, H), or None for zeros.
        weights: those of `scan`, for each layer and, within it, each direction.
        lengths: steps of each row (B,), as in `scan`.
        bidirectional: run every layer in both directions and concatenate their outputs.
        dropout: share of the outputs dropped between layers, now: 0 when not training.

    Returns:
        The top layer's outputs (B, T, H*directions), and the state, shaped as the argument.
    """
    directions = 2 if bidirectional else 1
    if state is None:
        state = zeros(cell, x, len(weights), weights[0])
    lengths = _ragged(x, lengths)
    if _path(cell, x) is fused:
        return fused.scan_stack(cell, x, state, weights, lengths=lengths, bidirectional=bidirectional, dropout=dropout)
    states: list[tuple[Tensor, ...]] = []
    for first in range(0, len(weights), directions):
        if first:
            x = functional.dropout(x, dropout, training=dropout > 0)
        rows = slice(first, first + directions)
        x, new = _scan_layer(cell, x, tuple(part[rows] for part in state), weights[rows], lengths)
        states.append(new)
    return x, tuple(torch.cat(parts) for parts in zip(*states, strict=True))


def step(cell: type[Cell], x: Tensor, state: tuple[Tensor, ...], weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Run one layer for one time step: x (B, I), state (B, H) each; return the new state."""
    return _path(cell, x).step(cell, x, state, weights)


def zeros(cell: type[Cell], x: Tensor, count: int, weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the state before the first step: for each of the cell's states (count, B, H)."""
    state = x.new_zeros(count, x.shape[0], weights["weight_hh"].shape[1])
    return (state,) * len(cell.states)


def _path(cell: type[Cell], x: Tensor) -> Any:
    """Return the module that runs this cell on this input; each has `scan` and `step`."""
    if _only is not None:
        return _PATHS[_only]
    if native.runs(cell, x) and not torch.compiler.is_compiling():
        return native
    # Torch's kernels refuse a sequence without steps or rows.
    return fused if fused.runs(cell) and x.numel() > 0 else reference


def _scan_layer(
    cell: type[Cell],
    x: Tensor,
    state: tuple[Tensor, ...],
    weights: Sequence[Mapping[str, Tensor]],
    lengths: Tensor | None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one layer in its one or two directions; the state is (directions, B, H) in and out."""
    path = _path(cell, x)
    runs = [
        path.scan(cell, x, tuple(part[row] for part in state), each, lengths=lengths, reverse=row == 1)
        for row, each in enumerate(weights)
    ]
    y = runs[0][0] if len(runs) == 1 else torch.cat([y for y, _ in runs], -1)
    return y, tuple(torch.stack(parts) for parts in zip(*(new for _, new in runs), strict=True))


def _ragged(x: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Return lengths, or None when every row has all steps, which the dense kernels run much faster."""
    if lengths is None or bool((lengths == x.shape[1]).all()):
        return None
    return lengths
