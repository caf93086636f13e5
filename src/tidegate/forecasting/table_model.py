"""A fitted forecaster of tables: network, preprocessing and the newest rows of each series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tidegate.engine.threads import one_torch_thread
from tidegate.errors import DataError, SettingError
from tidegate.forecasting.intervals import conformal_width, quantiles_of
from tidegate.forecasting.network import ForecastNetwork
from tidegate.forecasting.preparing import Preprocessor, check_lengths, window_shape
from tidegate.forecasting.recursive import forecast_window
from tidegate.forecasting.resolving import resolved
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.windows import RawWindow, Windows
from tidegate.tables.append import append_rows
from tidegate.tables.columns import Columns
from tidegate.tables.panel import Panel
from tidegate.training.history import EpochResult, History
from tidegate.training.loop import train
from tidegate.training.losses import make_loss
from tidegate.training.meter import StepResult
from tidegate.training.progress import Progress

_CHUNK = 512
_RESIDUALS = 500


@dataclass(frozen=True)
class TrainingHooks:
    """What a caller may attach to training; the words are those of `tidegate.training.loop.train`."""

    checkpoint: Path | None = None
    on_epoch: Callable[[EpochResult], None] | None = None
    on_step: Callable[[StepResult], None] | None = None
    tensorboard: Path | None = None

    @classmethod
    def of(
        cls, progress: Progress | None, checkpoint: str | Path | None, tensorboard: str | Path | None
    ) -> TrainingHooks:
        """The hooks for a progress line and paths as users give them."""
        return cls(
            checkpoint=None if checkpoint is None else Path(checkpoint),
            on_epoch=None if progress is None else progress.on_epoch,
            on_step=None if progress is None else progress.on_step,
            tensorboard=None if tensorboard is None else Path(tensorboard),
        )


@dataclass
class TableModel:
    """What `Forecaster.fit` makes of a table.

    Attributes:
        preprocessor: scaling and roles, fitted on the training rows.
        network: the trained network.
        newest: the last rows of each series, from which `forecast` continues.
        residuals: (M, S, K) ascending absolute validation errors in scaled units; M may be 0.
        history: how training went.
    """

    preprocessor: Preprocessor
    network: ForecastNetwork
    newest: Panel
    residuals: np.ndarray
    history: History

    @classmethod
    def fit(cls, settings: ForecasterSettings, panel: Panel, columns: Columns, hooks: TrainingHooks) -> TableModel:
        """Train on a panel; its last rows, `validation_size` of them, decide when to stop."""
        settings = resolved(settings, columns, panel.freq)
        needed = window_shape(settings, columns).context + settings.horizon
        panel = check_lengths(panel, needed, settings.short_series)
        training = training_lengths(settings, panel)
        preprocessor = Preprocessor.fit(settings, columns, panel, training)
        network = build_network(preprocessor)
        model = cls(preprocessor, network, panel, np.empty((0, 0, 0)), History())
        model._train(panel, np.zeros_like(training), training, hooks)
        return model

    def update(self, panel: Panel, hooks: TrainingHooks) -> None:
        """Carry on training with a panel that continues the newest rows; scaling stays as it was."""
        needed = self.preprocessor.shape.context + self.preprocessor.settings.horizon
        joined, known = append_rows(self.newest, panel)
        usable = (known > 0) | (joined.lengths >= needed)
        joined, known = joined.select(usable), known[usable]
        training = np.maximum(training_lengths(self.preprocessor.settings, joined), known)
        self.preprocessor = self.preprocessor.with_series(joined.head(training))
        self._train(joined, known, training, hooks)

    @one_torch_thread()
    def _train(self, panel: Panel, first: np.ndarray, training: np.ndarray, hooks: TrainingHooks) -> None:
        settings, shape = self.preprocessor.settings, self.preprocessor.shape
        rows = self.preprocessor.rows(panel, self.preprocessor.fill_causally(panel, training))
        padded = settings.short_series == "pad"
        source = Windows(rows, shape, (first, training), steps=shape.horizon, padded=padded)
        if not len(source):
            raise DataError(
                f"the training rows hold no window of {shape.context} + {settings.horizon} rows; "
                "shorten lookback, horizon or features, lower validation_size, or give more rows"
            )
        validation = Windows(rows, shape, (training, panel.lengths), steps=shape.horizon, padded=padded)
        self.history = train(
            self.network,
            source,
            validation if len(validation) else None,
            make_loss(settings.loss, quantiles=self.quantiles),
            settings,
            **vars(hooks),
        )
        whole = Windows(rows, shape, (training, panel.lengths), steps=settings.horizon, padded=padded)
        self.residuals = self._validation_residuals(whole)
        self.keep_newest(panel)

    @property
    def quantiles(self) -> tuple[float, ...] | None:
        """The quantiles that the network learns, or None for a point forecast."""
        settings = self.preprocessor.settings
        return quantiles_of(settings.levels) if settings.loss == "quantile" else None

    def windows(self, panel: Panel, known: np.ndarray, part: tuple[np.ndarray, np.ndarray]) -> Windows:
        """Windows over a part of a panel whose first `known` rows were trained on, for `forecast_windows`."""
        settings = self.preprocessor.settings
        rows = self.preprocessor.rows(panel, self.preprocessor.fill_causally(panel, known))
        padded = settings.short_series == "pad"
        return Windows(rows, self.preprocessor.shape, part, steps=settings.horizon, padded=padded)

    def forecast_windows(self, windows: Windows, indices: Tensor) -> np.ndarray:
        """Point forecasts (W, S, K) of these windows in scaled units."""
        steps = self.preprocessor.settings.horizon
        chunks = [self._scaled(windows.raw(chunk)[0], steps) for chunk in indices.split(_CHUNK)]
        forecasts = np.concatenate(chunks)
        return forecasts[..., forecasts.shape[-1] // 2]

    def keep_newest(self, panel: Panel) -> None:
        """Let `forecast` continue this panel; gaps are filled first, for what fills them may lie further back."""
        self.newest = self.preprocessor.fill(panel).tail(self.preprocessor.shape.context)

    def usable(self, panel: Panel) -> Panel:
        """The series with enough history to forecast; too short ones are refused, dropped or padded, as chosen."""
        return check_lengths(panel, self.preprocessor.shape.context, self.preprocessor.settings.short_series, least=1)

    def forecast(self, panel: Panel, future: np.ndarray, times: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
        """Forecast what follows each series.

        Args:
            panel: history, as `usable` returns it.
            future: (N, S, Q) covariates known ahead.
            times: (N, S) time stamps ahead.
            levels: interval levels in percent.

        Returns:
            (N, S, K, 1 + 2 · levels): the point forecast, then low and high of each level, in original units.
        """
        preprocessor = self.preprocessor
        raw = preprocessor.newest(panel, preprocessor.fill(panel), future, times)
        scaled = self.with_intervals(self._in_chunks(raw, times.shape[1]), levels)
        return preprocessor.unscale(scaled, preprocessor.scale_of(panel))

    def _in_chunks(self, raw: RawWindow, steps: int) -> np.ndarray:
        count = len(raw.history)
        if count <= _CHUNK:
            return self._scaled(raw, steps)
        parts = [slice(i, i + _CHUNK) for i in range(0, count, _CHUNK)]
        return np.concatenate([self._scaled(_slice(raw, part), steps) for part in parts])

    @one_torch_thread()
    @torch.inference_mode()
    def _scaled(self, raw: RawWindow, steps: int) -> np.ndarray:
        return forecast_window(self.network, self.preprocessor.shape, raw, steps).numpy()

    def with_intervals(self, forecasts: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
        """Point forecasts with the bounds of each level, (N, S, K, 1 + 2 · levels), from (N, S, K, quantiles or 1).

        Raises:
            DataError: the model cannot give one of these levels.
        """
        if not levels and forecasts.shape[-1] == 1:
            return forecasts
        point = forecasts[..., forecasts.shape[-1] // 2]
        columns = [point]
        for level in levels:
            if self.quantiles is None:
                width = conformal_width(self.residuals, level)
                columns += [point - width, point + width]
            else:
                low = round((1 - level / 100) / 2, 6)
                if low not in self.quantiles:
                    raise SettingError(
                        f"level {level:g} was not learned; the network knows {self.preprocessor.settings.levels}: "
                        "choose one of those or fit again with levels"
                    )
                at = self.quantiles.index(low)
                columns += [forecasts[..., at], forecasts[..., -1 - at]]
        return np.stack(columns, axis=-1)

    def _validation_residuals(self, windows: Windows) -> np.ndarray:
        steps, targets = self.preprocessor.settings.horizon, self.preprocessor.shape.targets
        if not len(windows):
            return np.empty((0, steps, targets))
        indices = torch.linspace(0, len(windows) - 1, min(len(windows), _RESIDUALS)).round().long()
        truth = windows.raw(indices)[1].numpy()
        errors = np.abs(self.forecast_windows(windows, indices) - truth)
        return np.sort(errors[~np.isnan(errors).any(axis=(1, 2))], axis=0)


def build_network(preprocessor: Preprocessor) -> ForecastNetwork:
    """The network of a preprocessor's settings, with weights drawn from the seed."""
    settings, shape, columns = preprocessor.settings, preprocessor.shape, preprocessor.columns
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(settings.seed)
        return ForecastNetwork(
            settings.layer_settings,
            past_size=shape.past_size,
            future_size=shape.future_size,
            categories=tuple(len(known) + 1 for known in columns.categories.values()),
            static_numbers=len(columns.static) - len(columns.categories),
            horizon=shape.horizon,
            targets=shape.targets,
            outputs=len(quantiles_of(settings.levels)) if settings.loss == "quantile" else 1,
            highway=min(settings.highway, settings.lookback),
        )


def training_lengths(settings: ForecasterSettings, panel: Panel) -> np.ndarray:
    """Rows of each series before its validation part, which holds at least one horizon or nothing."""
    if not settings.validation_size:
        return panel.lengths
    validation = np.maximum(np.round(panel.lengths * settings.validation_size).astype(np.int64), settings.horizon)
    training = panel.lengths - validation
    return np.where(training >= settings.lookback + settings.horizon, training, panel.lengths)


def _slice(raw: RawWindow, part: slice) -> RawWindow:
    return RawWindow(*(None if field is None else field[part] for field in raw))  # pyright: ignore[reportArgumentType]
