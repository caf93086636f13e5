"""One call of a module: whether the engine can run it, and the way there and back.

Torch's modules take sequences in four layouts (time first, batch first, one sequence alone, packed); the engine takes
one, (B, T, I) with lengths.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from tidegate.cells import Cell
from tidegate.cells.gru import GRU
from tidegate.cells.lstm import LSTM
from tidegate.cells.rnn import RNN
from tidegate.layers import stack

_CELLS: dict[str, type[Cell]] = {"LSTM": LSTM, "GRU": GRU, "RNN_TANH": RNN}
_DTYPES = (torch.float32, torch.float64)
_SHORT = (torch.bfloat16, torch.float16)
_PLAIN = (Tensor, nn.Parameter)
_without_dynamo: Callable[..., Any] | None = None


def compute(module: nn.RNNBase, torchs: Callable[..., Any], input: Any, hx: Any) -> Any:
    """Compute one call, by the engine if it can.

    Args:
        module: a module of ours.
        torchs: torch's own `forward` of this module.
        input: the first argument of `forward`.
        hx: the second.
    """
    # `torch.compile` leaves torch's recurrent modules to eager mode, and must not compile pieces of the engine either.
    call = _untraced() if "torch._dynamo" in sys.modules else _compute
    return call(module, torchs, input, hx)


def _compute(module: nn.RNNBase, torchs: Callable[..., Any], input: Any, hx: Any) -> Any:
    if _lacks_kernel(module, input):
        return _in_float32(module, torchs, input, hx)
    return run(module, input, hx) if runs(module, input, hx) else torchs(input, hx)


def _lacks_kernel(module: nn.RNNBase, input: Any) -> bool:
    """Say whether torch would ask oneDNN for an LSTM in autocast's type that this processor cannot run.

    Torch looks at the type of the input before autocast changes it, so it finds a kernel for float32 and then fails.
    Packed sequences, projections and other types never get to oneDNN.
    """
    if not torch.is_autocast_enabled("cpu") or module.mode != "LSTM" or module.proj_size > 0:
        return False
    dense = all([_is_plain(part, torch.float32) for part in (input, *module._flat_weights)])
    return dense and bool(input.numel()) and not has_kernel(torch.get_autocast_dtype("cpu"), _mkldnn_is_on())


def _mkldnn_is_on() -> bool:
    return torch._C._get_mkldnn_enabled()  # pyright: ignore[reportAttributeAccessIssue]


@lru_cache(maxsize=8)
def has_kernel(dtype: torch.dtype, mkldnn: bool) -> bool:
    """Say whether torch's LSTM runs under autocast to this type on this processor; without oneDNN it always does.

    bfloat16 takes AVX-512 or a later processor's instructions for it, float16 takes AVX-512 FP16.
    """
    if not mkldnn:
        return True
    with ThreadPoolExecutor(1) as pool:  # another thread has none of the caller's modes, which would see this try
        return pool.submit(_runs_under_autocast, dtype).result()


def _runs_under_autocast(dtype: torch.dtype) -> bool:
    x, h, c = torch.zeros(3, 1, 1, 1, dtype=torch.float32)
    weights = [torch.zeros(shape, dtype=torch.float32).requires_grad_() for shape in ((4, 1), (4, 1), 4, 4)]
    try:
        with torch.autocast("cpu", dtype=dtype):
            y = torch.lstm(x, (h, c), weights, True, 1, 0.0, True, False, False)[0]
        y.float().sum().backward()
    except RuntimeError:
        return False
    return True


def _in_float32(module: nn.RNNBase, torchs: Callable[..., Any], input: Tensor, hx: Any) -> Any:
    """Compute in float32 and round, so that the results have the type that torch's kernel would have given."""
    dtype = torch.get_autocast_dtype("cpu")
    with torch.autocast("cpu", enabled=False):
        if isinstance(hx, tuple | list):
            hx = tuple(part.float() if getattr(part, "dtype", None) in _SHORT else part for part in hx)
        y, state = _compute(module, torchs, input, hx)
    return y.to(dtype), tuple(part.to(dtype) for part in state)


def _untraced() -> Callable[..., Any]:
    """Return `_compute` as `torch.compile` leaves it alone; made late, because that imports the compiler."""
    global _without_dynamo
    if _without_dynamo is None:
        _without_dynamo = torch.compiler.disable(_compute)
    return _without_dynamo


def runs(module: nn.RNNBase, input: Any, hx: Any) -> bool:
    """Say whether the engine computes this call; if not, torch does it or says what is wrong with it.

    Args:
        module: a torch module or one of ours.
        input: the first argument of its `forward`.
        hx: the second.
    """
    cell = _CELLS.get(module.mode)
    if cell is None or module.proj_size > 0 or is_watched():
        return False
    _refresh(module)
    x = input.data if isinstance(input, PackedSequence) else input
    if type(x) not in _PLAIN:
        return False
    states, expected = states_of(cell, hx), _state_shape(module, input)
    if states is None or expected is None:
        return False
    fits = x.shape[-1] == module.input_size and all(part.shape == expected for part in states)
    return fits and are_computable(x, *states, *module._flat_weights)


def are_computable(x: Any, *others: Any) -> bool:
    """Say whether the engine computes with these tensors: an input that is not empty, and all of one type it has."""
    if type(x) not in _PLAIN or x.dtype not in _DTYPES or not x.numel():
        return False
    return all([_is_plain(part, x.dtype) for part in (x, *others)])


