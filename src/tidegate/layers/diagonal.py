"""Diagonal linear recurrences, s_t = a s_{t-1} + u_t with a fixed complex a per state, over all steps at once.

Time is cut into about as many pieces as each has steps. Then a power of a is a product of two out of short tables, and
a sum over time is two small products of matrices. The tables are made in float64, since the error of the l-th power
grows with l; they are too short for that to take time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def power(base: Tensor, exponents: Tensor) -> Tensor:
    """Return complex numbers (H, N) to the power of whole numbers (B,), as (B, H, N)."""
    return (base.to(torch.complex128) ** exponents[:, None, None]).to(base.dtype)


def tables(base: Tensor, time: int) -> tuple[Tensor, Tensor]:
    """Return powers (..., P) and (..., S), P pieces of S steps, whose products i, j are base^(i S + j) up to `time`."""
    steps = math.isqrt(max(time, 1) - 1) + 1
    fine = _powers(base.to(torch.complex128), steps + 1)
    coarse = _powers(fine[..., steps], -(-time // steps))
    return coarse.to(base.dtype), fine[..., :steps].to(base.dtype)


def response(weights: Tensor, base: Tensor, time: int) -> Tensor:
    r"""Return :math:`2\,\mathrm{Re} \sum_n w_n a_n^l` for l from 0 to time - 1, from w (..., H, N) and a (H, N).

    Of the weights of a single input this is the kernel of a convolution, (H, time); of a state's, its share in the
    outputs to come.
    """
    coarse, fine = tables(base, time)
    values = 2 * _real(weights[..., None] * coarse) @ _real(fine.conj()).mT
    return values.flatten(-2)[..., :time]


def accumulate(u: Tensor, base: Tensor, lengths: Tensor | None) -> Tensor:
    r"""Return :math:`\sum_t a^{L-1-t} u_t` (B, H, N), from real u (B, H, T), 0 from a row's length L on, and a (H, N).

    This is the state at each row's end, of a state that began as 0.
    """
    batch, features, time = u.shape
    coarse, fine = tables(base, time)
    count, steps = coarse.shape[-1], fine.shape[-1]
    newest_first = u.flip(2)
    if lengths is not None:
        order = (lengths.to(u.device)[:, None] - 1 - torch.arange(time, device=u.device)) % max(time, 1)
        newest_first = u.take_along_dim(order[:, None], 2)
    pieces = functional.pad(newest_first, (0, count * steps - time)).view(batch, features, count, steps)
    sums = pieces.transpose(0, 1).flatten(1, 2) @ _real(fine)
    sums = torch.view_as_complex(sums.view(features, batch, count, base.shape[-1], 2))
    return (sums * coarse.mT[:, None]).sum(2).transpose(0, 1)


def scan(u: Tensor, base: Tensor, first: Tensor) -> Tensor:
    """Return all states (N, B, T) of the recurrence, from complex u (N, B, T), a (N,) and the state before (N, B).

    In a piece a state sums the piece's inputs, by a triangular matrix of powers; a second matrix sums the pieces.
    """
    states, batch, time = u.shape
    coarse, fine = tables(base, time)
    count, steps = coarse.shape[-1], fine.shape[-1]
    pieces = functional.pad(u, (0, count * steps - time)).view(states, batch * count, steps)
    within = (pieces @ _triangle(fine)).view(states, batch, count, steps)
    before = torch.cat([first[..., None], within[..., :-1, -1]], -1)[..., :count] @ _triangle(coarse)
    whole = within + before[..., None] * (fine * base[:, None])[:, None, None]
    return whole.flatten(2)[..., :time]


def _powers(base: Tensor, count: int) -> Tensor:
    """Return the powers 0 to count - 1 of numbers (...) as (..., count), by repeated squaring."""
    table = torch.ones_like(base)[..., None]
    while table.shape[-1] < count:
        table = torch.cat([table, table * base[..., None]], -1)
        base = base * base
    return table[..., :count]


def _triangle(table: Tensor) -> Tensor:
    """Return matrices (..., S, S) whose entry k, j is the (j - k)-th power, 0 where that would be negative."""
    size = table.shape[-1]
    if not size:
        return table[..., None]
    return functional.pad(table, (size - 1, 0)).unfold(-1, size, 1).flip(-2)


def _real(z: Tensor) -> Tensor:
    """Return complex numbers (..., N, K) as real ones (..., K, 2N), so that a product sums real and imaginary parts."""
    return torch.view_as_real(z.mT.resolve_conj()).flatten(-2)
