"""Do the arrays of a model folder fit its config? Asked before anything of the size that a config names is made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tidegate.forecasting.preparing import Preprocessor
from tidegate.layers.settings import LayerSettings
from tidegate.tables.columns import Columns
from tidegate.tables.frequency import parse_step

_NUMBERS = (torch.float32, torch.float64)


def check_sizes(layer: LayerSettings, network: Mapping[str, Tensor]) -> None:
    """Refuse sizes of a layer that none of the network's tensors has, before even its modules are counted out.

    Raises:
        ValueError: naming the setting.
    """
    largest = max((size for tensor in network.values() for size in tensor.shape), default=0)
    for field in fields(layer):
        value, bound = getattr(layer, field.name), len(network) if field.name == "layers" else largest
        sized = field.metadata.get("size", True) and isinstance(value, int) and not isinstance(value, bool)
        if sized and value > bound:
            raise ValueError(f"{field.name} is {value}, more than the weights have")
        if isinstance(value, tuple) and len(value) > len(network):
            raise ValueError(f"{field.name} has {len(value)} parts, more than there are weights")
    for nested in layer.nested():
        check_sizes(nested, network)


def check_network(make: Callable[[], nn.Module], network: Mapping[str, Tensor]) -> None:
    """Compare weights with those of the network that `make` would make; none is made here, only its shapes are.

    Raises:
        ValueError: a weight is missing, left over, of another shape or type, or not finite.
    """
    with torch.device("meta"):
        expected = make().state_dict()
    if expected.keys() != network.keys():
        odd = min(expected.keys() ^ network.keys())
        raise ValueError(f"the network has {'no' if odd in network else 'a'} weight {odd[:100]}")
    for name, weight in expected.items():
        _check(f"network.{name}", network[name], (weight.dtype,), tuple(weight.shape))


def check_names(tensors: Collection[str], expected: Collection[str]) -> None:
    """Refuse arrays, besides those of the network, that are missing or left over.

    Raises:
        ValueError: naming one.
    """
    found = {name for name in tensors if not name.startswith("network.")}
    if found != set(expected):
        odd = min(found ^ set(expected))
        raise ValueError(f"the array {odd[:100]} {'is not one of this model' if odd in found else 'is missing'}")


def check_scale(tensors: Mapping[str, Tensor], name: str, shape: tuple[int, int]) -> None:
    """Refuse a scale of another shape, or one that something cannot be divided by.

    Raises:
        ValueError: naming the array.
    """
    for part in ("location", "spread"):
        _check(f"scale.{name}.{part}", tensors[f"scale.{name}.{part}"], (torch.float64,), shape)
    if not bool((tensors[f"scale.{name}.spread"] > 0).all()):
        raise ValueError(f"scale.{name}.spread is not above 0 everywhere")


def check_residuals(residuals: Tensor, steps: int, targets: int) -> None:
    """Refuse what are no ascending absolute errors (M, steps, targets).

    Raises:
        ValueError: they are not.
    """
    _check("residuals", residuals, _NUMBERS, (len(residuals) if residuals.dim() else 0, steps, targets))
    if not bool((residuals >= 0).all()) or not bool((residuals.diff(dim=0) >= 0).all()):
        raise ValueError("residuals are not absolute errors in ascending order")


def check_newest(
    tensors: Mapping[str, Tensor], preprocessor: Preprocessor, ids: list[Any], freq: str | float, dated: bool
) -> None:
    """Refuse newest rows that are not those of so many series, as long as the model looks back, in the order of time.

    Raises:
        ValueError: naming the array.
    """
    shape, columns = preprocessor.shape, preprocessor.columns
    newest = {name.removeprefix("newest."): array for name, array in tensors.items() if name.startswith("newest.")}
    times, starts, series = newest["times"], newest["starts"], len(ids)
    _check("newest.starts", starts, (torch.int64,), (series + 1,))
    rows, lengths = len(times) if times.dim() else 0, starts.diff()
    whole = lengths == shape.context
    if preprocessor.settings.short_series == "pad":
        whole = (lengths >= 1) & (lengths <= shape.context)
    if not series or int(starts[0]) or int(starts[-1]) != rows or not bool(whole.all()):
        raise ValueError(f"newest.starts does not part {rows} rows into series as long as the model looks back")
    _check("newest.times", times, (torch.int64,) if dated else (torch.int64, torch.float64), (rows,))
    inside = torch.ones(max(rows - 1, 0), dtype=torch.bool)
    inside[starts[1:-1] - 1] = False
    if not bool((times.diff() > 0)[inside].all()):
        raise ValueError("newest.times are not in order")
    gaps = preprocessor.settings.missing == "mask"
    sizes = {"targets": columns.targets, "past": columns.past, "future": columns.future}
    for name, role in sizes.items():
        _check(f"newest.{name}", newest[name], (torch.float64,), (rows, len(role)), gaps=gaps)
    if "ahead" in newest:
        steps = newest["ahead"].shape[1] if newest["ahead"].dim() == 3 else 0
        _check("newest.ahead", newest["ahead"], (torch.float64,), (series, steps, len(columns.future)), gaps=True)
    _check("newest.static", newest["static"], (torch.float64,), (series, len(columns.static)))
    codes = newest["static"][:, : len(columns.categories)].numpy()
    most = np.array([len(known) for known in columns.categories.values()])
    if codes.size and not ((codes == codes.round()) & (codes >= 0) & (codes <= most)).all():
        raise ValueError("newest.static holds a category that there is not")
    _check_codes(newest, columns)
    if len(set(ids)) != series:
        raise ValueError("a series is named twice")
    parse_step(freq)


def _check_codes(newest: Mapping[str, Tensor], columns: Columns) -> None:
    if set(columns.texts) - {*columns.past, *columns.future}:
        raise ValueError("texts are known of a column that there is not")
    for role, numbers in columns.coded.items():
        for number in numbers:
            codes = newest[role][:, number]
            most = len(columns.texts[getattr(columns, role)[number]])
            if not bool(((codes == codes.round()) & (codes >= 0) & (codes <= most) | codes.isnan()).all()):
                raise ValueError(f"newest.{role} holds a code of text that there is not")


def _check(
    name: str, tensor: Tensor, types: tuple[torch.dtype, ...], shape: tuple[int, ...], *, gaps: bool = False
) -> None:
    if tensor.dtype not in types or tuple(tensor.shape) != shape:
        wanted = str(types[0]).removeprefix("torch.")
        found = str(tensor.dtype).removeprefix("torch.")
        raise ValueError(f"{name} is {found} {tuple(tensor.shape)} and should be {wanted} {shape}")
    known = tensor[~tensor.isnan()] if gaps else tensor
    if tensor.is_floating_point() and not bool(known.isfinite().all()):
        raise ValueError(f"{name} holds what is not a finite number")
