"""The LSTM without its recurrent matrix."""

from __future__ import annotations

from typing import Any

from tidegate.cells.cell import Cell, Initial
from tidegate.equations.functions import log_sigmoid, sigmoid


class MinLSTM(Cell):
    """An LSTM whose gates read the input alone and sum to one, with the memory as its output.

    The plain equations, but for the share of the memory that is kept, f / (f + i): the sigmoid of the difference of
    logarithms, so that two gates that are both shut do not divide 0 by 0. When to use it: as minGRU, with keeping and
    writing apart.
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
        share = sigmoid(log_sigmoid(z.forget) - log_sigmoid(z.input))
        return (share * prev.h + (1 - share) * z.candidate,)
