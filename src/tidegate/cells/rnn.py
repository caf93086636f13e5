"""The simple recurrent network with tanh."""

from __future__ import annotations

from typing import Any

from tidegate.cells.cell import Cell
from tidegate.equations.functions import tanh


class RNN(Cell):
    """One tanh of the input and the last output."""

    title = "Simple recurrent network"
    paper = "Elman, 'Finding structure in time', Cognitive Science 14 (1990), 179-211"
    gates = ("hidden",)

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h`."""
        return (tanh(z.hidden),)
