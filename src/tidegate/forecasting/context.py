"""What a predictor reads, the newest rows of a series, and what it answers, the forecast of what follows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tidegate.forecasting.anchors import Anchors
from tidegate.tables.clock import Clock


@dataclass(frozen=True)
class Context:
    """The newest rows of one series, and what is known ahead of it.

    Attributes:
        rows: (R, C) float64 in the order of `Predictor.columns`; NaN where missing.
        times: (R,) stamps as a panel holds them, or None when the rows are only numbered.
        future: (S, Q) covariates known ahead.
        series: the series of `fit` that this is, or None for a new one.
        anchors: the last known values before `rows`, from which a gap that they begin with is filled.
    """

    rows: np.ndarray
    times: np.ndarray | None
    future: np.ndarray
    series: object = None
    anchors: Anchors | None = None


@dataclass(frozen=True)
class NextForecast:
    """The forecast of the next S steps.

    Attributes:
        time_name: name of the time column.
        stamps: (S,) as a panel holds them; step numbers when the context had no times.
        columns: names of the forecast columns, as `Forecaster.predict` gives them.
        values: (S, columns) float64.
    """

    time_name: str
    stamps: np.ndarray
    columns: tuple[str, ...]
    values: np.ndarray
    clock: Clock | None = None

    @property
    def times(self) -> np.ndarray | pd.Series:
        """(S,) stamps in the table's own terms; step numbers when the context had no times."""
        return self.stamps if self.clock is None else self.clock.restore(self.stamps)

    def texts(self) -> list[Any]:
        """The stamps as JSON has them."""
        return self.stamps.tolist() if self.clock is None else self.clock.texts(self.stamps)

    def __getitem__(self, column: str) -> np.ndarray:
        return self.values[:, self.columns.index(column)]

    def to_frame(self) -> pd.DataFrame:
        """The forecast as a frame: the time column, then the forecast columns."""
        data = dict(zip(self.columns, self.values.T, strict=True))
        return pd.DataFrame({self.time_name: self.times, **data})
