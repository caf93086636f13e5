"""The native engine under autograd; only this file and `compiled` know the extension module.

The extension gets plain addresses, so everything that it reads and writes is allocated, and kept alive, here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tidegate.engine import compiled, reference
from tidegate.equations.declaration import value_names
from tidegate.errors import SettingError

try:
    from tidegate.engine import _native
except ImportError:  # built without a compiler
    _native: Any = None

if TYPE_CHECKING:
    from tidegate.cells import Cell

_MATRICES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_kernels: dict[type[Cell], Any] = {}


def levels() -> list[str]:
    """Return the SIMD levels that run here, best first; none when the engine was not built."""
    return [] if _native is None else _native.levels()


def _choose_level() -> str:
    wanted = os.environ.get("TIDEGATE_SIMD", "")
    if wanted and _native is not None and wanted not in levels():
        raise SettingError(f"TIDEGATE_SIMD must be one of {', '.join(levels())}, not {wanted!r}")
    return wanted or next(iter(levels()), "")


level = _choose_level()
"""The SIMD level in use; the environment variable TIDEGATE_SIMD forces one."""


def runs(cell: type[Cell], x: Tensor) -> bool:
    """Say whether the engine runs this cell on such an input."""
    fits = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and x.numel() > 0
    return fits and _find(cell) is not None


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
    call = _Call(cell, weights, lengths, reverse)
    tensors = (x, *state, *(weights[name] for name in (*_MATRICES, *call.extras)))
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        y, *last = _Scan.apply(call, *tensors)  # type: ignore[misc]
    else:
        y, *last = call.run(_readable(tensors), keep=False)
    return y, tuple(last)


def step(cell: type[Cell], x: Tensor, state: tuple[Tensor, ...], weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Run one layer for one time step: x (B, I), state (B, H) each; return the new state."""
    return scan(cell, x[:, None], state, weights)[1]


def _find(cell: type[Cell]) -> Any:
    """Return a cell's kernels for float32 and float64, or None."""
    if _native is None:
        return None
    if cell not in _kernels:
        from tidegate import cells

        built_in = cell.name in cells.names() and cells.get(cell.name) is cell
        _kernels[cell] = _native.built_in(level, cell.name) if built_in else compiled.kernels(_native, level, cell)
    return _kernels[cell]


