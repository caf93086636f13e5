"""Sequences cut into blocks of so many steps, counted from each row's first step, whatever chunks they come in.

A row's phase is how many steps its unfinished block has: of shape (B,) here, and (1, B, 1) as part of a state.
"""

from __future__ import annotations

import torch
from torch import Tensor


def phase_of(part: Tensor) -> Tensor:
    """Return the phase (B,) that a part of a state (1, B, 1) holds."""
    return part[0, :, 0].round().long()


def as_state(phase: Tensor, like: Tensor) -> Tensor:
    """Return a phase as part of a state, in the dtype of a tensor: zeros stand for the beginning, as everywhere."""
    return phase.to(like.dtype)[None, :, None]


def ends_of(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the steps (B,) of each row of a sequence (B, T, F), on its device."""
    return x.new_full((len(x),), x.shape[1], dtype=torch.int64) if lengths is None else lengths.to(x.device)


def most(counts: Tensor) -> int:
    """Return the largest of counts (B,); 0 where there are no rows."""
    return max(counts.tolist(), default=0)


def at(y: Tensor, index: Tensor) -> Tensor:
    """Return, of a sequence (B, N, F), the steps that an index (B, T) names, the nearest where it is too large."""
    return y.gather(1, index.clamp(max=y.shape[1] - 1)[:, :, None].expand(-1, -1, y.shape[2]))


def held(before: Tensor, y: Tensor, finished: Tensor) -> Tensor:
    """Return what the newest finished block gave, at each step.

    Args:
        before: what was held before these blocks (B, H).
        y: what each block gives (B, N, H).
        finished: how many of these blocks are finished at each step (B, T).
    """
    return at(torch.cat([before[:, None], y], 1), finished)
