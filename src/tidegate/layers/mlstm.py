"""The mLSTM of xLSTM: a matrix memory that whole chunks of time write and read at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from tidegate.layers.sequence import State

_CHUNK = 64  # steps; the work within a chunk grows with its square, that between chunks with their number


def scan(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    write: Tensor,
    forget: Tensor,
    state: State,
    alive: Tensor | None = None,
    chunk: int = _CHUNK,
) -> tuple[Tensor, State]:
    r"""Run the matrix memory over time.

    .. math::
        C_t = f_t C_{t-1} + i_t k_t v_t^\top, \quad n_t = f_t n_{t-1} + i_t k_t, \quad
        h_t = C_t^\top q_t / \max(|n_t^\top q_t|, 1)

    with :math:`i_t = \exp(\tilde i_t)`, :math:`f_t = \sigma(\tilde f_t)` and keys divided by :math:`\sqrt D`. C and n
    are held divided by :math:`\exp(m_t)`, :math:`m_t = \max(\log f_t + m_{t-1}, \tilde i_t)`, so that no exponential
    overflows; with chunks of one step this is the recurrence itself. Source: Beck et al., 'xLSTM: extended long
    short-term memory', NeurIPS 2024, equations 19 to 27; by chunks as in its appendix A.3 between two states.

    Args:
        q, k, v: queries, keys and values of each head (B, N, T, D).
        write, forget: the gates' pre-activations (B, N, T).
        state: C (B, N, D, D), n (B, N, D) and m (B, N) before the first step.
        alive: which steps there are (B, T); the others leave the state as it is. All when None.
        chunk: steps that are computed at once.

    Returns:
        The outputs (B, N, T, D) and the state after each row's last step.
    """
    k, kept = k / math.sqrt(q.shape[-1]), logsigmoid(forget)
    if alive is not None:
        write = write.masked_fill(~alive[:, None], -torch.inf)
        kept = kept.masked_fill(~alive[:, None], 0)
    outputs = [q[:, :, :0]]
    for first in range(0, q.shape[2], chunk):
        now = slice(first, first + chunk)
        y, state = _chunk(q[:, :, now], k[:, :, now], v[:, :, now], write[..., now], kept[..., now], state)
        outputs.append(y)
    return torch.cat(outputs, 2), state


def _chunk(q: Tensor, k: Tensor, v: Tensor, write: Tensor, kept: Tensor, state: State) -> tuple[Tensor, State]:
    """Run one chunk (B, N, L, D) from a state; `kept` holds the logarithms of the forget gates (B, N, L)."""
    c, n, m = state
    since = kept.cumsum(-1)
    # Logarithms of what is left at step t (rows) of what was written at step s (columns), and of the state before.
    left = since[..., :, None] - since[..., None, :] + write[..., None, :]
    later = torch.ones(left.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
    left = left.masked_fill(later, -torch.inf)
    before = since + m[..., None]
    m = torch.maximum(before, left.amax(-1))
    left, before = (left - m[..., None]).exp(), (before - m).exp()
    weights = left * (q @ k.mT)
    read = before[..., None] * (q @ c) + weights @ v
    normaliser = before * (q @ n[..., None])[..., 0] + weights.sum(-1)
    # exp(-m) stands for 1; beyond exp(80) the output is 0 anyway, and its gradient would not be finite in float32.
    y = read / torch.maximum(normaliser.abs(), (-m).clamp(max=80).exp())[..., None]
    written = k * left[..., -1, :, None]
    c = before[..., -1, None, None] * c + written.mT @ v
    n = before[..., -1, None] * n + written.sum(-2)
    return y, (c, n, m[..., -1])