class _Call:
    """One call of the engine: its options, and what forward leaves for backward."""

    def __init__(self, cell: type[Cell], weights: Mapping[str, Tensor], lengths: Tensor | None, reverse: bool) -> None:
        self.cell, self.lengths, self.reverse = cell, lengths, reverse
        self.extras = [name[2:] for name in value_names(cell) if name.startswith("w.")]
        self.order: Tensor | None = None
        self.sorted: Tensor | None = None
        self.planes: list[Tensor] = []
        self.record: Tensor | None = None
        self.spent = False
        if lengths is not None:
            self.sorted, self.order = lengths.sort(descending=True, stable=True)

    def run(self, tensors: Sequence[Tensor], *, keep: bool) -> list[Tensor]:
        """Run forward; return the outputs (B, T, H) and the last states (B, H)."""
        job, kernel = self.job(tensors)
        x, units, states = tensors[0], job.units, len(self.cell.states)
        batch, time, _ = x.shape
        width = kernel.state_row(units)
        every = [keep or k == 0 for k in range(states)]
        planes = [x.new_empty(time + 1 if each else 2, batch, width) for each in every]
        last = [x.new_empty(batch, units) for _ in range(states)]
        job.every = every
        job.states = [plane.data_ptr() for plane in planes]
        job.last = [part.data_ptr() for part in last]
        if keep:
            record = x.new_empty(time * batch * kernel.record_row(units))
            job.record = record.data_ptr()
            self.planes, self.record, self.spent = planes, record, False
        if self.lengths is None and not self.reverse:
            y = planes[0][1:, :, :units].transpose(0, 1)  # where the engine wrote it
        else:
            y = (x.new_zeros if self.lengths is not None else x.new_empty)(batch, time, units)
            job.y = _place(y)
        kernel.forward(job)
        return [y, *last]

    def job(self, tensors: Sequence[Tensor]) -> tuple[Any, Any]:
        """Return a job that names what goes in, and the kernel that does it."""
        x, states = tensors[0], len(self.cell.states)
        twofold = x.dtype == torch.float64
        job = _native.JobTwofold() if twofold else _native.JobSingle()
        job.batch, job.time, job.inputs = x.shape
        job.units = tensors[1].shape[1]
        job.reverse, job.threads = self.reverse, torch.get_num_threads()
        job.x = _place(x)
        if self.order is not None and self.sorted is not None:
            job.order, job.lengths = self.order.data_ptr(), self.sorted.data_ptr()
        job.state = [part.data_ptr() for part in tensors[1 : 1 + states]]
        matrices = tensors[1 + states :]
        job.w_ih, job.w_hh, job.b_ih, job.b_hh = (part.data_ptr() for part in matrices[:4])
        job.weights = [part.data_ptr() for part in matrices[4:]]
        return job, _find(self.cell)[twofold]

    def back(self, tensors: Sequence[Tensor], grads: Sequence[Tensor | None], needs: Sequence[bool]) -> list[Any]:
        """Return the gradients of `tensors`, None where not needed."""
        if self.spent:  # the gradients were written over the record
            self.run(tensors, keep=True)
        job, kernel = self.job(tensors)
        states = len(self.cell.states)
        job.every = [True] * states
        job.states = [plane.data_ptr() for plane in self.planes]
        job.record = self.record.data_ptr() if self.record is not None else 0
        grads = [None if grad is None else _contiguous(grad, every=row > 0) for row, grad in enumerate(grads)]
        job.dy = [(0, 0, 0) if grads[0] is None else _place(grads[0])]
        job.dlast = [_address(grad) for grad in grads[1:]]
        fill = torch.empty_like if self.lengths is None else torch.zeros_like
        results = [fill(tensors[0], memory_format=torch.contiguous_format) if needs[0] else None]
        results += [torch.empty_like(each) if need else None for each, need in zip(tensors[1:], needs[1:], strict=True)]
        if results[0] is not None:
            job.dx = _place(results[0])
        job.dstate = [_address(each) for each in results[1 : 1 + states]]
        matrices = results[1 + states :]
        job.dw_ih, job.dw_hh, job.db_ih, job.db_hh = (_address(each) for each in matrices[:4])
        job.dweights = [_address(each) for each in matrices[4:]]
        kernel.backward(job)
        self.spent = True
        return results


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: Tensor) -> Any:
        ctx.call = call
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        return tuple(call.run(_readable(tensors), keep=True))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        call, tensors, needs = ctx.call, ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # someone wants to differentiate the gradients
            return None, *_differentiable_gradients(call, tensors, grads, needs)
        return None, *call.back(_readable(tensors), grads, needs)


def _differentiable_gradients(
    call: _Call, tensors: Sequence[Tensor], grads: Sequence[Tensor | None], needs: Sequence[bool]
) -> list[Tensor | None]:
    """Return the gradients as the reference computes them, with a graph of their own."""
    states = len(call.cell.states)
    names = (*_MATRICES, *call.extras)
    weights = dict(zip(names, tensors[1 + states :], strict=True))
    y, last = reference.scan(
        call.cell, tensors[0], tuple(tensors[1 : 1 + states]), weights, lengths=call.lengths, reverse=call.reverse
    )
    pairs = [(out, grad) for out, grad in zip((y, *last), grads, strict=True) if grad is not None and out.requires_grad]
    wanted = [tensor for tensor, need in zip(tensors, needs, strict=True) if need]
    outputs, seeds = [out for out, _ in pairs], [grad for _, grad in pairs]
    found = iter(torch.autograd.grad(outputs, wanted, seeds, create_graph=True, allow_unused=True))
    return [next(found) if need else None for need in needs]


def _readable(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors that the engine can read: x with its features in a row, the others contiguous."""
    return [_contiguous(tensor, every=row > 0) for row, tensor in enumerate(tensors)]


def _place(tensor: Tensor) -> tuple[int, int, int]:
    """Return where rows and steps of a tensor (B, T, F) are."""
    return tensor.data_ptr(), tensor.stride(0), tensor.stride(1)


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _contiguous(tensor: Tensor, *, every: bool) -> Tensor:
    """Return the tensor with its numbers in a row: all of them, or those of the last axis."""
    if every or tensor.stride(-1) != 1:
        return tensor.contiguous()
    return tensor
