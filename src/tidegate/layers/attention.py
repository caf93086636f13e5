"""Self-attention: each step reads, of the steps that it may see, what its scores choose."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tidegate.errors import DataError, SettingError
from tidegate.layers import blocks
from tidegate.layers.attending import SCORES, DotAttention, MultiHeadAttention, make_attention, weights
from tidegate.layers.sequence import SequenceLayer, State, without_padding
from tidegate.layers.settings import LayerSettings
from tidegate.settings import setting


@dataclass(kw_only=True)
class Attention(LayerSettings):
    """Settings of self-attention; each field's help says what it does.

    Example:
        >>> Attention(heads=2).build(3).output_size
        64
    """

    name = "attention"
    units: int = setting(64, "features of an output, and those in which steps are compared", low=1)
    score: str = setting("multihead", "how steps are compared", choices=tuple(SCORES))
    heads: int | None = setting(None, "comparisons side by side, of score=multihead (default: 4)", low=1)
    causal: bool = setting(True, "a step attends to itself and those before it, and not to later ones")
    window: int | None = setting(None, "newest steps that a step attends to (default: all)", low=1, size=False)
    dropout: float = setting(0.0, "share of the weights of attention dropped while training", low=0, below=1)

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return a layer with fresh weights."""
        attention = make_attention(self.score, input_size, input_size, self.units, self.heads)
        return AttentionLayer(attention, self.units, causal=self.causal, window=self.window, dropout=self.dropout)

    def check_together(self) -> None:
        """Refuse heads of a score without, heads that do not divide the units, and a window of what sees all."""
        with torch.device("meta"):
            make_attention(self.score, 1, 1, self.units, self.heads)
        if self.window is not None and not self.causal:
            raise SettingError("window is for causal attention; leave it out, or causal=False")


