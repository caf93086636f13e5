"""The scalar LSTM of xLSTM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tidegate.cells.cell import Cell, Initial
from tidegate.equations.functions import exp, log_sigmoid, maximum, sigmoid, tanh


class SLSTM(Cell):
    """An LSTM with an exponential input gate, a normaliser `n`, and a stabiliser `m` that keeps exponentials small.

    Heads of units read only themselves, as many as `heads` where it divides the units. `n` is at least 1e-30, so that
    an input gate too small for the numbers gives 0. When to use it: where stored values must be revised strongly by new
    evidence, such as nearest-neighbour search and rare tokens.
    """

    title = "sLSTM"
    paper = (
        "Beck, Pöppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter, Hochreiter, 'xLSTM: "
        "extended long short-term memory', NeurIPS 2024, equations 8 to 17, with a sigmoid forget gate"
    )
    name = "slstm"
    gates = ("input", "forget", "candidate", "output")
    states = ("h", "c", "n", "m")
    heads: ClassVar[int] = 4
    initial = Initial(bias={"forget": 1.0})

    @classmethod
    def mask(cls, units: int) -> Sequence[Sequence[int]] | None:
        """Return which units share a head."""
        if units % cls.heads:
            return None
        size = units // cls.heads
        return [[int(row // size == column // size) for column in range(units)] for row in range(units)]

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h`, memory `c`, normaliser `n` and stabiliser `m`."""
        log_forget = log_sigmoid(z.forget)
        m = maximum(log_forget + prev.m, z.input)
        write, keep = exp(z.input - m), exp(log_forget + prev.m - m)
        c = keep * prev.c + write * tanh(z.candidate)
        n = keep * prev.n + write
        return sigmoid(z.output) * c / maximum(n, 1e-30), c, n, m
