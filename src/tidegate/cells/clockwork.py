"""The network whose parts tick at their own periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tidegate.cells.cell import Cell
from tidegate.equations.functions import floor, tanh


class Clockwork(Cell):
    """A tanh network in groups of units, each of which changes only at multiples of its own period.

    The first group has the first of `periods`; a group reads those of its own period and longer. `phase` counts the
    steps since a unit last changed, so that a sequence may come in pieces. When to use it: several time scales at once,
    such as hours, days and weeks.
    """

    title = "Clockwork RNN"
    paper = "Koutník, Greff, Gomez, Schmidhuber, 'A clockwork RNN', ICML 2014, section 3"
    gates = ("hidden",)
    states = ("h", "phase")
    constants = ("period",)
    periods: ClassVar[tuple[int, ...]] = (1, 2, 4, 8)

    @classmethod
    def constant_values(cls, units: int) -> Mapping[str, Sequence[float]]:
        """Return each unit's period; groups are as equal as the units allow."""
        return {"period": [float(cls.periods[unit * len(cls.periods) // units]) for unit in range(units)]}

    @classmethod
    def mask(cls, units: int) -> Sequence[Sequence[int]]:
        """Return which units have the same period or a longer one."""
        period = cls.constant_values(units)["period"]
        return [[int(theirs >= own) for theirs in period] for own in period]

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new output `h` and `phase`."""
        tick = floor(1 - prev.phase / w.period)  # 1 when the phase is 0, else 0
        count = prev.phase + 1
        return tick * tanh(z.hidden) + (1 - tick) * prev.h, count - w.period * floor(count / w.period)
