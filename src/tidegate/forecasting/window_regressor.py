"""The estimator of plain arrays: windows in, what follows them out; scikit-learn's tools work with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from tidegate.errors import DataError
from tidegate.forecasting import persistence
from tidegate.forecasting.predictor import WindowPredictor
from tidegate.forecasting.settings import WindowSettings
from tidegate.forecasting.window_model import WindowModel
from tidegate.settings import check_settings, taken_from
from tidegate.training.hooks import TrainingHooks

if TYPE_CHECKING:
    from tidegate.forecasting.streaming import Stream
    from tidegate.training.progress import Progress

_FLOAT: Any = np.float64  # scikit-learn's stubs know names alone


class WindowRegressor(WindowSettings, RegressorMixin, BaseEstimator):
    """Learn what follows windows that you have cut yourself, as plain arrays.

    Every setting is a keyword of the constructor. For tables, with time stamps, intervals and a backtest, there is
    `tidegate.Forecaster`.

    Attributes:
        model_: the fitted model.
        n_features_in_: steps of a window.
        feature_names_in_: names of the steps, when X was a frame with named columns.

    Example:
        >>> import numpy as np, tidegate
        >>> wave = np.lib.stride_tricks.sliding_window_view(np.sin(np.arange(100) / 4), 13)
        >>> regressor = tidegate.WindowRegressor(units=4, layers=1, epochs=2).fit(wave[:, :12], wave[:, 12])
        >>> regressor.predict(wave[:3, :12]).shape
        (3,)
    """

    model_: WindowModel
    n_features_in_: int
    feature_names_in_: np.ndarray

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        checkpoint: str | Path | None = None,
        progress: Progress | None = None,
        tensorboard: str | Path | None = None,
    ) -> WindowRegressor:
        """Train on windows in the order of time; the last `validation_size` of them decide when to stop.

        Args:
            X: windows (n, L), or (n, L, F) of several features.
            y: what follows each: (n,), (n, S) steps, or (n, S, K) steps of several targets.
            checkpoint: file written after every epoch; when it exists, training carries on from it.
            progress: a live line, `tidegate.Progress(epochs=…)`, or anything with its `on_epoch` and `on_step`.
            tensorboard: folder for TensorBoard's event files.

        Raises:
            SettingError: a setting cannot be used.
            DataError: X or y cannot be used as they are; TypeError: they are sparse, or hold objects.
        """
        check_settings(self)
        hooks = TrainingHooks.of(progress, checkpoint, tensorboard)
        windows = self._windows(X, reset=True)
        targets = _targets(y, len(windows))
        names = getattr(self, "feature_names_in_", None)
        names = None if names is None else tuple(names.tolist())
        self.model_ = WindowModel.fit(self.settings(), windows, targets, hooks, names)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Forecast what follows windows of the shape of `fit`'s; the result has the shape of its y.

        Raises:
            DataError: X has another shape or other columns, or a forecast is not finite.
        """
        predictor = self.predictor()
        return predictor.follow(self.windows(X))

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """R² of the forecasts, the mean over all steps and targets."""
        predicted = self.predict(X)
        truth = np.asarray(y, dtype=np.float64).reshape(len(predicted), -1)
        return float(r2_score(truth, predicted.reshape(len(predicted), -1), sample_weight=sample_weight))

    def stream(self) -> Stream:
        """Start a stream: push one row of features, get what follows the newest window; see `Forecaster.stream`."""
        from tidegate.forecasting.streaming import Stream

        return Stream(self.predictor())

    def save(self, folder: str | Path) -> None:
        """Save to a model folder: `config.json` and `weights.safetensors`, no pickle."""
        persistence.save(Path(folder), self.fitted())

    @classmethod
    def load(cls, folder: str | Path) -> WindowRegressor:
        """Load a model folder that `save` wrote.

        Raises:
            ModelFolderError: the folder is missing, damaged or of another kind or version.
        """
        return cls.of(persistence.load_window_model(Path(folder)))

    @classmethod
    def of(cls, model: WindowModel) -> WindowRegressor:
        """The fitted estimator of a model."""
        regressor = cls(**vars(model.settings))
        regressor.model_, regressor.n_features_in_ = model, model.lookback
        if model.names is not None:
            regressor.feature_names_in_ = np.array(model.names, dtype=object)
        return regressor

    @property
    def history_(self) -> pd.DataFrame:
        """One row per epoch: loss, validation loss, learning rate, gradient norm, seconds."""
        return self.fitted().history.to_frame()

    def settings(self) -> WindowSettings:
        """The settings alone."""
        return taken_from(self, WindowSettings)

    def fitted(self) -> WindowModel:
        """The fitted model, or scikit-learn's NotFittedError."""
        check_is_fitted(self, "model_", msg="this regressor is not fitted yet; call fit(X, y) first")
        return self.model_

    def predictor(self) -> WindowPredictor:
        """What forecasts with the fitted model."""
        return WindowPredictor(self.fitted())

    def windows(self, X: ArrayLike) -> np.ndarray:
        """Windows of the shape of `fit`'s as (n, L, F).

        Raises:
            DataError: X has another shape or other columns.
        """
        windows = self._windows(X, reset=False)
        if windows.shape[2] != self.fitted().features:
            raise DataError(
                f"X has windows of {windows.shape[2]} features; the regressor was fitted on {self.fitted().features}"
            )
        return windows

    def _windows(self, x: Any, *, reset: bool) -> np.ndarray:
        """Check windows as scikit-learn does, with its words; as (n, L, F)."""
        try:
            windows = np.asarray(
                validate_data(
                    self, x, "no_validation", reset=reset, dtype=_FLOAT, allow_nd=True, ensure_all_finite=False
                )
            )
        except ValueError as error:
            raise DataError(_sentence(error)) from None
        _refuse_nan(windows, "X")
        if windows.ndim > 3 or 0 in windows.shape:
            raise DataError(f"X has shape {windows.shape}; give windows as (samples, steps) or (samples, steps, F)")
        return windows[:, :, None] if windows.ndim == 2 else windows

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        assert tags.regressor_tags is not None
        tags.target_tags.multi_output = True
        tags.input_tags.three_d_array = True
        return tags


def _targets(y: ArrayLike | None, count: int) -> np.ndarray:
    if y is None:
        raise DataError("WindowRegressor requires y to be passed, but the target y is None; give what follows X")
    try:
        targets = check_array(y, dtype=_FLOAT, ensure_2d=False, allow_nd=True, ensure_all_finite=False, input_name="y")
    except ValueError as error:
        raise DataError(_sentence(error)) from None
    _refuse_nan(targets, "y")
    if targets.ndim > 3 or len(targets) != count or 0 in targets.shape:
        raise DataError(
            f"X has {count} samples and y has shape {targets.shape}; give y as (samples,), (samples, steps) or "
            "(samples, steps, targets)"
        )
    return targets


def _refuse_nan(values: np.ndarray, name: str) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        raise DataError(f"{name} holds a NaN or an infinity at index {tuple(bad[0].tolist())}; fill or drop it first")


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split("\n[")[0].split())  # without the array that some messages print
