"""How a forecaster of tables is judged: beside naive forecasts, at several ends of a table, row by row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.intervals import as_levels
from tidegate.forecasting.refit import refit_or_keep
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.table_model import TableModel
from tidegate.settings import check_settings
from tidegate.tables.building import build_panel
from tidegate.tables.panel import Panel
from tidegate.tables.reading import as_kind, frame_kind
from tidegate.training.hooks import TrainingHooks

if TYPE_CHECKING:
    from tidegate.forecasting.evaluation.leakage import LeakageReport
    from tidegate.forecasting.evaluation.result import BacktestResult
    from tidegate.training.progress import Progress


class Judged(ABC):
    """What `Forecaster` can be asked about how good its forecasts are."""

    model_: TableModel

    def score(self, data: Any, y: Any = None) -> float:
        """R² of the forecasts of every window that fits into a table; `y` is nothing, as in `fit`."""
        from tidegate.forecasting.evaluation.backtest import score_panel

        refuse_targets(y)
        return score_panel(self.fitted(), self.panel(data))

    def backtest(
        self,
        data: Any,
        *,
        test_size: float = 0.2,
        checkpoint: str | Path | None = None,
        progress: Progress | None = None,
        tensorboard: str | Path | None = None,
        refit: bool = True,
    ) -> BacktestResult:
        """Fit on the first rows of each series and judge on the last, beside naive forecasts of the same windows.

        Args:
            data: as for `fit`.
            test_size: last share (0.2) or number (24) of each series' rows, used once, after training.
            checkpoint, progress, tensorboard: as for `fit`, while the network to be judged is trained.
            refit: train anew on all rows once the verdict is known, for the best number of epochs and from the same
                seed, so that `predict()` has learned from the newest rows too. Without it the forecaster stays fitted
                on the training rows.

        Returns:
            The result: verdict, errors, forecasts, on the network that had not seen the test rows; and the forecast of
            what follows. `predict()` continues the whole table.
        """
        from tidegate.forecasting.evaluation.ahead import with_forecast
        from tidegate.forecasting.evaluation.backtest import backtest

        settings = self.settings()
        check_settings(settings)
        panel, columns = build_panel(data, settings)
        hooks = TrainingHooks.of(progress, checkpoint, tensorboard)
        self.model_, result = backtest(settings, panel, columns, test_size, hooks)
        if refit:
            judged = self.model_
            self.model_, problem = refit_or_keep(judged, panel, columns, TrainingHooks())
            result = result.noting(problem)
            refit = self.model_ is not judged
        return with_forecast(result, self.model_, None, (), refitted=refit).in_frames_of(frame_kind(data))

    def cross_validate(self, data: Any, *, folds: int = 3, test_size: float = 0.1) -> list[BacktestResult]:
        """Judge fresh copies of this forecaster on consecutive test parts at the end of the table, oldest first.

        Each copy is trained on all rows before its own test part (a rolling origin with a growing window); this
        forecaster stays as it is.

        Args:
            data: as for `fit`.
            folds: number of test parts.
            test_size: share or number of each series' rows in one test part.
        """
        from tidegate.forecasting.evaluation.backtest import cross_validate

        settings = self.settings()
        check_settings(settings)
        return [fold.in_frames_of(frame_kind(data)) for fold in cross_validate(settings, data, folds, test_size)]

    def cross_validation(
        self,
        df: Any,
        *,
        n_windows: int = 3,
        step_size: int | None = None,
        h: int | None = None,
        refit: bool | int = True,
        level: Sequence[float] | float = (),
    ) -> pd.DataFrame:
        """Forecast the last windows of each series from what was known before them, naive forecasts beside.

        Every network is a fresh copy that was trained on rows before its windows alone; this forecaster stays as it
        is. A series too short for a window has none of it.

        Args:
            df: a table, as for `fit`.
            n_windows: windows at the end of each series.
            step_size: rows from one window to the next; None for as many as a window has.
            h: rows of a window; None for the horizon of the settings.
            refit: train for every window (True), for the first alone (False), or for each so many.
            level: percentages of prediction intervals, such as `[80, 90]` or 80.

        Returns:
            One row per window, series and step: unique_id, ds, cutoff (last known time), y (NaN where unknown), the
            network's column and its bounds, and one column per naive forecast, as `utilsforecast.evaluate` takes them.
            With several targets one row for each, in a column `target` before y.

        Raises:
            SettingError: a count cannot be used, or a level.
            DataError: the table cannot be used, or is too short for so many windows.
        """
        from tidegate.forecasting.evaluation.cross_validation import cross_validation

        settings = self.settings() if h is None else replace(self.settings(), horizon=h)
        check_settings(settings)
        found = cross_validation(
            settings, df, n_windows=n_windows, step_size=step_size, refit=refit, levels=as_levels(level)
        )
        return as_kind(found, frame_kind(df))

    def detect(self, data: Any, *, level: float = 99) -> pd.DataFrame:
        """Mark the rows of a table that lie outside the interval forecast for them from the rows before.

        Of rows that follow no other law than those of the fit, 100 - level percent are marked: that is the rate of
        false alarms. Rows that the network was trained on are forecast better than that, and fewer of them are marked.

        Args:
            data: a table, as for `predict`.
            level: percentage of the interval.

        Returns:
            A frame with the input's own id and time columns, the target, the forecast and its bounds as of `predict`,
            and `anomaly` (`anomaly-<target>` for several targets), false where the target is unknown. Rows without
            history enough are left out.

        Raises:
            DataError: the data cannot be used as they are, or are too short.
            SettingError: the network did not learn the level.
        """
        from tidegate.forecasting.evaluation.anomalies import detect

        model = self.fitted()
        return as_kind(detect(model, model.usable(self.panel(data)), level), self.kind(data))

    def check_leakage(
        self,
        data: Any,
        prepare: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
        *,
        test_size: float = 0.2,
    ) -> LeakageReport:
        """Alter the future of a table and report every forecast that moved.

        Args:
            data: a table with all the columns of `fit`.
            prepare: your own preparation of the table (scaling, rolling means, …), tested with it.
            test_size: last share or number of each series' rows, from which `prepare` must not learn; it may from
                those before.
        """
        from tidegate.forecasting.evaluation.leakage import check_leakage

        return check_leakage(self.fitted(), self.panel, data, prepare, test_size)

    @abstractmethod
    def settings(self) -> ForecasterSettings:
        """The settings for the next fit."""

    @abstractmethod
    def fitted(self) -> TableModel:
        """The fitted model."""

    @abstractmethod
    def panel(self, data: Any) -> Panel:
        """Read a table with what the fit found."""

    @abstractmethod
    def kind(self, data: Any) -> str:
        """Which frames answer these data."""


def refuse_targets(y: Any) -> None:
    """Refuse what scikit-learn calls y, where it is anything.

    Raises:
        DataError: it is.
    """
    if y is not None:
        raise DataError(
            "Forecaster takes a table alone, whose target is one of its columns; for windows X with what follows them, "
            "y, use tidegate.WindowRegressor"
        )
