"""The LSTM whose gates see the memory."""

from __future__ import annotations

from typing import Any

from tidegate.cells.cell import Cell, Initial
from tidegate.equations.functions import sigmoid, tanh


class Peephole(Cell):
    """An LSTM whose gates also read the memory, each unit its own.

    When to use it: where the exact distance between events matters, such as timing and counting; it costs three
    multiplications per unit more than the LSTM.
    """

    title = "Peephole LSTM"
    paper = "Gers, Schmidhuber, 'Recurrent nets that time and count', IJCNN 2000"
    gates = ("input", "forget", "candidate", "output")
    states = ("h", "c")
    weights = ("p_input", "p_forget", "p_output")
    initial = Initial(bias={"forget": 1.0})

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h` and memory `c`."""
        c = sigmoid(z.forget + w.p_forget * prev.c) * prev.c + sigmoid(z.input + w.p_input * prev.c) * tanh(z.candidate)
        h = sigmoid(z.output + w.p_output * c) * tanh(c)
        return h, c
