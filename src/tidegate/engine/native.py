"""The native engine under autograd; only this file, `simd` and `compiled` know the extension module.

The extension gets plain addresses, so everything that it reads and writes is allocated, and kept alive, here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tidegate.engine import compiled, reference, simd, threads
from tidegate.engine.simd import extension as _native
from tidegate.engine.simd import level
from tidegate.equations.declaration import extra_names

if TYPE_CHECKING:
    from tidegate.cells import Cell

_MATRICES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_LARGE = 1 << 22
_kernels: dict[type[Cell], Any] = {}


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
    resets: Tensor | None = None,
    h_mask: Tensor | None = None,
    every: bool = False,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Run one layer in one direction; see `tidegate.engine.reference.scan`."""
    call = _Call(cell, weights.get("pattern"), lengths, reverse, resets, h_mask, every)
    tensors = (x, *state, *(weights[name] for name in (*_MATRICES, *call.extras)))
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        results = _Scan.apply(call, *tensors)  # type: ignore[misc]
    else:
        results = call.run(_all_readable(tensors), keep=False)
    return tuple(results[: call.shown]), tuple(results[call.shown :])


def step(cell: type[Cell], x: Tensor, state: tuple[Tensor, ...], weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Run one layer for one time step: x (B, I), state (B, H) each; return the new state."""
    # A sequence's values at one step (B, H) become a sequence of one step.
    weights = {name: value[:, None] if name in (*cell.noise, *cell.below) else value for name, value in weights.items()}
    return scan(cell, x[:, None], state, weights)[1]


def open_session(cell: type[Cell], weights: Sequence[Mapping[str, Tensor]], batch: int) -> Any:
    """Return the extension's session of a stack of layers; see `tidegate.engine.sessions.NativeSession`."""
    jobs = []
    kept = []  # the extension reads the tensors only while it opens
    for layer in weights:
        own = {name: value.detach().contiguous() for name, value in layer.items()}
        kept.append(own)
        job = _new_job(own["weight_ih"])
        job.batch, job.inputs, job.units = batch, own["weight_ih"].shape[1], len(own["weight_ih"]) // len(cell.gates)
        job.w_ih, job.w_hh, job.b_ih, job.b_hh = (own[name].data_ptr() for name in _MATRICES)
        job.pattern = _address(own.get("pattern"))
        job.weights = [own[name].data_ptr() for name in (*cell.weights, *cell.constants)]
        jobs.append(job)
    float64 = kept[0]["weight_ih"].dtype == torch.float64
    make = _native.SessionFloat64 if float64 else _native.SessionFloat32
    return make(_find(cell)[float64], jobs, [float(rate) for rate in cell.noise.values()])


def _new_job(like: Tensor) -> Any:
    """Return an empty job for numbers like these, float32 or float64."""
    return _native.JobFloat64() if like.dtype == torch.float64 else _native.JobFloat32()


def _find(cell: type[Cell]) -> Any:
    """Return a cell's kernels for float32 and float64, or None."""
    if _native is None:
        if not torch.compiler.is_compiling():
            simd.say_missing()
        return None
    if cell not in _kernels:
        from tidegate import cells

        built_in = cell.name in cells.names() and cells.get(cell.name) is cell
        _kernels[cell] = _native.built_in(level, cell.name) if built_in else compiled.kernels(_native, level, cell)
    return _kernels[cell]


class _Call:
    """One call of the engine: its options, and what forward leaves for backward."""

    def __init__(
        self,
        cell: type[Cell],
        pattern: Tensor | None,
        lengths: Tensor | None,
        reverse: bool,
        resets: Tensor | None,
        h_mask: Tensor | None,
        every: bool,
    ) -> None:
        self.cell, self.extras = cell, extra_names(cell)
        self.pattern, self.lengths, self.reverse = pattern, lengths, reverse
        self.resets = None if resets is None else resets.contiguous()
        self.h_mask = None if h_mask is None else h_mask.detach().contiguous()
        self.every = every
        self.shown = len(cell.states) if every else 1
        self.planes: list[Tensor] = []
        self.saved: Tensor | None = None
        self.spent = False
        self.shared: list[Tensor] = []
        self.sorted, self.order = (None, None) if lengths is None else lengths.sort(descending=True, stable=True)

    def run(self, tensors: Sequence[Tensor], *, keep: bool) -> list[Tensor]:
        """Run forward; return the outputs (B, T, H) and the last states (B, H)."""
        x, kernel, job = tensors[0], self._kernel(tensors[0]), self._job(tensors)
        (batch, time, _), units, states = x.shape, job.units, len(self.cell.states)
        width = kernel.state_row(units)
        whole = [keep or k < self.shown for k in range(states)]
        planes = [_memory(x, time + 1 if each else 2, batch, width) for each in whole]
        last = [x.new_empty(batch, units) for _ in range(states)]
        if self.h_mask is not None:
            planes.append(torch.empty_like(planes[0]))
        saved = _memory(x, time, batch, kernel.saved_row(units)) if keep else None
        if keep:
            self.planes, self.saved, self.spent = planes, saved, False
        self._name(job, planes, saved, whole)
        job.last = _addresses(last)
        if self.lengths is None and not self.reverse:
            row = batch * width  # the outputs are where the engine wrote the states
            # By `data`, because autograd refuses to change a view in place that a function of ours returns.
            y = [plane.as_strided((batch, time, units), (width, row, 1), row).data for plane in planes[: self.shown]]
            self.shared = [each.detach() for each in y] if keep else []
        else:
            make = x.new_empty if self.lengths is None else x.new_zeros
            y = [make(time, batch, units).transpose(0, 1).data for _ in range(self.shown)]
            job.y = [_place(each) for each in y]
        kernel.forward(job)
        return [*y, *last]

    def back(self, tensors: Sequence[Tensor], grads: Sequence[Tensor | None], needs: Sequence[bool]) -> list[Any]:
        """Return the gradients of `tensors`, None where not needed."""
        # The gradients were written over the saved activations, or the caller changed an output in place.
        if self.spent or any(each._version for each in self.shared):
            self.run(tensors, keep=True)
        job, states = self._job(tensors), len(self.cell.states)
        self._name(job, self.planes, self.saved, [True] * states)
        rows = [None if grad is None else _readable(grad, every=False) for grad in grads[: self.shown]]
        lasts = [None if grad is None else _readable(grad) for grad in grads[self.shown :]]
        job.dy, job.dlast = [_place(grad) for grad in rows], _addresses(lasts)
        # Rows beyond their lengths, and blocks that a pattern leaves out, are not written.
        make = torch.empty_like if self.lengths is None and self.pattern is None else torch.zeros_like
        results = [
            make(each, memory_format=torch.contiguous_format) if need else None
            for each, need in zip(tensors, needs, strict=True)
        ]
        job.dx = _place(results[0])
        job.dstate = _addresses(results[1 : 1 + states])
        matrices, vectors, sequences = self._split(results)
        job.dw_ih, job.dw_hh, job.db_ih, job.db_hh = _addresses(matrices)
        job.dweights = _addresses(vectors)
        job.dsequences = [_place(each) for each in sequences]
        self._kernel(tensors[0]).backward(job)
        self.spent = True
        return results

    def _kernel(self, x: Tensor) -> Any:
        return _find(self.cell)[x.dtype == torch.float64]

    def _split(self, tensors: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """Return the four matrices and biases, the weights and constants, and the sequences."""
        first = 1 + len(self.cell.states) + len(_MATRICES)
        last = first + len(self.cell.weights) + len(self.cell.constants)
        return tensors[first - len(_MATRICES) : first], tensors[first:last], tensors[last:]

    def _job(self, tensors: Sequence[Tensor]) -> Any:
        """Return a job that names what goes in."""
        x = tensors[0]
        job = _new_job(x)
        job.batch, job.time, job.inputs = x.shape
        job.units = tensors[1].shape[1]
        job.reverse, job.threads = self.reverse, threads.count()
        job.x = _place(x)
        job.order, job.lengths, job.pattern, job.resets, job.h_mask = _addresses(
            [self.order, self.sorted, self.pattern, self.resets, self.h_mask]
        )
        job.state = _addresses(tensors[1 : 1 + len(self.cell.states)])
        matrices, vectors, sequences = self._split(tensors)
        job.w_ih, job.w_hh, job.b_ih, job.b_hh = _addresses(matrices)
        job.weights = _addresses(vectors)
        job.sequences = [_place(each) for each in sequences]
        return job

    def _name(self, job: Any, planes: Sequence[Tensor], saved: Tensor | None, whole: list[bool]) -> None:
        """Tell a job where forward writes and backward reads."""
        states = len(self.cell.states)
        job.states, job.every = _addresses(planes[:states]), whole
        job.masked = _address(planes[states]) if len(planes) > states else 0
        job.saved = _address(saved)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: Tensor) -> Any:
        ctx.call = call
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        return tuple(call.run(_all_readable(tensors), keep=True))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        call, tensors, needs = ctx.call, ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled() or any(grad is not None and _is_batched(grad) for grad in grads):
            return None, *_reference_gradients(call, tensors, grads, needs)
        return None, *call.back(_all_readable(tensors), grads, needs)


def _is_batched(grad: Tensor) -> bool:
    """Say whether a transform of torch's hands over many gradients as one, which have no address."""
    functorch: Any = torch._C._functorch  # pyright: ignore[reportAttributeAccessIssue]
    return functorch.is_legacy_batchedtensor(grad) or functorch.is_functorch_wrapped_tensor(grad)


def _reference_gradients(
    call: _Call, tensors: Sequence[Tensor], grads: Sequence[Tensor | None], needs: Sequence[bool]
) -> list[Tensor | None]:
    """Return the gradients as the reference computes them, for someone who differentiates them or batches them.

    They have a graph of their own where torch keeps one.
    """
    states = len(call.cell.states)
    names = (*_MATRICES, *call.extras)
    weights = dict(zip(names, tensors[1 + states :], strict=True))
    options: dict[str, Any] = {"resets": call.resets, "h_mask": call.h_mask, "every": call.every}
    keeps_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        sequences, last = reference.scan(
            call.cell,
            tensors[0],
            tuple(tensors[1 : 1 + states]),
            weights,
            lengths=call.lengths,
            reverse=call.reverse,
            **options,
        )
    results = zip((*sequences, *last), grads, strict=True)
    pairs = [(out, grad) for out, grad in results if grad is not None and out.requires_grad]
    wanted = [tensor for tensor, need in zip(tensors, needs, strict=True) if need]
    outputs, seeds = [out for out, _ in pairs], [grad for _, grad in pairs]
    found = iter(torch.autograd.grad(outputs, wanted, seeds, create_graph=keeps_graph, allow_unused=True))
    return [next(found) if need else None for need in needs]


def _memory(x: Tensor, *shape: int) -> Tensor:
    """Return room for numbers like x's; large pieces are used again, because fresh ones cost a fault for every page."""
    numbers = math.prod(shape)
    if numbers * x.element_size() < _LARGE:
        return x.new_empty(*shape)  # in half the time that it takes with a tuple
    return _native.memory(numbers * x.element_size()).view(x.dtype).view(shape)


def _all_readable(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors that the engine can read: sequences with their features in a row, the others contiguous."""
    return [_readable(each, every=each.dim() < 3) for each in tensors]


def _readable(tensor: Tensor, *, every: bool = True) -> Tensor:
    """Return the tensor with its numbers in memory, and in a row: all of them, or those of the last axis."""
    if tensor.is_neg() or tensor._is_zerotensor():  # torch has put off a change of sign, or the memory
        return tensor.clone(memory_format=torch.contiguous_format)
    return tensor.contiguous() if every or tensor.stride(-1) != 1 else tensor


def _place(tensor: Tensor | None) -> tuple[int, int, int]:
    """Return where rows and steps of a tensor (B, T, F) are."""
    if tensor is None:
        return 0, 0, 0
    strides = tensor.stride()
    return tensor.data_ptr(), strides[0], strides[1]


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _addresses(tensors: Iterable[Tensor | None]) -> list[int]:
    return [0 if tensor is None else tensor.data_ptr() for tensor in tensors]
