"""Which code runs a recurrence, decided in one place: the fastest that computes this cell's equations.

In order: the native engine on a CPU, torch's own kernels for the cells that torch knows, else the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tidegate.engine import native, projecting, reference, torch_kernels
from tidegate.errors import SettingError

if TYPE_CHECKING:
    from tidegate.cells import Cell

_PATHS: dict[str, Any] = {"native": native, "torch": torch_kernels, "reference": reference}
_only: str | None = None


@contextmanager
def only(path: str) -> Iterator[None]:
    """Make every thread run this path alone, to test one path against another.

    Args:
        path: "reference", for all cells; "torch", which refuses a cell that torch has no kernel for and leaves what its
            kernels lack to the reference; or "native", where it was built.
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
    resets: Tensor | None = None,
    h_mask: Tensor | None = None,
    every: bool = False,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Run one layer of a cell over time, in one direction.

    Args:
        cell: the cell's class.
        x: inputs (B, T, I).
        state: for each of the cell's states (B, H), or None for zeros.
        weights: weight_ih (G*H, I), weight_hh (G*H, H), bias_ih and bias_hh (G*H), in `weight_hh` and `bias_hh` without
            the cell's `input_only` gates; each extra weight and constant (H); each sequence (B, T, H). A `pattern`
            (N, N), uint8, says which blocks of 16 x 16 units in each gate of `weight_hh` are not all zero; `weight_hr`
            (R, H) projects the output, and then `weight_hh` is (G*H, R).
        lengths: steps of each row (B,), int64, 0 to T; None when all have T, which runs faster. What x holds beyond is
            not read.
        reverse: run from each row's end to its start.
        resets: where true (B, T), bool, the state before that step, in the order in which steps are run, is taken as
            zero: a new sequence begins. What it holds beyond a row's length is not read. Torch's own kernels have no
            such thing, so where there is no native engine, as on a GPU, the reference runs.
        h_mask: multiplies the first state (B, H) where `weight_hh` reads it.
        every: return the sequence of every state and not of the first alone, which is the output.

    Returns:
        The sequences (B, T, H), 0 beyond a row's length, and the state after a row's last step.
    """
    path = _path(cell, x)
    options: dict[str, Any] = {"lengths": lengths, "reverse": reverse}
    if resets is not None or h_mask is not None or every:
        options |= {"resets": resets, "h_mask": h_mask, "every": every}
        path = reference if path is torch_kernels else path  # torch's kernels have none of them
    return path.scan(cell, x, zeros(cell, x, weights) if state is None else state, weights, **options)


def step(cell: type[Cell], x: Tensor, state: tuple[Tensor, ...], weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Run one layer for one time step: x (B, I), state (B, H) each; return the new state."""
    return _path(cell, x).step(cell, x, state, weights)


def takes_stacks(cell: type[Cell], x: Tensor) -> bool:
    """Say whether torch's kernels run this cell on this input: they take a whole stack of layers in one call."""
    return _path(cell, x) is torch_kernels


def zeros(cell: type[Cell], x: Tensor, weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the state before the first step: for each of the cell's states (B, its size)."""
    output, units = weights["weight_hh"].shape[1], len(weights["weight_ih"]) // len(cell.gates)
    first = x.new_zeros(x.shape[0], output)
    return (first, *[first if units == output else x.new_zeros(x.shape[0], units)] * (len(cell.states) - 1))


def _path(cell: type[Cell], x: Tensor) -> Any:
    """Return the module that runs this cell on this input; each has `scan` and `step`."""
    if _only == "reference":
        return reference
    if _only == "torch" and not torch_kernels.runs(cell):
        raise SettingError(f"torch has no kernel for cell {cell.name}; run it by the path native or reference")
    if _only == "native" or (_only is None and native.runs(cell, x) and not torch.compiler.is_compiling()):
        return native if cell.projection == 1 else projecting
    # Torch's kernels refuse a sequence without steps or rows.
    return torch_kernels if torch_kernels.runs(cell) and x.numel() > 0 else reference
