"""Where every forecast that is shown to anyone comes from: finite, in the data's units, its columns named."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from tidegate.errors import DataError, TidegateWarning
from tidegate.forecasting.context import Context, NextForecast
from tidegate.forecasting.finite import finite, quiet
from tidegate.forecasting.frames import forecast_columns
from tidegate.forecasting.intervals import check_levels
from tidegate.forecasting.recursive import CHUNK
from tidegate.forecasting.scaling import Scale
from tidegate.forecasting.table_model import TableModel
from tidegate.forecasting.transforming import mean_by_median
from tidegate.forecasting.window_predictor import WindowPredictor
from tidegate.forecasting.windows import RawWindow, Windows
from tidegate.tables.clock import Clock
from tidegate.tables.frequency import season_of
from tidegate.tables.gradual import GradualFilling
from tidegate.tables.panel import Panel
from tidegate.tables.series_ids import SeriesIds

if TYPE_CHECKING:
    from tidegate.forecasting.window_model import WindowModel


class Predictor:
    """Forecasts with a model that was fitted on a table; the only way from windows to numbers that anyone is shown.

    `Forecaster.predict`, the service, streams and the backtest all come here: intervals are added, the scaling is
    undone, every number is finite, and columns get their names. Settings are those of `fit`.

    Attributes:
        settings: of the fit, with what the table showed.
        columns: what a row holds: the targets, then past covariates, then those known ahead.
        needed: rows from which a context can be forecast.
        steps: the horizon.
        known_ahead: names of the columns known ahead.
        texts: the known values of the columns of text; rows hold their codes.
        roles: the roles of the table's columns.
        clock: how this model's time stamps are read, counted and written.
        gaps: whether missing values are allowed.
        fills: whether they are filled from what is known around them.
        dated: whether the calendar is read.
        series: the series of the fit, and their numbers.
    """

    def __init__(self, model: TableModel) -> None:
        self._model, self.settings = model, model.preprocessor.settings
        self.roles = model.preprocessor.columns
        shape, newest = model.preprocessor.shape, model.newest
        self.columns = (*self.roles.targets, *self.roles.past, *self.roles.future)
        self.known_ahead = self.roles.future
        self.texts = self.roles.texts
        self.steps = self.settings.horizon
        self.gaps = self.settings.missing != "refuse"
        self.needed = 1 if self.settings.short_series == "pad" else shape.context
        self.fills = self.settings.missing not in ("refuse", "mask")
        self.clock = Clock(self.roles, newest.freq, newest.times.dtype)
        self.dated = bool(shape.features.calendar)
        self._corrects = model.gives_means and len(model.residuals) > 0
        self.series = SeriesIds(newest.ids.tolist())
        self._only = newest.ids[0] if self.roles.id is None and len(newest.ids) == 1 else None
        self.level_problem = lru_cache(maxsize=64)(self._level_problem)
        self.names = lru_cache(maxsize=64)(lambda levels: forecast_columns(self.roles, self.settings, levels))

    def follow(self, panel: Panel, future: np.ndarray, times: np.ndarray, levels: tuple[float, ...] = ()) -> np.ndarray:
        """Forecast what follows each series of a panel.

        Args:
            panel: history, as `TableModel.usable` returns it.
            future: (N, S, Q) covariates known ahead.
            times: (N, S) time stamps ahead.
            levels: interval levels in percent.

        Returns:
            (N, S, columns) in the data's units; `names(levels)` names the columns.

        Raises:
            DataError: a forecast is not finite, or there are too few errors for a level; SettingError: a level that
                the network did not learn.
        """
        preprocessor = self._model.preprocessor
        return self._follow(panel, preprocessor.fill(panel), future, times, levels)

    def _follow(
        self, panel: Panel, filled: Panel, future: np.ndarray, times: np.ndarray, levels: tuple[float, ...]
    ) -> np.ndarray:
        preprocessor = self._model.preprocessor
        scale = preprocessor.scale_of(panel)
        return self._forecast(preprocessor.newest(filled, scale, future, times), scale, levels)

    def _forecast(self, raw: RawWindow, scale: Scale, levels: tuple[float, ...]) -> np.ndarray:
        change = self._model.preprocessor.shape.change_of(raw) if self._reads_change(levels) else 1.0
        return self._finished(self._model.scaled(raw), scale, levels, change)

    def inside(self, panel: Panel, windows: Windows, indices: Tensor, levels: tuple[float, ...] = ()) -> np.ndarray:
        """Forecasts (W, S, columns) of windows inside a panel, in the data's units; `names(levels)` names the columns.

        Args:
            panel: history and truth.
            windows: those that `TableModel.windows` cut from them.
            indices: (W,) which of them.
            levels: interval levels in percent.

        Raises:
            DataError: a forecast is not finite.
        """
        preprocessor = self._model.preprocessor
        known = preprocessor.knows(panel.ids).all()
        # The scale of a new series follows from the rows before an origin, so each window is forecast as those rows.
        scale, filled = (preprocessor.scale_of(panel), None) if known else (None, preprocessor.fill_gradually(panel))
        forecasts = []
        for chunk in indices.split(CHUNK):  # no more are held at once than needed
            rows, series = (each.numpy() for each in windows.locate(chunk))
            if scale is not None:
                forecasts.append(self._forecast(windows.raw(chunk)[0], scale.of(series), levels))
            elif filled is not None:
                forecasts.append(self._from(panel, filled, rows, series, levels))
        return np.concatenate(forecasts)

    def _from(
        self,
        panel: Panel,
        filled: GradualFilling,
        rows: np.ndarray,
        series: np.ndarray,
        levels: tuple[float, ...],
    ) -> np.ndarray:
        """Forecasts of origins at these rows of a panel from the newest rows before each."""
        reach = self._model.preprocessor.own_rows
        before, ahead = (each.before(rows, series, reach) for each in (panel, filled))
        steps = rows[:, None] + np.arange(self.steps)
        return self._follow(before, ahead, filled.first.future[steps], panel.times[steps], levels)

    def _finished(
        self, scaled: np.ndarray, scale: Scale, levels: tuple[float, ...], change: np.ndarray | float = 1.0
    ) -> np.ndarray:
        """From the network's outputs (N, S, K, outputs) to finite numbers in the data's units (N, S, columns)."""
        intervals = self._model.intervals
        with quiet():
            values = self._model.preprocessor.unscale(intervals.around(scaled, levels, change), scale)
            if self._corrects:
                unit = change * scale.spread[:, None, : values.shape[2]]
                values[..., 0] *= mean_by_median(intervals.variance * unit**2, self.settings.transform)
        return finite(values).reshape(*values.shape[:2], -1)

    def _reads_change(self, levels: tuple[float, ...]) -> bool:
        """Whether a forecast with these intervals asks how much its window changes."""
        return self._model.intervals.by_window and bool(levels or self._corrects)

    def check(self, context: Context, levels: tuple[float, ...]) -> None:
        """Raise the error that `predict` would, before any work is done.

        Raises:
            DataError: the context cannot be forecast; SettingError: these levels cannot.
        """
        self.check_levels(levels)
        if len(context.rows) < self.needed:
            raise DataError(f"the model needs {self.needed} rows of history and got {len(context.rows)}; give more")
        if self.dated and context.times is None:
            raise DataError("the model reads the calendar, so every row needs its time; give times")
        if context.future.shape != (self.steps, len(self.known_ahead)):
            raise DataError(
                f"the model needs values ahead of {', '.join(self.known_ahead)}: {self.steps} rows of "
                f"{len(self.known_ahead)}; give them as future"
            )
        self.own_series(context.series)

    def kept_rows(self, series: object) -> int:
        """The newest rows of a series that can influence a forecast, apart from what fills a gap they begin with."""
        preprocessor = self._model.preprocessor
        season = season_of(self.settings, self._model.newest) if self.settings.missing == "seasonal" else -1
        # A value one season earlier counts as known only where it was; the first row may have been filled.
        rows = preprocessor.shape.context + 1 + season
        own = self._only if series is None else series
        return rows if preprocessor.knows(np.array([own], dtype=object)).all() else max(rows, preprocessor.own_rows)

    def check_levels(self, levels: tuple[float, ...]) -> None:
        """Raise a SettingError or DataError for interval levels that this model cannot give."""
        problem = self.level_problem(levels)
        if problem is not None:
            raise type(problem)(str(problem))

    def warn_of_levels(self, levels: tuple[float, ...]) -> None:
        """Warn of interval levels that rest on an assumption, for want of validation windows."""
        for sentence in self.assumptions(levels):
            warnings.warn(sentence, TidegateWarning, stacklevel=3)

    def assumptions(self, levels: tuple[float, ...]) -> list[str]:
        """What intervals of these levels rest on, a sentence for each that lacks validation windows."""
        return [sentence for level in levels if (sentence := self._model.intervals.assumption(level))]

    def gives(self, level: float) -> bool:
        """Whether this model can give intervals of this level."""
        return self.level_problem((level,)) is None

    @property
    def newest_times(self) -> np.ndarray:
        """The stamps of the rows that the model was fitted on last."""
        return self._model.newest.times

    def own_series(self, series: object) -> object:
        """The series as the table of the fit wrote it; None stays None.

        Raises:
            DataError: the model was not fitted on it, or it is None and the model needs to know its static values.
        """
        if series is not None and self.roles.id is None and series not in self.series:
            raise DataError(f"the model's table named no series, so {str(series)[:100]!r} is none; leave series out")
        if series is not None:
            return self._model.newest.ids[self.series.number(series)]
        if self.roles.static:
            raise DataError(
                f"the model has static columns ({', '.join(self.roles.static)}), so series must name one that it was "
                "fitted on"
            )
        return None

    def predict(self, contexts: Sequence[Context], levels: tuple[float, ...] = ()) -> list[NextForecast]:
        """Forecast what follows each context; the same numbers as `Forecaster.predict` on those rows.

        Raises:
            DataError: a context cannot be forecast, or its forecast is not finite.
        """
        (panel, known, ahead), fill = self._panel(contexts), self._model.preprocessor.fill
        filled = fill(panel if not self.fills else self._anchored(panel, contexts))
        names, values = self.names(levels), self._follow(panel, filled, known, ahead, levels)
        return [self._named(context, names, values[i]) for i, context in enumerate(contexts)]

    def _anchored(self, panel: Panel, contexts: Sequence[Context]) -> Panel:
        """The panel of contexts with what is missing in their first rows filled from what was known before them."""
        if all(context.anchors is None for context in contexts):
            return panel
        rows = np.concatenate(
            [
                context.rows
                if context.anchors is None
                else context.anchors.before(context.rows, self.settings.missing, self._coded)
                for context in contexts
            ]
        )
        targets, past, future = self._by_role(rows)
        return replace(panel, targets=targets, past=past, future=future)

    @property
    def _coded(self) -> list[int]:
        return [number for number, name in enumerate(self.columns) if name in self.texts]

    def _by_role(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        targets, past = len(self.roles.targets), len(self.roles.past)
        return rows[:, :targets], rows[:, targets : targets + past], rows[:, targets + past :]

    def _panel(self, contexts: Sequence[Context]) -> tuple[Panel, np.ndarray, np.ndarray]:
        newest = self._model.newest
        count = len(contexts)
        rows = np.concatenate([context.rows for context in contexts])
        starts = np.zeros(count + 1, dtype=np.int64)
        np.cumsum([len(context.rows) for context in contexts], out=starts[1:])
        stamps, ahead = np.arange(len(rows)), np.zeros((count, self.steps), dtype=np.int64)
        if self.dated:
            stamps = np.concatenate([context.times for context in contexts])  # pyright: ignore[reportArgumentType, reportCallIssue]
            ahead = self.clock.ahead(stamps[starts[1:] - 1], self.steps)
        ids = np.empty(count, dtype=object)
        names = [self.own_series(context.series) for context in contexts]
        ids[:] = [self._only if name is None else name for name in names]
        static = np.zeros((count, newest.static.shape[1]))
        if static.shape[1]:
            static = newest.static[[self.series.number(name) for name in names]]
        panel = Panel(ids, starts, stamps, newest.freq, *self._by_role(rows), static)
        return panel, np.stack([context.future for context in contexts]), ahead

    def _named(self, context: Context, names: tuple[str, ...], values: np.ndarray) -> NextForecast:
        name = self.roles.time or self.settings.time_col
        if context.times is None:
            return NextForecast(name, np.arange(self.steps), names, values)
        return NextForecast(name, self.clock.ahead(context.times[-1], self.steps), names, values, self.clock)

    def _level_problem(self, levels: tuple[float, ...]) -> Exception | None:
        try:
            check_levels(levels)
            intervals = self._model.intervals
            intervals.around(
                np.zeros((1, self.steps, len(self.roles.targets), len(intervals.quantiles or (0.5,)))), levels
            )
        except ValueError as problem:
            return problem
        return None


AnyPredictor = Predictor | WindowPredictor


def predictor_of(model: TableModel | WindowModel) -> AnyPredictor:
    """The predictor of a fitted model."""
    return Predictor(model) if isinstance(model, TableModel) else WindowPredictor(model)
