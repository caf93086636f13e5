"""The LSTM that sometimes keeps its states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tidegate.cells.cell import Cell, Initial
from tidegate.equations.functions import sigmoid, tanh


class Zoneout(Cell):
    """An LSTM that, while training, keeps a random part of its states for a step.

    `zone_c` and `zone_h` say how much of the memory and the output is kept; otherwise than in training, every state is
    the expected mixture. When to use it: against overfitting, where dropout on the recurrence would destroy the memory.
    """

    title = "Zoneout LSTM"
    paper = (
        "Krueger, Maharaj, Kramár, Pezeshki, Ballas, Ke, Goyal, Bengio, Courville, Pal, 'Zoneout: "
        "regularizing RNNs by randomly preserving hidden activations', ICLR 2017, equations 4 and 5"
    )
    gates = ("input", "forget", "candidate", "output")
    states = ("h", "c")
    noise: ClassVar[Mapping[str, float]] = {"zone_h": 0.05, "zone_c": 0.5}
    initial = Initial(bias={"forget": 1.0})

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h` and memory `c`."""
        c = sigmoid(z.forget) * prev.c + sigmoid(z.input) * tanh(z.candidate)
        h = sigmoid(z.output) * tanh(c)
        return w.zone_h * prev.h + (1 - w.zone_h) * h, w.zone_c * prev.c + (1 - w.zone_c) * c
