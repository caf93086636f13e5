"""The LSTM with a block-sparse recurrent matrix."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar

from tidegate.cells.lstm import LSTM

_SIDE = 16


class Sparse(LSTM):
    """An LSTM of which only some 16 x 16 blocks of units are connected through `U`.

    `density` is the share of blocks that there are; those on the diagonal always are, and the others are drawn once,
    the same for the same number of units. When to use it: many units on a small budget, since time falls with density.
    """

    title = "Block-sparse LSTM"
    paper = (
        "Narang, Undersander, Diamos, 'Block-sparse recurrent neural networks', 2017; Gray, Radford, Kingma, "
        "'GPU kernels for block-sparse weights', 2017"
    )
    density: ClassVar[float] = 0.25

    @classmethod
    def mask(cls, units: int) -> Sequence[Sequence[int]]:
        """Return the blocks' units."""
        side = -(-units // _SIDE)
        others = [(row, column) for row in range(side) for column in range(side) if row != column]
        count = max(0, min(len(others), round(cls.density * side * side) - side))
        chosen = {*random.Random(units).sample(others, count), *((row, row) for row in range(side))}
        return [[int((row // _SIDE, column // _SIDE) in chosen) for column in range(units)] for row in range(units)]