def run(module: nn.RNNBase, input: Any, hx: Any) -> tuple[Any, Any]:
    """Compute a call that `runs` accepts; returns what torch's `forward` returns."""
    if isinstance(input, PackedSequence):
        return _run_packed(module, input, hx)
    state = states_of(_CELLS[module.mode], hx) if hx is not None else None
    if input.dim() == 2:
        y, new = _scan(module, input[None], state and tuple(part[:, None] for part in state))
        return _time_first(y)[:, 0], as_hx(tuple(part[:, 0] for part in new))
    y, new = _scan(module, input if module.batch_first else input.transpose(0, 1), state)
    y = _time_first(y)
    return y.transpose(0, 1) if module.batch_first else y, as_hx(new)


def _time_first(y: Tensor) -> Tensor:
    """Return outputs (B, T, H) as (T, B, H) without gaps in memory, as torch's are in both layouts: callers `view`."""
    return y.transpose(0, 1).contiguous()


def _run_packed(module: nn.RNNBase, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
    """Compute a packed sequence; its rows stay in the order in which they are packed, longest first."""
    data, sizes, order, back = input
    if hx is not None:
        hx = module.permute_hidden(hx, order)
    x, lengths = pad_packed_sequence(PackedSequence(data, sizes), batch_first=True)
    y, new = _scan(module, x, None if hx is None else states_of(_CELLS[module.mode], hx), lengths)
    packed = pack_padded_sequence(y, lengths, batch_first=True)
    return PackedSequence(packed.data, sizes, order, back), module.permute_hidden(as_hx(new), back)


def _scan(
    module: nn.RNNBase, x: Tensor, state: tuple[Tensor, ...] | None, lengths: Tensor | None = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run the engine on x (B, T, I) with the module's weights and options."""
    return stack.scan_stack(
        _CELLS[module.mode],
        x,
        state,
        _weights(module),
        lengths=lengths,
        bidirectional=module.bidirectional,
        dropout=module.dropout if module.training else 0.0,
    )


def _weights(module: nn.RNNBase) -> list[Mapping[str, Tensor]]:
    """Return the weights of each layer and direction under the engine's names; a missing bias is 0."""
    flat: list[Any] = module._flat_weights
    if module.bias:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [dict(zip(names, flat[first : first + 4], strict=True)) for first in range(0, len(flat), 4)]
    zeros = flat[0].new_zeros(flat[0].shape[0])
    return [
        {"weight_ih": w, "weight_hh": u, "bias_ih": zeros, "bias_hh": zeros}
        for w, u in zip(flat[::2], flat[1::2], strict=True)
    ]


def _refresh(module: nn.RNNBase) -> None:
    """Bring torch's list of the weights up to date: a parametrisation or `functional_call` may have put in others."""
    own = module._parameters
    # Looked up directly when nothing has changed: torch's own check takes 8 µs for two layers, a short scan 70.
    if not all([own.get(name) is w for name, w in zip(module._flat_weights_names, module._flat_weights, strict=True)]):
        module._update_flat_weights()


def states_of(cell: type[Cell], hx: Any) -> tuple[Tensor, ...] | None:
    """Return `hx` as one tensor for each of the cell's states, () when not given, None when it is something else."""
    if hx is None:
        return ()
    if len(cell.states) == 1:
        return (hx,) if isinstance(hx, Tensor) else None
    return tuple(hx) if isinstance(hx, tuple | list) and len(hx) == len(cell.states) else None


def as_hx(state: tuple[Tensor, ...]) -> Any:
    """Torch gives one state bare and several as a tuple."""
    return state[0] if len(state) == 1 else state


def _state_shape(module: nn.RNNBase, input: Any) -> tuple[int, ...] | None:
    """Return the shape that `hx` must have for this input, None when the input has no right shape either."""
    rows = module.num_layers * (2 if module.bidirectional else 1)
    if isinstance(input, PackedSequence):
        return (rows, int(input.batch_sizes[0]), module.hidden_size) if input.data.dim() == 2 else None
    if input.dim() == 2:
        return rows, module.hidden_size
    return (rows, input.shape[0 if module.batch_first else 1], module.hidden_size) if input.dim() == 3 else None


def as_torchs(module: Any, base: Any) -> Any:
    """Return torch's own module on the same parameters, because TorchScript compiles the source of `forward`."""
    twin = copy.copy(module)
    twin.__class__ = base
    return twin


def _is_plain(part: Any, dtype: torch.dtype) -> bool:
    """Say whether this is a dense CPU tensor of this type, and not a subclass with a behaviour of its own."""
    return type(part) in _PLAIN and part.dtype == dtype and part.is_cpu and part.layout is torch.strided


def is_watched() -> bool:
    """Say whether something wants to see or change torch's own operations, which the engine would hide from it.

    Tracing, autocast, modes such as a flop counter or fake tensors, the transforms of `torch.func` and derivatives in
    forward mode.
    """
    return (
        torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        or torch.is_autocast_enabled("cpu")
        or torch._C._len_torch_dispatch_stack() > 0  # pyright: ignore[reportAttributeAccessIssue]
        or forward_ad._current_level >= 0
        or torch._C._are_functorch_transforms_active()  # pyright: ignore[reportAttributeAccessIssue]
    )
