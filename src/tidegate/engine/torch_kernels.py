"""Torch's own kernels (oneDNN or ATen on a CPU, cuDNN on CUDA), for the cells whose equations they compute.

They take a whole stack of layers in one call, which on a GPU is much faster than a call for each layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from tidegate.cells.gru import GRU
from tidegate.cells.lstm import LSTM
from tidegate.cells.rnn import RNN

if TYPE_CHECKING:
    from tidegate.cells import Cell

_VF: Any = torch._VF  # type: ignore[attr-defined]
_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Kernel(NamedTuple):
    """What torch calls a cell: the kernel for a sequence, the one for a step, cuDNN's word."""

    scan: Any
    step: Any
    cudnn_mode: str


# Keyed by the class and not by its name: a user's own cell called "lstm" has equations of its own.
_KERNELS: dict[type[Cell], Kernel] = {
    RNN: Kernel(_VF.rnn_tanh, _VF.rnn_tanh_cell, "RNN_TANH"),
    LSTM: Kernel(_VF.lstm, _VF.lstm_cell, "LSTM"),
    GRU: Kernel(_VF.gru, _VF.gru_cell, "GRU"),
}


def runs(cell: type[Cell]) -> bool:
    """Say whether torch has a kernel that computes this cell's equations."""
    return cell in _KERNELS


def scan_stack(
    cell: type[Cell],
    x: Tensor,
    state: tuple[Tensor, ...],
    weights: Sequence[Mapping[str, Tensor]],
    *,
    lengths: Tensor | None = None,
    bidirectional: bool = False,
    dropout: float = 0.0,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a whole stack in one call.

    Args:
        cell: the cell's class.
        x: inputs (B, T, I).
        state: for each of the cell's states (layers*directions, B, H).
        weights: those of `tidegate.engine.scan`, for each layer and, within it, each direction.
        lengths: steps of each row (B,), or None when all have T.
        bidirectional: run every layer in both directions and concatenate their outputs.
        dropout: share of the outputs dropped between layers.

    Returns:
        The top layer's outputs (B, T, H*directions), and the state, shaped as the argument.
    """
    flat = [layer[name] for layer in weights for name in _WEIGHTS]
    layers = len(weights) // (2 if bidirectional else 1)
    options = (True, layers, dropout, dropout > 0, bidirectional)
    if lengths is None:
        y, *new = _KERNELS[cell].scan(x, _pack_state(state), flat, *options, True)
        return y, tuple(new)
    return _scan_lengths(cell, x, state, flat, options, lengths)


def scan(
    cell: type[Cell],
    x: Tensor,
    state: tuple[Tensor, ...],
    weights: Mapping[str, Tensor],
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Run one layer in one direction; see `tidegate.engine.scan` for arguments and shapes."""
    if reverse:
        x = _reverse_time(x, lengths)
    y, new = scan_stack(cell, x, tuple(part[None] for part in state), [weights], lengths=lengths)
    return (_reverse_time(y, lengths) if reverse else y,), tuple(part[0] for part in new)


def step(cell: type[Cell], x: Tensor, state: tuple[Tensor, ...], weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Run one layer for one time step: x (B, I), state (B, H) each; return the new state."""
    new = _KERNELS[cell].step(x, _pack_state(state), *(weights[name] for name in _WEIGHTS))
    return new if isinstance(new, tuple) else (new,)


def flatten(cell: type[Cell], weights: Sequence[Mapping[str, Tensor]], *, bidirectional: bool) -> None:
    """Move the weights of a stack into one piece of CUDA memory, where cuDNN wants them; elsewhere do nothing."""
    flat = [layer[name] for layer in weights for name in _WEIGHTS]
    if not all(runs(cell) and part.is_cuda and torch.backends.cudnn.is_acceptable(part) for part in flat):
        return
    mode = torch.backends.cudnn.rnn.get_cudnn_mode(_KERNELS[cell].cudnn_mode)
    inputs, units = weights[0]["weight_ih"].shape[1], weights[0]["weight_hh"].shape[1]
    layers = len(weights) // (2 if bidirectional else 1)
    with torch.cuda.device_of(flat[0]), torch.no_grad():
        _VF._cudnn_rnn_flatten_weight(flat, len(_WEIGHTS), inputs, mode, units, 0, layers, True, bidirectional)


def _pack_state(state: tuple[Tensor, ...]) -> Any:
    """Torch takes one state bare and several as a tuple."""
    return state[0] if len(state) == 1 else state


def _scan_lengths(
    cell: type[Cell],
    x: Tensor,
    state: tuple[Tensor, ...],
    flat: list[Tensor],
    options: tuple[Any, ...],
    lengths: Tensor,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run rows of several lengths as torch's packed sequences: longest first, rows of length 0 left out."""
    ordered, order = lengths.cpu().sort(descending=True)
    alive = int((ordered > 0).sum())
    width = flat[1].shape[1] * (2 if options[-1] else 1)
    if alive == 0:
        return x.new_zeros(*x.shape[:2], width), state
    order = order.to(x.device)
    ordered, rows = ordered[:alive], order[:alive]
    data, sizes = _VF._pack_padded_sequence(x.index_select(0, rows), ordered, True)
    inner = tuple(part.index_select(1, rows) for part in state)
    packed, *new = _KERNELS[cell].scan(data, sizes, _pack_state(inner), flat, *options)
    y_rows, _ = _VF._pad_packed_sequence(packed, sizes, True, 0.0, x.shape[1])
    if alive < len(lengths):
        y = x.new_zeros(*x.shape[:2], width).index_copy(0, rows, y_rows)
        return y, tuple(part.index_copy(1, rows, after) for part, after in zip(state, new, strict=True))
    back = order.argsort()
    return y_rows.index_select(0, back), tuple(part.index_select(1, back) for part in new)


def _reverse_time(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse each row (B, T, F) within its own length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    time = torch.arange(x.shape[1], device=x.device)
    source = lengths.to(x.device)[:, None] - 1 - time
    source = torch.where(source < 0, time, source)
    return x.gather(1, source[:, :, None].expand_as(x))
