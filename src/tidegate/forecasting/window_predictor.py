"""Forecasts with a model of plain arrays, as `tidegate.forecasting.predictor.Predictor` makes those of tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tidegate.errors import DataError
from tidegate.forecasting.context import Context, NextForecast
from tidegate.forecasting.finite import finite, quiet
from tidegate.tables.clock import Clock
from tidegate.tables.series_ids import SeriesIds

if TYPE_CHECKING:
    from tidegate.forecasting.window_model import WindowModel


class WindowPredictor:
    """Forecasts with a model that was fitted on windows of plain arrays; attributes as `Predictor` has them."""

    def __init__(self, model: WindowModel) -> None:
        self._model = model
        self.columns = ("x",) if model.features == 1 else tuple(f"x{i}" for i in range(model.features))
        self.known_ahead: tuple[str, ...] = ()
        self.texts: dict[str, list[str]] = {}
        self.steps = model.shape[0] if model.shape else 1
        self.gaps, self.fills, self.dated = False, False, False
        self.needed = model.lookback
        self.clock: Clock | None = None
        self.series = SeriesIds(())
        outputs = model.shape[1] if len(model.shape) > 1 else 1
        self._names = ("y",) if outputs == 1 else tuple(f"y{i}" for i in range(outputs))

    def follow(self, windows: np.ndarray) -> np.ndarray:
        """Forecast what follows each window (n, L, F), in the shape that y had.

        Raises:
            DataError: a forecast is not finite.
        """
        with quiet():
            return finite(self._model.forecast(windows))

    def predict(self, contexts: Sequence[Context], levels: tuple[float, ...] = ()) -> list[NextForecast]:
        """Forecast what follows each context: the newest `needed` rows of it as one window."""
        windows = np.stack([context.rows[-self.needed :] for context in contexts])
        values = self.follow(windows).reshape(len(contexts), self.steps, -1)
        return [NextForecast("step", np.arange(self.steps), self._names, each) for each in values]

    def names(self, levels: tuple[float, ...]) -> tuple[str, ...]:
        """Names of the forecast columns."""
        return self._names

    def check(self, context: Context, levels: tuple[float, ...]) -> None:
        """Raise the error that `predict` would, before any work is done."""
        self.check_levels(levels)
        if len(context.rows) < self.needed:
            raise DataError(f"the model needs windows of {self.needed} rows, not {len(context.rows)}; give as many")
        if context.future.size:
            raise DataError("a model of plain arrays knows no columns ahead; leave future out")

    def check_levels(self, levels: tuple[float, ...]) -> None:
        """Raise a DataError for any interval level: there are no validation errors to make one from."""
        if levels:
            raise DataError("a model of plain arrays has no intervals; leave level out, or fit on a table")

    def gives(self, level: float) -> bool:
        """Whether this model can give intervals of this level: never."""
        return False

    def own_series(self, series: object) -> object:
        """None; raises a DataError for any series, for windows have none."""
        if series is not None:
            raise DataError("a model of plain arrays knows no series; leave series out")
        return None

    def kept_rows(self, series: object) -> int:
        """The newest rows that can influence a forecast."""
        return self.needed
