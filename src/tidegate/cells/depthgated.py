"""The LSTM whose memory also reads that of the layer below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tidegate.cells.cell import Cell, Initial
from tidegate.equations.functions import sigmoid, tanh


class DepthGated(Cell):
    """An LSTM with a gate between the memories of adjacent layers.

    When to use it: with several layers, to let the gradient of the upper ones reach the lower ones directly. The first
    layer has none below and is an LSTM.
    """

    title = "Depth-gated LSTM"
    paper = "Yao, Cohn, Vylomova, Duh, Dyer, 'Depth-gated LSTM', 2015, equations 5 to 10"
    name = "depthgated"
    gates = ("input", "forget", "candidate", "output", "depth")
    input_only = ("depth",)
    states = ("h", "c")
    weights = ("p_memory", "p_lower")
    below: ClassVar[Mapping[str, str]] = {"lower": "c"}
    initial = Initial(bias={"forget": 1.0})

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h` and memory `c`."""
        depth = sigmoid(z.depth + w.p_memory * prev.c + w.p_lower * w.lower)
        c = depth * w.lower + sigmoid(z.forget) * prev.c + sigmoid(z.input) * tanh(z.candidate)
        return sigmoid(z.output) * tanh(c), c
