"""The LSTM without its recurrent matrix."""

from __future__ import annotations

from typing import Any

from tidegate.cells.cell import Cell, Initial
from tidegate.equations.functions import sigmoid


class MinLSTM(Cell):
    """An LSTM whose gates read the input alone and sum to one, with the memory as its output.

    The plain equations, not those in log space. When to use it: as minGRU, with keeping and writing apart.
    """

    title = "minLSTM"
    paper = "Feng, Tung, Ahmed, Bengio, Hajimirsadeghi, 'Were RNNs all we needed?', 2024, section 3.2"
    name = "minlstm"
    gates = ("forget", "input", "candidate")
    input_only = ("forget", "input", "candidate")
    initial = Initial(bias={"forget": 1.0})

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h`."""
        keep, write = sigmoid(z.forget), sigmoid(z.input)
        share = keep / (keep + write)
        return (share * prev.h + (1 - share) * z.candidate,)