class AttentionLayer(SequenceLayer):
    r"""Self-attention over a sequence.

    With multi-head scores an output is the heads' contexts, projected (Vaswani et al., NIPS 2017). With the others it
    is :math:`\tanh(W_c [c_t; x_t])`, the context joined with the step itself (Luong et al., EMNLP 2015, equation 5).
    It streams if it is causal and has a window: the state is then the newest inputs, (at most window - 1, B, I), and
    how many of them each row has, (1, B, 1).
    """

    def __init__(
        self,
        attention: DotAttention,
        units: int,
        *,
        causal: bool = True,
        window: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        """Make the layer.

        Args:
            attention: compares the steps; queries are as large as the memory's steps.
            units: features of an output.
            causal: a step attends to none later than itself.
            window: newest steps that a step attends to, itself the last; all when None.
            dropout: share of the weights dropped while training.
        """
        super().__init__()
        self.attention, self.units, self.window, self.dropout = attention, units, window, dropout
        self.input_size, self.causal, self.streams = attention.memory_size, causal, causal and window is not None
        joins = not isinstance(attention, MultiHeadAttention)
        self.join = nn.Linear(attention.context_size + self.input_size, units, bias=False) if joins else None

    @property
    def output_size(self) -> int:
        """Features of an output."""
        return self.units

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`."""
        self.check(x, lengths, context)
        x = without_padding(x, lengths)
        if self.window is None or (state is None and x.shape[1] <= self.window):
            contexts = self._contexts(x, self._allowed(x, lengths))
        else:
            contexts = self._windowed(x, state, self.window)
        y = without_padding(self._outputs(contexts, x), lengths)
        return y, self._state(x, state, lengths) if self.streams else ()

    def attend(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over whole sequences, and say which steps each step attended to, to be plotted.

        Args:
            x: inputs (B, T, input_size).
            lengths: steps of each row (B,); all T when None.

        Returns:
            The outputs (B, T, output_size), and the weights (B, heads, T, T) of the steps, in the last axis, for each
            step; they sum to 1, and are 0 beyond a row's length.
        """
        self.check(x, lengths)
        x, own = without_padding(x, lengths), self.attention
        shares = weights(own.scores(own.queries(x), own.keys(x)), self._allowed(x, lengths))
        shares = without_padding(shares.flatten(0, 1), _per_head(lengths, own.heads)).view_as(shares)
        y = self._outputs(own.joined(shares @ own.values(x)), x)
        return without_padding(y, lengths), shares

    def extra_repr(self) -> str:
        """Return what `repr` shows in the brackets."""
        window = "" if self.window is None else f", window={self.window}"
        return f"{self.input_size}, {self.units}, causal={self.causal}{window}"

    def _outputs(self, contexts: Tensor, x: Tensor) -> Tensor:
        return contexts if self.join is None else torch.tanh(self.join(torch.cat([contexts, x], -1)))

    def _contexts(self, x: Tensor, allowed: Tensor | None) -> Tensor:
        """Return the contexts (B, T, C) of all steps among all steps."""
        own = self.attention
        return own.joined(own.contexts(own.queries(x), own.keys(x), own.values(x), allowed, self._dropout))

    def _windowed(self, x: Tensor, state: State | None, window: int) -> Tensor:
        """Return the contexts of steps that see a window, in chunks of T steps and the window - 1 before them.

        So the cost grows with T times the window, and not with T squared.
        """
        own, steps = self.attention, x.shape[1]
        size = max(1, min(window, steps))
        chunks = max(1, -(-steps // size))
        earlier, known = self._earlier(x, state)
        reach = earlier.shape[1] if chunks == 1 else window - 1
        memory = torch.cat([earlier, x], 1)
        memory = functional.pad(memory, (0, 0, reach - earlier.shape[1], chunks * size - steps))
        queries = own.queries(memory[:, reach:]).unflatten(2, (chunks, size)).transpose(1, 2).flatten(0, 1)
        keys, values = (_overlapping(each, size, reach) for each in (own.keys(memory), own.values(memory)))
        there = torch.arange(memory.shape[1], device=x.device) >= reach - known  # (B, reach + T)
        there = there.unfold(1, size + reach, size).flatten(0, 1)[:, None, None]
        allowed = there & _band(size, window, reach, x.device)
        contexts = own.contexts(queries, keys, values, allowed, self._dropout)
        return own.joined(contexts).unflatten(0, (len(x), chunks)).flatten(1, 2)[:, :steps]

    def _allowed(self, x: Tensor, lengths: Tensor | None) -> Tensor | None:
        """Return which steps (1 or B, 1, T, T) each step may see; always itself, even where a row has ended."""
        steps = x.shape[1]
        if self.causal:
            return _band(steps, self.window or steps, 0, x.device)[None, None]
        if lengths is None:
            return None
        there = torch.arange(steps, device=x.device) < lengths.to(x.device)[:, None]
        return there[:, None, None] | torch.eye(steps, dtype=torch.bool, device=x.device)

    def _earlier(self, x: Tensor, state: State | None) -> tuple[Tensor, Tensor]:
        """Return the newest inputs before x (B, K, I), and how many of them each row has (B, 1)."""
        assert self.window is not None
        if state is None:
            return x[:, :0], x.new_zeros(len(x), 1)
        shapes = [tuple(part.shape) for part in state]
        kept = min(shapes[0][0], self.window - 1) if shapes and shapes[0] else 0
        expected = [(kept, len(x), self.input_size), (1, len(x), 1)]
        if shapes != expected:
            raise DataError(f"state must hold tensors of shapes {expected}, not {shapes}")
        return state[0].transpose(0, 1), state[1][0]

    def _state(self, x: Tensor, state: State | None, lengths: Tensor | None) -> State:
        """Return the newest inputs of each row, as many as a later step may see, and how many each row has."""
        assert self.window is not None
        earlier, known = self._earlier(x, state)
        ends = blocks.ends_of(x, lengths)[:, None]
        count = torch.clamp(known.long() + ends, max=self.window - 1)
        kept = blocks.most(count[:, 0])
        inputs = functional.pad(torch.cat([earlier, x], 1), (0, 0, kept, 0))
        rows = ends + earlier.shape[1] + torch.arange(kept, device=x.device)
        newest = inputs.gather(1, rows[:, :, None].expand(-1, -1, self.input_size))
        return newest.transpose(0, 1), count.to(x.dtype)[None]

    @property
    def _dropout(self) -> float:
        return self.dropout if self.training else 0.0


def _band(steps: int, window: int, reach: int, device: torch.device) -> Tensor:
    """Return which of `reach` earlier steps and of `steps` own ones each of the own ones sees."""
    own = torch.arange(steps, device=device)[:, None]
    back = own - (torch.arange(reach + steps, device=device) - reach)
    return (back >= 0) & (back < window)


def _overlapping(x: Tensor, size: int, reach: int) -> Tensor:
    """Cut keys (B, N, reach + T, D) into chunks (B * T / size, N, reach + size, D) that begin `size` apart."""
    return x.unfold(2, reach + size, size).permute(0, 2, 1, 4, 3).flatten(0, 1)


def _per_head(lengths: Tensor | None, heads: int) -> Tensor | None:
    return None if lengths is None else lengths.repeat_interleave(heads)
