"""How queries attend to a memory: scores, weights that sum to 1, and the memory's values in those shares.

For each of T queries and S steps of a memory: weights softmax(score(query, key)) over the steps that are allowed, and
contexts, the values summed in these weights. Tensors have heads, (B, N, T, D) for queries and (B, N, S, D) for keys and
values, and allowed is (B or 1, 1, T or 1, S).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tidegate.engine import noise
from tidegate.errors import DataError, SettingError

DEFAULT_HEADS = 4


class DotAttention(nn.Module):
    r"""Scores :math:`q^\top k` of what is there, without weights (Luong et al., EMNLP 2015, equation 8, dot).

    The other kinds of attention are this one with queries, keys, values and scores of their own.
    """

    scale = 1.0

    def __init__(self, query_size: int, memory_size: int, units: int, heads: int = 1) -> None:
        """Make what projects queries and memory.

        Args:
            query_size: features of a query.
            memory_size: features of a step of the memory.
            units: features in which a query and a key are compared, where they are projected.
            heads: comparisons side by side, each of units / heads features.

        Raises:
            SettingError: the sizes do not fit this kind of attention.
        """
        super().__init__()
        self.query_size, self.memory_size, self.heads = query_size, memory_size, heads
        self.make(units)

    def make(self, units: int) -> None:
        """Make the weights."""
        if self.query_size != self.memory_size:
            raise SettingError(
                f"dot attention needs queries as large as the memory's steps, not {self.query_size} and "
                f"{self.memory_size}; general, additive and multihead take any"
            )

    @property
    def context_size(self) -> int:
        """Features of a context."""
        return self.memory_size

    def queries(self, x: Tensor) -> Tensor:
        """Return the queries (B, N, T, D) of inputs (B, T, query_size)."""
        return x[:, None]

    def keys(self, memory: Tensor) -> Tensor:
        """Return the keys (B, N, S, D) of a memory (B, S, memory_size)."""
        return memory[:, None]

    def values(self, memory: Tensor) -> Tensor:
        """Return the values (B, N, S, V) of a memory (B, S, memory_size)."""
        return memory[:, None]

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the scores (B, N, T, S)."""
        return queries @ keys.mT * self.scale

    def contexts(
        self, queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None, dropout: float = 0.0
    ) -> Tensor:
        """Return the contexts (B, N, T, V); every query must be allowed a step.

        Args:
            queries, keys, values: with heads.
            allowed: which steps count for which query; all when None.
            dropout: share of the weights dropped, now.
        """
        return functional.scaled_dot_product_attention(queries, keys, values, allowed, dropout, scale=self.scale)

    def joined(self, contexts: Tensor) -> Tensor:
        """Return the contexts (B, N, T, V) of all heads as one (B, T, context_size)."""
        return contexts[:, 0]


class GeneralAttention(DotAttention):
    r"""Scores :math:`q^\top W_a k` (Luong et al., EMNLP 2015, equation 8, general)."""

    def make(self, units: int) -> None:
        """Make the weights."""
        self.query = nn.Linear(self.query_size, self.memory_size, bias=False)

    def queries(self, x: Tensor) -> Tensor:
        """Return the queries (B, 1, T, memory_size)."""
        return self.query(x)[:, None]


