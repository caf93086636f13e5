"""The last known values before the rows that a stream keeps, so that a gap that began there is filled from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from tidegate.arrays import as_numbers
from tidegate.forecasting.observations import LARGEST


class Anchors:
    """What forgotten rows still say about the rows after them.

    Attributes:
        values: (C,) the last known value of each column before the first row that is kept; NaN where there is none.
        ages: (C,) how many rows before that first row each was observed; at least 1.
    """

    def __init__(self, columns: int) -> None:
        """Begin with nothing forgotten."""
        self.values = np.full(columns, np.nan)
        self.ages = np.ones(columns, dtype=np.int64)

    def forget(self, rows: np.ndarray) -> None:
        """Take in rows (R, C), in order, that are kept no longer."""
        for row in rows:
            self.ages += 1
            known = row == row
            self.values[known], self.ages[known] = row[known], 1

    def age(self, rows: int) -> None:
        """Let so many rows without any value pass."""
        self.ages += rows

    def before(self, rows: np.ndarray, method: str, coded: Collection[int] = ()) -> np.ndarray:
        """The rows (R, C) with what is missing in the first of them filled, as with all rows before it at hand.

        Every other gap is then filled as it would be there: by the same value (columns of codes always are), or on the
        same straight line.
        """
        missing = np.isnan(rows[0]) & ~np.isnan(self.values)
        if not missing.any():
            return rows
        rows = rows.copy()
        for column in np.flatnonzero(missing):
            value, known = self.values[column], np.flatnonzero(~np.isnan(rows[:, column]))
            if len(known) and method != "forward" and column not in coded:
                age = self.ages[column]
                value += (rows[known[0], column] - value) * age / (age + known[0])
            rows[0, column] = value
        return rows

    def state(self) -> dict[str, Any]:
        """The anchors as JSON values, for `restore`."""
        values = [None if value != value else value for value in self.values.tolist()]
        return {"values": values, "ages": self.ages.tolist()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`.

        Raises:
            ValueError, TypeError, KeyError, OverflowError: it is none.
        """
        values, ages = as_numbers(state["values"], "the anchors"), np.array(state["ages"])
        if values.shape != self.values.shape or ages.shape != values.shape or ages.dtype.kind != "i":
            raise ValueError("anchors of another shape")
        if not (np.isnan(values) | (np.abs(values) < LARGEST)).all() or ages.min(initial=1) < 1:
            raise ValueError("anchors that cannot be")
        self.values, self.ages = values, ages.astype(np.int64)
