"""A fitted model of plain arrays: windows that the user has cut, and what followed them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tidegate.engine.threads import one_torch_thread
from tidegate.errors import DataError
from tidegate.forecasting.intervals import learned_quantiles
from tidegate.forecasting.losses import make_loss
from tidegate.forecasting.network import ForecastNetwork
from tidegate.forecasting.scaling import Scale, fit_scale
from tidegate.forecasting.settings import WindowSettings
from tidegate.forecasting.windows import ArrayWindows
from tidegate.training.history import History
from tidegate.training.hooks import TrainingHooks
from tidegate.training.loop import train

_CHUNK = 1024


@dataclass
class WindowModel:
    """What `WindowRegressor.fit` makes; `tidegate.forecasting.predictor.WindowPredictor` forecasts with it.

    Attributes:
        settings: those of `fit`.
        network: the trained network.
        inputs, targets: scales fitted on the training samples.
        lookback, features: the shape of a window.
        shape: the shape of one sample's target.
        names: of the steps, when X was a frame with named columns.
        history: how training went.
    """

    settings: WindowSettings
    network: ForecastNetwork
    inputs: Scale
    targets: Scale
    lookback: int
    features: int
    shape: tuple[int, ...]
    names: tuple[str, ...] | None
    history: History

    @classmethod
    @one_torch_thread()
    def fit(
        cls,
        settings: WindowSettings,
        windows: np.ndarray,
        y: np.ndarray,
        hooks: TrainingHooks,
        names: tuple[str, ...] | None = None,
    ) -> WindowModel:
        """Train on windows (n, L, F) and finite targets (n,), (n, S) or (n, S, K), in the order of time.

        The last `validation_size` of them decide when to stop.
        """
        shape = y.shape[1:]
        truth = y.reshape(len(y), shape[0] if shape else 1, -1)
        validation = round(len(windows) * settings.validation_size)
        training = len(windows) - validation
        if training < 1:
            raise DataError(f"{len(windows)} samples leave none to train on; give more or lower validation_size")
        inputs, targets = (_fit(values[:training], settings.scaler) for values in (windows, truth))
        x, z = _scaled(windows, inputs), _scaled(truth, targets)
        network = build_window_network(settings, windows.shape[2], shape)
        history = train(
            network,
            ArrayWindows(x[:training], z[:training]),
            ArrayWindows(x[training:], z[training:]) if validation else None,
            make_loss(settings.loss, quantiles=learned_quantiles(settings)),
            settings,
            **vars(hooks),
        )
        return cls(settings, network, inputs, targets, windows.shape[1], windows.shape[2], shape, names, history)

    def forecast(self, windows: np.ndarray) -> np.ndarray:
        """Forecast what follows windows (n, L, F), in y's units and shape; it need not be finite."""
        scaled = self.scaled(windows)
        return self.unscaled(np.concatenate([self._chunk(chunk) for chunk in scaled.split(_CHUNK)]))

    def scaled(self, windows: np.ndarray) -> Tensor:
        """Windows (n, L, F) as the network reads them."""
        return _scaled(windows, self.inputs)

    def unscaled(self, forecasts: np.ndarray) -> np.ndarray:
        """What the network answered (n, S, K) in y's units and shape."""
        return (forecasts * self.targets.spread + self.targets.location).reshape(len(forecasts), *self.shape)

    def answer(self, windows: Tensor) -> Tensor:
        """The network's point forecasts (n, S, K) of scaled windows (n, L, F), on its own scale."""
        steps = self.shape[0] if self.shape else 1
        future = windows.new_empty((len(windows), steps, 0))
        forecast = self.network(windows, future, windows.new_empty((len(windows), 0)))
        return forecast[..., forecast.shape[-1] // 2]

    @one_torch_thread()
    @torch.inference_mode()
    def _chunk(self, windows: Tensor) -> np.ndarray:
        return self.answer(windows).numpy().astype(np.float64)


def build_window_network(settings: WindowSettings, features: int, shape: tuple[int, ...]) -> ForecastNetwork:
    """The network for windows of so many features and targets of this shape, with weights drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(settings.seed)
        return ForecastNetwork(
            settings.layer_settings(),
            past_size=features,
            future_size=0,
            categories=(),
            static_numbers=0,
            horizon=shape[0] if shape else 1,
            targets=shape[1] if len(shape) > 1 else 1,
            outputs=len(learned_quantiles(settings) or (0.5,)),
            linear_skip=0,  # which input, if any, is the target's past, only the user knows
        )


def _fit(values: np.ndarray, scaler: str) -> Scale:
    rows = values.reshape(-1, values.shape[2])
    return fit_scale(rows, np.array([0, len(rows)]), scaler, by_series=False)


def _scaled(values: np.ndarray, scale: Scale) -> Tensor:
    rows = scale.transform(values.reshape(-1, values.shape[2]), np.array([len(values)]))
    return torch.from_numpy(rows.reshape(values.shape))
