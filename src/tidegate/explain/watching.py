"""A network while it answers one input: the gates, states, outputs and weights of attention of every layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tidegate.explain.subject import Examples, evaluating
from tidegate.layers.attending import AttentionPooling, MemoryAttention
from tidegate.layers.attention import AttentionLayer
from tidegate.layers.recurrent import Recurrent
from tidegate.layers.sequence import SequenceLayer
from tidegate.notes import Note

ATTENTION = "attention"
OUTPUT = "y"
COLUMNS = ("layer", "step", "unit", "quantity", "value")


@dataclass
class Watched:
    """What was seen, in the order in which the layers ran.

    Attributes:
        values: layer -> quantity -> (steps, units).
        states: layer -> which of its quantities are states.
        notes: what could not be seen.
    """

    values: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    states: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def frame(self) -> pd.DataFrame:
        """Return a row for each value: layer, step, unit, quantity, value."""
        rows = []
        for layer, quantities in self.values.items():
            for quantity, values in quantities.items():
                step, unit = (each.ravel() for each in np.indices(values.shape))
                rows.append((np.full(values.size, layer), step, unit, np.full(values.size, quantity), values.ravel()))
        parts = [np.concatenate(part) for part in zip(*rows, strict=True)] if rows else [[] for _ in COLUMNS]
        return pd.DataFrame(dict(zip(COLUMNS, parts, strict=True)))


class _Call(NamedTuple):
    module: nn.Module
    arguments: dict[str, Any]
    output: Any


@torch.no_grad()
def watch(network: nn.Module, examples: Examples) -> Watched:
    """Return what happens inside of a network while it answers an input; of a layer that runs twice, the first time."""
    calls: dict[str, list[_Call]] = {}
    with evaluating(network):
        handles = [
            module.register_forward_hook(_keeper(name or type(module).__name__.lower(), calls), with_kwargs=True)
            for name, module in network.named_modules()
            if isinstance(module, SequenceLayer | AttentionPooling | MemoryAttention)
        ]
        try:
            examples.answer(examples.inputs)
        finally:
            for handle in handles:
                handle.remove()
        seen = Watched()
        outputs: set[int] = set()
        for name, every in calls.items():
            _take(seen, name, every, outputs)
        _tell_unseen(seen, network, calls)
    return seen


def _keeper(name: str, calls: dict[str, list[_Call]]) -> Callable[..., None]:
    def keep(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        arguments = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        calls.setdefault(name, []).append(_Call(module, dict(arguments), output))

    return keep


def _take(seen: Watched, name: str, calls: Sequence[_Call], outputs: set[int]) -> None:
    """Add what the first call of a layer shows; of attention to a memory, all of them."""
    module, arguments, output = calls[0]
    if isinstance(module, AttentionPooling | MemoryAttention):
        seen.values[name] = _heads(_shares([call.output[1] for call in calls]))
        return
    if isinstance(module, Recurrent):
        if len(arguments["x"]) == 1:
            _take_recurrent(seen, name, module, arguments)
        else:
            seen.notes.append(Note("explain.side_by_side", {"layer": name}))
        return
    if isinstance(module, AttentionLayer):
        seen.values[name] = _heads(module.attend(arguments["x"], arguments.get("lengths"))[1][0])
    y = output[0]
    if len(y) == 1 and id(y) not in outputs:  # of a chain it is that of its last part
        outputs.add(id(y))
        seen.values.setdefault(name, {})[OUTPUT] = _array(y[0])
        seen.states[name] = (OUTPUT,)
    if not any(isinstance(inner, Recurrent | AttentionLayer) for inner in module.modules()):
        seen.notes.append(Note("explain.outputs_alone", {"layer": name, "kind": type(module).__name__}))


def _take_recurrent(seen: Watched, name: str, module: Recurrent, arguments: dict[str, Any]) -> None:
    x, lengths = arguments["x"], arguments.get("lengths")
    x = x if lengths is None else x[:, : int(lengths[0])]
    for layer, inside in module.inside(x, arguments.get("state"), arguments.get("context")).items():
        values = {**inside.gates, **inside.states}
        seen.values[f"{name}.{layer}"] = {quantity: _array(value[0]) for quantity, value in values.items()}
        seen.states[f"{name}.{layer}"] = tuple(inside.states)


def _shares(calls: Sequence[Tensor]) -> Tensor:
    """Return the weights (heads, T, S) of one row, of a call for all queries, of one for each, or without queries."""
    single = [call for call in calls if call.dim() == 3]  # each of which called for one query of several, (B, N, 1, S)
    if single:
        return torch.stack([call[0] for call in single], 1)
    return calls[0][0] if calls[0].dim() == 4 else calls[0][:1, None]


def _heads(shares: Tensor) -> dict[str, np.ndarray]:
    """Return the weights (heads, T, S) of each head by its name."""
    names = [ATTENTION] if len(shares) == 1 else [f"{ATTENTION}_{number}" for number in range(len(shares))]
    return {name: _array(head) for name, head in zip(names, shares, strict=True)}


def _tell_unseen(seen: Watched, network: nn.Module, calls: dict[str, Any]) -> None:
    """Add a note for each recurrent layer that another one runs step by step, where nothing can be read."""
    for name, module in network.named_modules():
        if isinstance(module, Recurrent) and (name or type(module).__name__.lower()) not in calls:
            seen.notes.append(Note("explain.step_by_step", {"layer": name}))


def _array(values: Tensor) -> np.ndarray:
    return values.detach().double().cpu().numpy()
