"""How a recurrent layer's weights start."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from tidegate.cells import Cell, Initial
from tidegate.errors import SettingError


def _uniform(block: Tensor) -> None:
    """Fill one gate's block (H, I) as torch's own layers do: uniform within 1 / sqrt(H)."""
    bound = 1 / math.sqrt(block.shape[0])
    nn.init.uniform_(block, -bound, bound)


def _xavier(block: Tensor) -> None:
    """Fill one gate's block as Glorot and Bengio, AISTATS 2010, equation 16."""
    nn.init.xavier_uniform_(block)


def _orthogonal(block: Tensor) -> None:
    """Fill one gate's block with an orthogonal matrix, as Saxe, McClelland and Ganguli, ICLR 2014."""
    nn.init.orthogonal_(block)


CHOICES: dict[str, Callable[[Tensor], None]] = {"xavier": _xavier, "orthogonal": _orthogonal, "uniform": _uniform}
"""Initialisations by name, each filling one gate's block in place."""


@torch.no_grad()
def initialise(cell: type[Cell], weights: Mapping[str, Tensor], initial: Initial | None = None) -> None:
    """Fill the weights of one layer and direction in place, from torch's random state.

    Gate by gate, because the gates' blocks share a tensor but not a distribution. A gate's bias goes whole into
    `bias_ih` and `bias_hh` starts at 0, since their sum is what the gate sees.

    Args:
        cell: the cell whose weights they are.
        weights: as `tidegate.engine.scan` takes them.
        initial: how they start; the cell's own choice when None.

    Raises:
        SettingError: an initialisation has no such name.
    """
    initial = cell.initial if initial is None else initial
    count = len(cell.gates)
    for setting, name, blocks in (
        ("input", "weight_ih", count),
        ("recurrent", "weight_hh", count - len(cell.input_only)),
        ("recurrent", "weight_hr", 1),
    ):
        fill = _choose(setting, getattr(initial, setting))
        for block in weights[name].chunk(blocks) if blocks and name in weights else ():
            fill(block)
    weights["bias_hh"].zero_()
    for gate, block in zip(cell.gates, weights["bias_ih"].chunk(count), strict=True):
        block.fill_(initial.bias.get(gate, 0.0))
    for name in cell.weights:
        weights[name].fill_(initial.weights.get(name, 0.0))


def _choose(setting: str, name: str) -> Callable[[Tensor], None]:
    if name not in CHOICES:
        raise SettingError(f"initial.{setting} must be one of {', '.join(CHOICES)}, not {name!r}")
    return CHOICES[name]
