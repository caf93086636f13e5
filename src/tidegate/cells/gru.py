"""The gated recurrent unit."""

from __future__ import annotations

from typing import Any

from tidegate.cells.cell import Cell
from tidegate.equations.functions import sigmoid, tanh


class GRU(Cell):
    """A mix of the last output and a candidate, weighed by one gate.

    The reset gate multiplies `U h` and not `h`, as in cuDNN and torch (the paper's first version, arXiv v1), so
    that one product serves all gates.
    """

    title = "Gated recurrent unit"
    paper = (
        "Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio, 'Learning phrase representations "
        "using RNN encoder-decoder for statistical machine translation', EMNLP 2014"
    )
    gates = ("reset", "update", "candidate")
    split = ("candidate",)

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h`."""
        update = sigmoid(z.update)
        candidate = tanh(z.candidate.x + sigmoid(z.reset) * z.candidate.h)
        return ((1 - update) * candidate + update * prev.h,)
