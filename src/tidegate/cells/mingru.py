"""The GRU without its recurrent matrix."""

from __future__ import annotations

from typing import Any

from tidegate.cells.cell import Cell
from tidegate.equations.functions import sigmoid


class MinGRU(Cell):
    """A GRU whose gate and candidate read the input alone, so that its output is a running mixture.

    The plain equations, not those in log space. When to use it: long sequences and small models; without `U` a step
    costs only its input product.
    """

    title = "minGRU"
    paper = "Feng, Tung, Ahmed, Bengio, Hajimirsadeghi, 'Were RNNs all we needed?', 2024, section 3.1"
    name = "mingru"
    gates = ("update", "candidate")
    input_only = ("update", "candidate")

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h`."""
        update = sigmoid(z.update)
        return ((1 - update) * prev.h + update * z.candidate,)
