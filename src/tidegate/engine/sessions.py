"""A stack of layers on a live stream: one step in, one output out, the states kept in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from tidegate.engine import native

if TYPE_CHECKING:
    from tidegate.cells import Cell

State = tuple[Tensor, ...]


class Session(Protocol):
    """What a session offers, whoever computes it."""

    def step(self, x: Tensor) -> Tensor:
        """Run one time step: x (B, I) to the top layer's outputs (B, H), which the next step overwrites."""
        ...

    @property
    def state(self) -> State:
        """For each of the cell's states a copy (layers, B, its size)."""
        ...

    @state.setter
    def state(self, state: State) -> None: ...


def open_session(
    cell: type[Cell],
    weights: Sequence[Mapping[str, Tensor]],
    batch: int,
    make_step: Callable[[], Callable[[Tensor, State], tuple[Tensor, State]]],
) -> Session:
    """Return a session from zero states: the engine's where it runs the cell, else one of the step that is made."""
    first = weights[0]["weight_ih"]
    if cell.projection == 1 and native.runs(cell, first):
        return NativeSession(cell, weights, batch)
    sizes = cell.sizes(len(first) // len(cell.gates))
    return LoopSession(make_step(), tuple(first.new_zeros(len(weights), batch, size) for size in sizes))


class NativeSession:
    """A session in the native engine: the weights are packed once, and a step allocates nothing.

    Args:
        cell: the cell's class.
        weights: of each layer, as `tidegate.engine.scan` takes them, with the cell's noise as one number per unit (H).
            They are copied: a session keeps the weights that it began with.
        batch: rows of the stream.
    """

    def __init__(self, cell: type[Cell], weights: Sequence[Mapping[str, Tensor]], batch: int) -> None:
        first = weights[0]["weight_ih"]
        units = len(first) // len(cell.gates)
        self._x = first.new_zeros(batch, first.shape[1])
        self._y = first.new_zeros(batch, units)
        self._sizes = (len(weights), batch, units, len(cell.states))
        self._session = native.open_session(cell, weights, batch)
        self._places = (self._x.data_ptr(), self._y.data_ptr())

    def step(self, x: Tensor) -> Tensor:
        """Run one time step; see `Session`."""
        self._x.copy_(x)
        self._session.step(*self._places)
        return self._y

    @property
    def state(self) -> State:
        """See `Session`."""
        layers, batch, units, count = self._sizes
        state = tuple(self._x.new_empty(layers, batch, units) for _ in range(count))
        self._each(state, self._session.read)
        return state

    @state.setter
    def state(self, state: State) -> None:
        self._each(tuple(part.to(self._x.dtype).contiguous() for part in state), self._session.write)

    def _each(self, state: State, act: Callable[[int, int, int], Any]) -> None:
        for row, part in enumerate(state):
            for layer, plane in enumerate(part):
                act(layer, row, plane.data_ptr())


class LoopSession:
    """A session of any step function (x, state) to (y, state)."""

    def __init__(self, step: Callable[[Tensor, State], tuple[Tensor, State]], state: State) -> None:
        self._step = step
        self.state = state

    @torch.no_grad()
    def step(self, x: Tensor) -> Tensor:
        """Run one time step; see `Session`."""
        y, self.state = self._step(x, self.state)
        return y
