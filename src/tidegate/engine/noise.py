"""Random zeros and ones, several times faster than torch's on a CPU: sixteen bits of one random number decide on each.

So a rate is exact to 1/65536; what dropout keeps is scaled by the rate that it really has.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

_STEPS = 1 << 16


def draw(like: Tensor, shape: Sequence[int], rate: float) -> Tensor:
    """Return zeros and ones of a shape, in the dtype and on the device of a tensor; `rate` is the share of ones."""
    return _below(like, shape, round(rate * _STEPS))


def dropout(x: Tensor, share: float) -> Tensor:
    """Return x with a share of its numbers zero and the others scaled up, so that their expected value stays.

    Source: Srivastava et al., 'Dropout: a simple way to prevent neural networks from overfitting', JMLR 2014.
    """
    kept = round((1 - share) * _STEPS)
    if share <= 0:
        return x
    if kept == 0 or x.device.type != "cpu" or torch.compiler.is_compiling():
        return functional.dropout(x, share)
    return x * _below(x, x.shape, kept).mul_(_STEPS / kept)


def _below(like: Tensor, shape: Sequence[int], threshold: int) -> Tensor:
    """Return, in the dtype of `like`, 1 where uniform numbers of 16 bits are below a threshold, else 0."""
    count, below = torch.Size(shape).numel(), like.new_ones(tuple(shape))
    if threshold == _STEPS:
        return below
    numbers = torch.empty((count + 3) // 4, dtype=torch.int64, device=like.device).random_(-(2**63), None)
    # Straight into floating point: by way of truth values it takes seven times as long.
    torch.lt(numbers.view(torch.int16)[:count], threshold - _STEPS // 2, out=below.view(-1))
    return below
