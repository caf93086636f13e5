"""How a recurrent layer's weights start."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
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
    """Fill one gate's block with an orthogonal matrix, as Saxe, McClelland and Ganguli, ICLR 2014.

    Every orthogonal matrix is as likely as any other: Mezzadri, Notices of the AMS 54 (2007), section 5.
    """
    tall = block.shape[0] >= block.shape[1]
    draws = torch.empty(block.shape, dtype=block.dtype, device="cpu").normal_().double().numpy()
    rows = np.ascontiguousarray(draws.T if tall else draws)
    _orthonormalise(rows)
    block.copy_(torch.from_numpy(rows.T if tall else rows))


def _orthonormalise(rows: np.ndarray, size: int = 16) -> None:
    """Make the rows of a float64 matrix orthonormal in place, by Gram and Schmidt, some rows at a time.

    A QR decomposition by LAPACK would take half as long, but its bits depend on the number of threads, as any product
    by a BLAS may; einsum multiplies by itself, in one thread. Float64 leaves 1e-11 of what float32 could show.
    """
    for first in range(0, len(rows), size):
        block, rest = rows[first : first + size], rows[first + size :]
        for k, row in enumerate(block):
            row /= math.sqrt(np.einsum("i,i->", row, row))
            block[k + 1 :] -= np.einsum("ki,i->k", block[k + 1 :], row)[:, None] * row
        rest -= np.einsum("kb,bi->ki", np.einsum("ki,bi->kb", rest, block), block)


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
        matrix = weights.get(name)
        heads = () if matrix is None or not blocks else matrix if matrix.dim() == 3 else (matrix,)
        for block in (block for head in heads for block in head.chunk(blocks)):
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