class AdditiveAttention(DotAttention):
    r"""Scores :math:`v_a^\top \tanh(W_a q + U_a k)` (Bahdanau et al., ICLR 2015, appendix A.1.2)."""

    def make(self, units: int) -> None:
        """Make the weights."""
        self.query = nn.Linear(self.query_size, units, bias=False)
        self.key = nn.Linear(self.memory_size, units, bias=False)
        self.score = nn.Linear(units, 1, bias=False)

    def queries(self, x: Tensor) -> Tensor:
        """Return the queries (B, 1, T, units)."""
        return self.query(x)[:, None]

    def keys(self, memory: Tensor) -> Tensor:
        """Return the keys (B, 1, S, units)."""
        return self.key(memory)[:, None]

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the scores (B, 1, T, S), by way of (B, 1, T, S, units)."""
        return self.score(torch.tanh(queries.unsqueeze(-2) + keys.unsqueeze(-3))).squeeze(-1)

    def contexts(
        self, queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None, dropout: float = 0.0
    ) -> Tensor:
        """Return the contexts (B, 1, T, V)."""
        return noise.dropout(weights(self.scores(queries, keys), allowed), dropout) @ values


class MultiHeadAttention(DotAttention):
    r"""Heads side by side: scores :math:`q^\top k / \sqrt{d}` of projections, contexts projected once more.

    Source: Vaswani et al., NIPS 2017, equation 1 and section 3.2.2.
    """

    def make(self, units: int) -> None:
        """Make the weights."""
        if units % self.heads:
            raise SettingError(f"units must be a multiple of heads, not {units} and {self.heads}")
        self.scale = 1 / math.sqrt(units // self.heads)
        self.query = nn.Linear(self.query_size, units)
        self.key = nn.Linear(self.memory_size, units)
        self.value = nn.Linear(self.memory_size, units)
        self.output = nn.Linear(units, units)
        for layer in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.output.bias)

    @property
    def context_size(self) -> int:
        """Features of a context."""
        return self.output.out_features

    def queries(self, x: Tensor) -> Tensor:
        """Return the queries (B, heads, T, units / heads)."""
        return self._heads(self.query(x))

    def keys(self, memory: Tensor) -> Tensor:
        """Return the keys (B, heads, S, units / heads)."""
        return self._heads(self.key(memory))

    def values(self, memory: Tensor) -> Tensor:
        """Return the values (B, heads, S, units / heads)."""
        return self._heads(self.value(memory))

    def joined(self, contexts: Tensor) -> Tensor:
        """Return the projection of all heads' contexts (B, T, units)."""
        return self.output(contexts.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


SCORES: dict[str, type[DotAttention]] = {
    "additive": AdditiveAttention,
    "dot": DotAttention,
    "general": GeneralAttention,
    "multihead": MultiHeadAttention,
}
"""Kinds of attention by their scores' names."""


def make_attention(score: str, query_size: int, memory_size: int, units: int, heads: int | None = None) -> DotAttention:
    """Return attention with this score and fresh weights; see `DotAttention`.

    Raises:
        SettingError: there is no such score, or the sizes do not fit it.
    """
    if score not in SCORES:
        raise SettingError(f"score must be one of {', '.join(SCORES)}, not {score!r}")
    if heads is not None and score != "multihead":
        raise SettingError(f"heads are for score='multihead', not {score!r}")
    many = DEFAULT_HEADS if heads is None else heads
    return SCORES[score](query_size, memory_size, units, many if score == "multihead" else 1)


def weights(scores: Tensor, allowed: Tensor | None) -> Tensor:
    """Return the weights of scores (B, N, T, S), 0 where a step is not allowed; a query without any has no weights."""
    if allowed is None:
        return scores.softmax(-1)
    least = torch.finfo(scores.dtype).min
    return scores.masked_fill(~allowed, least).softmax(-1).masked_fill(~allowed, 0)


class Memory(NamedTuple):
    """A memory made ready for many queries: keys and values with heads, and which steps are there (B, 1, 1, S)."""

    keys: Tensor
    values: Tensor
    allowed: Tensor | None


class MemoryAttention(nn.Module):
    """Attention of one sequence, such as a decoder's, to the outputs of another layer, such as an encoder's.

    Example:
        >>> attention = MemoryAttention(5, 8, units=6)
        >>> memory = attention.read(torch.zeros(4, 10, 8), torch.tensor([10, 3, 7, 1]))
        >>> context, weights = attention(torch.zeros(4, 5), memory)
        >>> tuple(context.shape), tuple(weights.shape)
        ((4, 8), (4, 1, 10))
    """

    def __init__(
        self, query_size: int, memory_size: int, *, units: int, score: str = "additive", heads: int | None = None
    ) -> None:
        """Make the weights; the arguments are those of `make_attention`."""
        super().__init__()
        self.attention = make_attention(score, query_size, memory_size, units, heads)

    @property
    def context_size(self) -> int:
        """Features of a context."""
        return self.attention.context_size

    def read(self, memory: Tensor, lengths: Tensor | None = None) -> Memory:
        """Make a memory (B, S, memory_size) ready, once for all queries.

        Args:
            memory: what is attended to.
            lengths: steps of each row (B,), 0 to S; all when None. What lies beyond is not read.

        Raises:
            DataError: the memory has another shape.
        """
        if memory.dim() != 3 or memory.shape[2] != self.attention.memory_size:
            size = self.attention.memory_size
            raise DataError(f"memory must have shape (batch, time, {size}), not {tuple(memory.shape)}")
        there = None
        if lengths is not None:
            there = torch.arange(memory.shape[1], device=memory.device) < lengths.to(memory.device)[:, None]
            memory = memory.masked_fill(~there[:, :, None], 0)
            there = there[:, None, None]
        return Memory(self.attention.keys(memory), self.attention.values(memory), there)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Attend to a memory that was read.

        Args:
            query: (B, T, query_size), or (B, query_size) for one step.
            memory: what `read` returned.

        Returns:
            The contexts (B, T, context_size), 0 before projections where a row has no steps, and the weights
            (B, heads, T, S); for one step without T.
        """
        if query.dim() == 2:
            contexts, shares = self(query[:, None], memory)
            return contexts[:, 0], shares[:, :, 0]
        shares = weights(self.attention.scores(self.attention.queries(query), memory.keys), memory.allowed)
        return self.attention.joined(shares @ memory.values), shares


class AttentionPooling(nn.Module):
    r"""One vector of a sequence: its steps in the shares that a learned vector gives them.

    :math:`u_t = \tanh(W h_t + b)`, :math:`\alpha = \mathrm{softmax}(u_t^\top u)`, :math:`s = \sum_t \alpha_t h_t`.
    Source: Yang et al., NAACL 2016, equations 5 to 7.
    """

    def __init__(self, input_size: int, units: int) -> None:
        """Make the weights: those of the projection (units, input_size), and the vector u (units)."""
        super().__init__()
        self.project = nn.Linear(input_size, units)
        self.query = nn.Linear(units, 1, bias=False)

    def forward(self, y: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the vectors (B, F) of sequences (B, T, F), and the weights (B, T) of their steps.

        A row without steps gives zeros.
        """
        scores, there = self.query(torch.tanh(self.project(y)))[:, :, 0], None
        if lengths is not None:
            there = torch.arange(y.shape[1], device=y.device) < lengths.to(y.device)[:, None]
        shares = weights(scores, there)
        return (shares[:, None] @ y)[:, 0], shares
