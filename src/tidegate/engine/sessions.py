"""A stack of layers on a live stream in the native engine: one step in, one output out, the states kept in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from tidegate.engine import native

if TYPE_CHECKING:
    from tidegate.cells import Cell

State = tuple[Tensor, ...]


def runs(cell: type[Cell], weights: Mapping[str, Tensor]) -> bool:
    """Say whether the engine has sessions of this cell with such weights."""
    return cell.projection == 1 and native.runs(cell, weights["weight_ih"])


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
        """Run one time step: x (B, I) to the top layer's outputs (B, H), which the next step overwrites."""
        self._x.copy_(x)
        self._session.step(*self._places)
        return self._y

    @property
    def state(self) -> State:
        """For each of the cell's states a copy (layers, B, H); None sets it to zeros."""
        layers, batch, units, count = self._sizes
        state = tuple(self._x.new_empty(layers, batch, units) for _ in range(count))
        self._each(state, self._session.read)
        return state

    @state.setter
    def state(self, state: State | None) -> None:
        if state is None:
            state = tuple(part.zero_() for part in self.state)
        self._each(tuple(part.to(self._x.dtype).contiguous() for part in state), self._session.write)

    def _each(self, state: State, act: Callable[[int, int, int], Any]) -> None:
        for row, part in enumerate(state):
            for layer, plane in enumerate(part):
                act(layer, row, plane.data_ptr())
