"""The LSTM with one gate for writing and keeping."""

from __future__ import annotations

from typing import Any

from tidegate.cells.cell import Cell, Initial
from tidegate.equations.functions import sigmoid, tanh


class Coupled(Cell):
    """An LSTM that writes only as much as it forgets: the input gate is one less the forget gate.

    When to use it: as an LSTM with a quarter less work; Greff et al. found no loss of accuracy.
    """

    title = "Coupled input and forget gate (CIFG)"
    paper = "Greff, Srivastava, Koutník, Steunebrink, Schmidhuber, 'LSTM: a search space odyssey', 2015, section 3"
    gates = ("forget", "candidate", "output")
    states = ("h", "c")
    initial = Initial(bias={"forget": 1.0})

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h` and memory `c`."""
        forget = sigmoid(z.forget)
        c = forget * prev.c + (1 - forget) * tanh(z.candidate)
        return sigmoid(z.output) * tanh(c), c
