"""The contract of a sequence layer: what a task's network may ask of any of them, and nothing else."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tidegate.errors import DataError, SettingError
from tidegate.layers.session import LoopSession, Session

State = tuple[Tensor, ...]


class SequenceLayer(nn.Module, ABC):
    """A layer that maps a sequence to a sequence of the same length.

    A member defines `forward` and `output_size`, says whether it streams and whether it is causal, and gets the rest.

    Attributes:
        input_size: features of an input.
        context_size: features of a context that the layer reads beside its inputs at every step; 0 for none.
        streams: whether `step` works: an output needs no later input, and the state holds all of the earlier ones.
        causal: whether an output depends on nothing later than itself.
    """

    input_size: int
    context_size: int = 0
    streams: bool = False
    causal: bool = False

    @property
    @abstractmethod
    def output_size(self) -> int:
        """Features of an output."""

    @abstractmethod
    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences.

        Args:
            x: inputs (B, T, input_size).
            state: what an earlier call returned, to continue its sequences; None to begin.
            lengths: steps of each row (B,), int64, 0 to T; all T when None. What x holds beyond is not read.
            context: known of the whole sequence, (B, context_size) or (B, T, context_size).

        Returns:
            The outputs (B, T, output_size), 0 beyond a row's length, and the state at each row's end, tensors
            (any, B, any), of which zeros begin a sequence; () where the layer does not stream.

        Raises:
            DataError: a tensor has a wrong shape, or a length is not within 0 to T.
        """

    def step(self, x: Tensor, state: State | None = None, context: Tensor | None = None) -> tuple[Tensor, State]:
        """Run one time step; the same steps in a row give what `forward` gives when not training.

        Args:
            x: inputs (B, input_size).
            state: as `forward` takes and returns it.
            context: as `forward` takes it, (B, context_size).

        Returns:
            The outputs (B, output_size) and the new state.

        Raises:
            SettingError: the layer does not stream.
            DataError: a tensor has a wrong shape.
        """
        self.check_step(x, context)
        y, after = self(x[:, None], state, None, context)
        return y[:, 0], after

    def last(self, y: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output (B, output_size) in which each row of `forward`'s outputs has seen all of its steps.

        Args:
            y: outputs of `forward` (B, T, output_size), T at least 1.
            lengths: as `forward` took them; a row without steps gives zeros.
        """
        if lengths is None:
            return y[:, -1]
        newest = (lengths.to(y.device) - 1).clamp(min=0)
        return y[torch.arange(len(y), device=y.device), newest]

    def session(self, batch: int = 1) -> Session:
        """Return a stream of this layer: one time step in, one output out, without autograd.

        It keeps the weights that the layer has now, and begins a sequence; noise is its expected value.

        Args:
            batch: rows of the stream.

        Raises:
            SettingError: the layer does not stream, or reads a context.
        """
        self._check_streams()
        if self.context_size:
            raise SettingError("a layer that reads a context has no session; call step")
        return LoopSession(copy.deepcopy(self).eval().step)

    def check(self, x: Tensor, lengths: Tensor | None = None, context: Tensor | None = None) -> None:
        """Refuse what `forward` cannot read.

        Raises:
            DataError: a tensor has a wrong shape, or a length is not within 0 to T.
        """
        if x.dim() != 3 or x.shape[2] != self.input_size:
            raise DataError(f"x must have shape (batch, time, {self.input_size}), not {tuple(x.shape)}")
        if lengths is not None:
            _check_lengths(lengths, x)
        self.check_context(x, context)

    def check_step(self, x: Tensor, context: Tensor | None = None) -> None:
        """Refuse what `step` cannot read.

        Raises:
            SettingError: the layer does not stream.
            DataError: a tensor has a wrong shape.
        """
        self._check_streams()
        if x.dim() != 2 or x.shape[1] != self.input_size:
            raise DataError(f"x must have shape (batch, {self.input_size}), not {tuple(x.shape)}")
        self.check_context(x, context)

    def check_context(self, x: Tensor, context: Tensor | None) -> None:
        """Refuse a context that does not belong to inputs (B, T, I) or (B, I), or one where the layer reads none."""
        size = 0 if context is None else context.shape[-1]
        shapes = ((x.shape[0], size), (*x.shape[:-1], size))
        if size != self.context_size or (context is not None and tuple(context.shape) not in shapes):
            given = "none" if context is None else tuple(context.shape)
            raise DataError(f"context must have {self.context_size} features for each row of x, not shape {given}")

    def _check_streams(self) -> None:
        if not self.streams:
            layer = f"{self._get_name()}({self.extra_repr()})"
            why = "it keeps no state of earlier steps" if self.causal else "its outputs need later inputs"
            raise SettingError(f"{layer} has no single step and no session: {why}")


def without_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return a sequence (B, T, F) with 0 beyond each row's length, where it may hold anything, NaN included."""
    if lengths is None:
        return x
    padding = torch.arange(x.shape[1], device=x.device) >= lengths.to(x.device)[:, None]
    return x.masked_fill(padding[:, :, None], 0)


def start(state: State | None, x: Tensor, shapes: Sequence[tuple[int, ...]]) -> State:
    """Return the state to start from: the one given, or zeros like x of these shapes when None.

    Raises:
        DataError: the state has other shapes.
    """
    if state is None:
        return tuple(x.new_zeros(shape) for shape in shapes)
    given = [tuple(part.shape) for part in state]
    if given != list(shapes):
        raise DataError(f"state must hold tensors of shapes {list(shapes)}, not {given}")
    return state


def _check_lengths(lengths: Tensor, x: Tensor) -> None:
    if lengths.shape != x.shape[:1] or lengths.is_floating_point():
        raise DataError(f"lengths must hold {x.shape[0]} whole numbers, one per row of x, not {lengths!r}")
    if lengths.numel() and (int(lengths.min()) < 0 or int(lengths.max()) > x.shape[1]):
        raise DataError(f"lengths must be within 0 and {x.shape[1]}, the steps of x, not {lengths.tolist()}")
