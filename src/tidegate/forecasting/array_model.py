"""A fitted forecaster of plain arrays: windows that the user has cut, as scikit-learn's tools hand them over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from tidegate.engine.threads import one_torch_thread
from tidegate.errors import DataError, SettingError
from tidegate.forecasting.intervals import quantiles_of
from tidegate.forecasting.network import ForecastNetwork
from tidegate.forecasting.scaling import Scale, fit_scale
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.table_model import TrainingHooks
from tidegate.forecasting.windows import ArrayWindows
from tidegate.training.history import History
from tidegate.training.loop import train
from tidegate.training.losses import make_loss

_CHUNK = 1024


@dataclass
class ArrayModel:
    """What `Forecaster.fit(X, y)` makes of windows X (n, L) or (n, L, F) and targets y (n,), (n, S) or (n, S, K).

    Attributes:
        network: the trained network.
        inputs, targets: scales fitted on the training samples.
        lookback, features: the shape of a window.
        shape: the shape of one sample's target.
        history: how training went.
    """

    network: ForecastNetwork
    inputs: Scale
    targets: Scale
    lookback: int
    features: int
    shape: tuple[int, ...]
    history: History

    @classmethod
    def fit(cls, settings: ForecasterSettings, x: ArrayLike, y: ArrayLike, hooks: TrainingHooks) -> ArrayModel:
        """Train on windows in time order; the last `validation_size` of them decide when to stop."""
        if settings.scale_by not in (None, "global"):
            raise SettingError(f"scale_by must be global for plain arrays, not {settings.scale_by!r}")
        windows, truth = _inputs(x), _numbers(y, "y")
        if truth.ndim > 3 or len(windows) != len(truth):
            raise DataError(
                f"X has {len(windows)} samples and y has shape {truth.shape}; give y as (samples,), (samples, steps) "
                "or (samples, steps, targets)"
            )
        shape = truth.shape[1:]
        truth = truth.reshape(len(truth), shape[0] if shape else 1, -1)
        validation = round(len(windows) * settings.validation_size)
        training = len(windows) - validation
        if training < 1:
            raise DataError(f"{len(windows)} samples leave none to train on; give more or lower validation_size")
        inputs = _fit(windows[:training], settings.scaler)
        targets = _fit(truth[:training], settings.scaler)
        samples = ArrayWindows(_scaled(windows[:training], inputs), _scaled(truth[:training], targets))
        later = ArrayWindows(_scaled(windows[training:], inputs), _scaled(truth[training:], targets))
        network = build_array_network(settings, windows.shape[2], shape)
        with one_torch_thread():
            history = train(
                network,
                samples,
                later if validation else None,
                make_loss(settings.loss, quantiles=_quantiles(settings)),
                settings,
                **vars(hooks),
            )
        return cls(network, inputs, targets, windows.shape[1], windows.shape[2], shape, history)

    @one_torch_thread()
    @torch.inference_mode()
    def predict(self, x: ArrayLike) -> np.ndarray:
        """Forecast windows X (n, L) or (n, L, F); the result has y's shape."""
        windows = _inputs(x)
        if windows.shape[1:] != (self.lookback, self.features):
            raise DataError(
                f"X has windows of {windows.shape[1]} steps and {windows.shape[2]} features; the forecaster was fitted "
                f"on {self.lookback} steps and {self.features} features"
            )
        scaled = _scaled(windows, self.inputs)
        chunks = [self._chunk(scaled[i : i + _CHUNK]) for i in range(0, len(scaled), _CHUNK)]
        forecasts = np.concatenate(chunks) if chunks else np.empty((0, *self.shape))
        return (forecasts * self.targets.spread + self.targets.location).reshape(len(windows), *self.shape)

    def _chunk(self, windows: torch.Tensor) -> np.ndarray:
        steps = self.shape[0] if self.shape else 1
        future = windows.new_empty((len(windows), steps, 0))
        forecast = self.network(windows, future, windows.new_empty((len(windows), 0))).numpy()
        return forecast[..., forecast.shape[-1] // 2].astype(np.float64)


def _quantiles(settings: ForecasterSettings) -> tuple[float, ...] | None:
    return quantiles_of(settings.levels) if settings.loss == "quantile" else None


def build_array_network(settings: ForecasterSettings, features: int, shape: tuple[int, ...]) -> ForecastNetwork:
    """The network for windows of so many features and targets of this shape, with weights drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(settings.seed)
        return ForecastNetwork(
            settings.layer_settings,
            past_size=features,
            future_size=0,
            categories=(),
            static_numbers=0,
            horizon=shape[0] if shape else 1,
            targets=shape[1] if len(shape) > 1 else 1,
            outputs=len(_quantiles(settings) or (0.5,)),
            highway=0,  # which input, if any, is the target's past, only the user knows
        )


def _fit(values: np.ndarray, scaler: str) -> Scale:
    rows = values.reshape(-1, values.shape[2])
    return fit_scale(rows, np.array([0, len(rows)]), scaler, by_series=False)


def _scaled(values: np.ndarray, scale: Scale) -> torch.Tensor:
    return torch.from_numpy(((values - scale.location) / scale.spread).astype(np.float32))


def _inputs(x: ArrayLike) -> np.ndarray:
    windows = _numbers(x, "X")
    if windows.ndim == 2:
        windows = windows[:, :, None]
    if windows.ndim != 3 or 0 in windows.shape[1:]:
        raise DataError(f"X has shape {windows.shape}; give windows as (samples, lookback) or (samples, lookback, F)")
    return windows


def _numbers(values: ArrayLike, name: str) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} holds something that is not a number; give an array of numbers") from None
    if array.ndim == 0:
        raise DataError(f"{name} is a single number; give an array of samples")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise DataError(f"{name} holds a NaN or an infinity at index {tuple(bad[0].tolist())}; fill or drop it first")
    return array
