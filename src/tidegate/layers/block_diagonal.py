"""A block-diagonal U: heads are groups of units that read only themselves."""

from __future__ import annotations

import torch
from torch import Tensor

from tidegate.cells import Cell
from tidegate.errors import SettingError


def check(cell: type[Cell], units: int, heads: int) -> None:
    """Refuse heads that cannot be.

    Raises:
        SettingError: they do not divide the units, or the cell itself says which units U connects.
    """
    if not isinstance(heads, int) or heads < 1 or units % heads:
        raise SettingError(f"heads must be a whole number that divides the {units} units, not {heads!r}")
    own = cell.heads == 1 and cell.mask(units) is not None
    if own or cell.projection != 1 or len(cell.input_only) == len(cell.gates):
        raise SettingError(f"cell {cell.name} has a recurrent matrix of its own kind or none; leave heads out")


def mask(units: int, heads: int) -> Tensor:
    """Return which units share a head (H, H), 1 or 0."""
    head = torch.arange(units) * heads // units
    return (head[:, None] == head).to(torch.get_default_dtype())


def matrix(weight: Tensor) -> Tensor:
    """Return `weight_hh` (G*H, H) from the heads' own (heads, G*H/heads, H/heads), each with its gates in order."""
    heads, rows, size = weight.shape
    gates = weight.view(heads, rows // size, size, size).permute(1, 2, 3, 0)
    return gates.diag_embed(dim1=1, dim2=3).reshape(heads * rows, heads * size)
