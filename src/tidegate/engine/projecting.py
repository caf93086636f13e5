"""A projected recurrence in the native engine.

What the next step reads is a projection of the step's output, h = P m. So U h is (U P) m: the engine runs the
recurrence of m as it runs any other, and one product projects all of its steps afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import linear

from tidegate.engine import native, reference

if TYPE_CHECKING:
    from tidegate.cells import Cell

step = reference.step


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
    h, *others = state
    begins = h.requires_grad or bool(h.any())
    if h_mask is not None or (begins and (cell.split or cell.input_only)):
        options = {"lengths": lengths, "reverse": reverse, "resets": resets, "h_mask": h_mask, "every": every}
        return reference.scan(cell, x, state, weights, **options)
    project = weights["weight_hr"]
    own = {**weights, "weight_hh": weights["weight_hh"] @ project}
    if begins:
        x, own["weight_ih"] = _with_first(x, h, weights, lengths, reverse, resets)
    before = (x.new_zeros(len(x), project.shape[1]), *others)
    options = {"lengths": lengths, "reverse": reverse, "resets": resets, "every": every}
    (m, *sequences), (last, *lasts) = native.scan(cell, x, before, own, **options)
    newest = linear(last, project)
    if lengths is not None:  # a row without steps keeps what it began with
        newest = torch.where((lengths > 0)[:, None], newest, h)
    return (linear(m, project), *sequences), (newest, *lasts)


def _with_first(
    x: Tensor,
    h: Tensor,
    weights: Mapping[str, Tensor],
    lengths: Tensor | None,
    reverse: bool,
    resets: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return inputs and W that give the first step its U h, for an output before it that is no projection of an m."""
    rows = torch.arange(len(x))
    first = torch.zeros_like(rows)
    if reverse:
        first = first + x.shape[1] - 1 if lengths is None else (lengths - 1).clamp(min=0)
    if resets is not None:
        h = h.masked_fill(resets[rows, first][:, None], 0)
    at_first = x.new_zeros(*x.shape[:2], h.shape[1]).index_put((rows, first), h)
    return torch.cat([x, at_first], 2), torch.cat([weights["weight_ih"], weights["weight_hh"]], 1)
