"""The LSTM with layer normalisation."""

from __future__ import annotations

from typing import Any

from tidegate.cells.cell import Cell, Initial
from tidegate.equations.functions import mean, sigmoid, sqrt, tanh

_GATES = ("input", "forget", "candidate", "output")
_SMALL = 1e-5


def _normal(*parts: Any) -> tuple[Any, ...]:
    """Return parts less their common mean, over their common standard deviation, over the units of all of them."""
    share = 1 / len(parts)
    middle = share * mean(sum(parts[1:], parts[0]))
    away = tuple(part - middle for part in parts)
    squares = [part * part for part in away]
    inverse = 1 / sqrt(share * mean(sum(squares[1:], squares[0])) + _SMALL)
    return tuple(part * inverse for part in away)


class LayerNorm(Cell):
    """An LSTM whose input part, recurrent part and memory are each normalised over the units at every step.

    `x_<gate>` and `h_<gate>` are the gains of `W x` and `U h`, `shift_<gate>` the bias that is added to their sum, and
    `gain` and `shift` those of the memory. The layer's own biases stand inside the normalisation and start at 0. When
    to use it: deep or hard to train networks, and small batches; a step needs six sums over the units.
    """

    title = "Layer-normalised LSTM"
    paper = "Ba, Kiros, Hinton, 'Layer normalization', 2016, equations 20 to 22"
    gates = _GATES
    split = _GATES
    states = ("h", "c")
    weights = (
        *(f"{part}_{gate}" for part in ("x", "h", "shift") for gate in ("input", "forget", "candidate", "output")),
        "gain",
        "shift",
    )
    initial = Initial(
        weights={
            **{f"{part}_{gate}": 1.0 for part in ("x", "h") for gate in ("input", "forget", "candidate", "output")},
            "shift_forget": 1.0,
            "gain": 1.0,
        }
    )

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h` and memory `c`."""
        x = _normal(z.input.x, z.forget.x, z.candidate.x, z.output.x)
        h = _normal(z.input.h, z.forget.h, z.candidate.h, z.output.h)
        write = sigmoid(w.x_input * x[0] + w.h_input * h[0] + w.shift_input)
        keep = sigmoid(w.x_forget * x[1] + w.h_forget * h[1] + w.shift_forget)
        candidate = tanh(w.x_candidate * x[2] + w.h_candidate * h[2] + w.shift_candidate)
        show = sigmoid(w.x_output * x[3] + w.h_output * h[3] + w.shift_output)
        c = keep * prev.c + write * candidate
        (normal,) = _normal(c)
        return show * tanh(w.gain * normal + w.shift), c
