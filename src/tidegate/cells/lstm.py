"""Long short-term memory."""

from __future__ import annotations

from typing import Any

from tidegate.cells.cell import Cell, Initial
from tidegate.equations.functions import sigmoid, tanh


class LSTM(Cell):
    """A memory that gates write, keep and read.

    The forget gate's bias starts at 1, so that a fresh network remembers: Jozefowicz, Zaremba, Sutskever,
    'An empirical exploration of recurrent network architectures', ICML 2015, section 2.2.
    """

    title = "Long short-term memory"
    paper = "Gers, Schmidhuber, Cummins, 'Learning to forget', Neural Computation 12 (2000), 2451-2471"
    gates = ("input", "forget", "candidate", "output")
    states = ("h", "c")
    initial = Initial(bias={"forget": 1.0})

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h` and memory `c`."""
        c = sigmoid(z.forget) * prev.c + sigmoid(z.input) * tanh(z.candidate)
        h = sigmoid(z.output) * tanh(c)
        return h, c
