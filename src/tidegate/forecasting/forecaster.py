"""The forecaster: a table in, a forecast out; scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from tidegate.forecasting import persistence
from tidegate.forecasting.frames import forecast_frame, future_frame, read_future
from tidegate.forecasting.intervals import as_levels
from tidegate.forecasting.judged import Judged, refuse_targets
from tidegate.forecasting.predictor import Predictor
from tidegate.forecasting.refit import fit
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.table_model import TableModel
from tidegate.forecasting.window_model import WindowModel
from tidegate.settings import check_settings, taken_from
from tidegate.tables.building import build_panel
from tidegate.tables.columns import Columns
from tidegate.tables.frequency import times_ahead
from tidegate.tables.panel import Panel
from tidegate.tables.reading import as_kind, frame_kind, read_table
from tidegate.training.hooks import TrainingHooks

if TYPE_CHECKING:
    from tidegate.forecasting.streaming import Stream
    from tidegate.training.progress import Progress


class Forecaster(Judged, ForecasterSettings, RegressorMixin, BaseEstimator):
    """Forecast one or many time series with a recurrent network, or one of another sequence layer.

    Every setting is a keyword of the constructor; `help(tidegate.ForecasterSettings)` and
    `tidegate forecast fit --help` explain them. They count when it is fitted: changing one afterwards, with
    `set_params`, changes the next fit and no forecast before it. Windows that you have cut yourself are for
    `tidegate.WindowRegressor`.

    Attributes:
        model_: the fitted model.

    Example:
        >>> import numpy as np, pandas as pd, tidegate
        >>> hours = pd.date_range("2026-01-01", periods=300, freq="h")
        >>> frame = pd.DataFrame({"ds": hours, "y": np.sin(np.arange(300) * 2 * np.pi / 24)})
        >>> forecaster = tidegate.Forecaster(lookback=24, horizon=6, epochs=2)
        >>> forecaster.fit(frame).predict().columns.tolist()
        ['ds', 'LSTM']
    """

    model_: TableModel

    def fit(
        self,
        data: Any,
        y: Any = None,
        *,
        checkpoint: str | Path | None = None,
        progress: Progress | None = None,
        tensorboard: str | Path | None = None,
    ) -> Forecaster:
        """Train.

        Args:
            data: a table: path, pandas or polars frame, NumPy series.
            y: nothing; scikit-learn's tools pass it.
            checkpoint: file written after every epoch; when it exists, training carries on from it.
            progress: a live line, `tidegate.Progress(epochs=…)`, or anything with its `on_epoch` and `on_step`.
            tensorboard: folder for TensorBoard's event files.

        Raises:
            SettingError: a setting cannot be used.
            DataError: the data cannot be used as they are; the message says where and what to do.
        """
        check_settings(self)
        hooks = TrainingHooks.of(progress, checkpoint, tensorboard)
        refuse_targets(y)
        self.model_ = fit(self.settings(), *build_panel(data, self.settings()), hooks)
        return self

    def predict(self, data: Any = None, future: Any = None, *, level: Sequence[float] | float = ()) -> pd.DataFrame:
        """Forecast what follows the data.

        Args:
            data: history with all the columns of `fit`, of known or new series, or a `panel` of one; None continues the
                rows of `fit`.
            future: `future_frame()` filled in, when there are covariates known ahead.
            level: percentages of prediction intervals, such as `[80, 90]` or 80.

        Returns:
            A frame with the input's own id and time columns, future time stamps and a column named after the model
            (`<model>-<target>` for several targets), with `<model>-lo-90` and `<model>-hi-90` for `level=[90]`; of
            polars where `data`, or else the table of the fit, was.

        Raises:
            DataError: the data cannot be used as they are, or a forecast is not finite.
            SettingError: the network did not learn a level.
        """
        model, predictor, levels = self.fitted(), self.predictor(), as_levels(level)
        predictor.check_levels(levels)
        predictor.warn_of_levels(levels)
        panel = model.newest if data is None else model.usable(self.panel(data))
        roles, settings, times = predictor.roles, predictor.settings, times_ahead(panel, predictor.steps)
        known = read_future(None if future is None else read_table(future), panel, roles, settings, times)
        values = predictor.follow(panel, known, times, levels)
        frame = forecast_frame(panel, roles, settings, times, predictor.names(levels), values)
        return as_kind(frame, self.kind(data))

    def future_frame(self, data: Any = None) -> pd.DataFrame:
        """The series and times that `predict(data)` will forecast, with the columns known ahead to be filled in.

        A frame of polars where `data`, or else the table of the fit, was.
        """
        model, predictor = self.fitted(), self.predictor()
        panel = model.newest if data is None else model.usable(self.panel(data))
        frame = future_frame(panel, predictor.roles, predictor.settings, times_ahead(panel, predictor.steps))
        return as_kind(frame, self.kind(data))

    def update(self, data: Any) -> Forecaster:
        """Carry on training with the rows that follow those seen so far; scaling stays as it was fitted.

        Rows seen already are left out, with a note.

        Raises:
            DataError: there are no new rows, rows between are missing, or rows seen already have other values now.
        """
        self.fitted().update(self.panel(data), TrainingHooks())
        return self

    def stream(self, series: object = None, *, level: Sequence[float] | float = ()) -> Stream:
        """Start a stream: push one observation, get the next forecast; see `tidegate.forecasting.streaming.Stream`.

        Args:
            series: the series of `fit` whose scale and static values to use; None for a new one.
            level: interval levels in percent, for every forecast.
        """
        from tidegate.forecasting.streaming import Stream

        predictor = self.predictor()
        stream = Stream(predictor, series=series, level=as_levels(level))
        predictor.warn_of_levels(stream.level)
        return stream

    def save(self, folder: str | Path) -> None:
        """Save to a model folder: `config.json` and `weights.safetensors`, no pickle."""
        persistence.save(Path(folder), self.fitted())

    @classmethod
    def load(cls, folder: str | Path) -> Forecaster:
        """Load a model folder that `save` wrote.

        One that an older version saved after `fit(X, y)` gives a `WindowRegressor`.

        Raises:
            ModelFolderError: the folder is missing, damaged or of another version.
        """
        model = persistence.load_table_model(Path(folder))
        if isinstance(model, WindowModel):
            from tidegate.forecasting.window_regressor import WindowRegressor

            return WindowRegressor.of(model)  # pyright: ignore[reportReturnType]
        forecaster = cls(**vars(model.settings))
        forecaster.model_ = model
        return forecaster

    @property
    def history_(self) -> pd.DataFrame:
        """One row per epoch: loss, validation loss, learning rate, gradient norm, seconds."""
        return self.fitted().history.to_frame()

    @property
    def columns_(self) -> Columns:
        """The roles of the table's columns."""
        return self.fitted().preprocessor.columns

    @property
    def freq_(self) -> str | int | float:
        """The step of time."""
        return self.fitted().newest.freq

    @property
    def notes_(self) -> tuple[str, ...]:
        """What was inferred from the table or left out, one sentence each."""
        return tuple(map(str, self.fitted().newest.notes))

    def panel(self, data: Any) -> Panel:
        """Read a table with what `fit` found: columns, step of time, names of series; a panel is one read already."""
        model = self.fitted()
        if isinstance(data, Panel):
            return model.named(data)
        return model.named(build_panel(data, model.preprocessor.settings, like=model.preprocessor.columns)[0])

    def kind(self, data: Any) -> str:
        """Which frames answer these data: of polars for a table of polars, or for none where that of the fit was."""
        return self.fitted().preprocessor.columns.frame if data is None else frame_kind(data)

    def settings(self) -> ForecasterSettings:
        """The settings alone; copies, which a later `set_params(layer__…=…)` leaves as they are."""
        return taken_from(self, ForecasterSettings)

    def fitted(self) -> TableModel:
        """The fitted model, or scikit-learn's NotFittedError, which is an AttributeError."""
        check_is_fitted(self, "model_", msg="this forecaster is not fitted yet; call fit(data) or backtest(data) first")
        return self.model_

    def predictor(self) -> Predictor:
        """What forecasts with the fitted model."""
        return Predictor(self.fitted())
