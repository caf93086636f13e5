"""How well several methods did on the same data: what tables of errors are made of, in a report and on the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.reporting.formats import column_texts


@dataclass(frozen=True)
class MetricColumn:
    """One metric of every method.

    Attributes:
        heading: its name as a table shows it.
        values: method -> value, NaN where it is undefined.
        higher_is_better: as accuracy, unlike an error.
        decimals: how many to show; None for as many as the smallest value needs.
    """

    heading: str
    values: Mapping[str, float]
    higher_is_better: bool = False
    decimals: int | None = None

    @property
    def texts(self) -> dict[str, str]:
        """Method -> value, to stand under one another."""
        return column_texts(self.values, self.decimals)

    @property
    def best(self) -> set[str]:
        """The methods than which none is better."""
        known = [value for value in self.values.values() if not math.isnan(value)]
        best = (max if self.higher_is_better else min)(known, default=math.nan)
        return {method for method, value in self.values.items() if value == best}


@dataclass(frozen=True)
class Scores:
    """Methods beside one another.

    Attributes:
        method: the one that was trained; the others are what it has to beat.
        names: method -> its name in words, in the order to show.
        metrics: the columns; each has a value for every method.
    """

    method: str
    names: Mapping[str, str]
    metrics: tuple[MetricColumn, ...]
