"""A fitted forecaster of tables: network, preprocessing and the newest rows of each series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from tidegate.engine.threads import one_torch_thread
from tidegate.errors import DataError
from tidegate.forecasting.calibration import linear_errors, resized, window_errors
from tidegate.forecasting.choosing import chosen
from tidegate.forecasting.finite import quiet
from tidegate.forecasting.intervals import Intervals, ascending, learned_quantiles
from tidegate.forecasting.losses import make_loss
from tidegate.forecasting.network import ForecastNetwork
from tidegate.forecasting.preparing import Preprocessor, check_lengths, window_shape
from tidegate.forecasting.recursive import forecast_windows
from tidegate.forecasting.resolving import resolved
from tidegate.forecasting.settings import CompleteSettings, ForecasterSettings
from tidegate.forecasting.starting import LinearStart, choose_start, clearly_better, independent_windows, losses
from tidegate.forecasting.windows import RawWindow, WindowRows, Windows
from tidegate.notes import Note
from tidegate.tables.append import append_rows
from tidegate.tables.columns import Columns
from tidegate.tables.frequency import season_of
from tidegate.tables.gradual import first_origins
from tidegate.tables.panel import Panel
from tidegate.tables.series_ids import SeriesIds
from tidegate.tables.text_columns import learnt_from, recoded
from tidegate.training.history import History
from tidegate.training.hooks import TrainingHooks
from tidegate.training.loop import train
from tidegate.training.objective import Loss

_ENOUGH = 100  # windows that share no rows, for intervals alone: then one of 99 % needs no assumption

Part = tuple[np.ndarray, np.ndarray]


@dataclass
class TableModel:
    """What `Forecaster.fit` makes of a table; `tidegate.forecasting.predictor.Predictor` forecasts with it.

    Attributes:
        settings: as the user gave them to `fit`; those of the preprocessor also say what the table showed.
        preprocessor: scaling and roles, fitted on the training rows.
        network: the trained network.
        newest: the last rows of each series, which forecasts continue.
        residuals: (M, S, K) ascending absolute errors, as `Intervals` has them; M may be 0.
        history: how training went.
        by_window: whether residuals are in units of how much each window changes; those of earlier versions never are.
        origins: windows from which the residuals were taken.
    """

    settings: ForecasterSettings
    preprocessor: Preprocessor
    network: ForecastNetwork
    newest: Panel
    residuals: np.ndarray
    history: History
    by_window: bool
    origins: int

    @classmethod
    def fit(cls, settings: ForecasterSettings, panel: Panel, columns: Columns, hooks: TrainingHooks) -> TableModel:
        """Train on a panel; its last rows, `validation_size` of them, decide when to stop, and teach nothing.

        `tidegate.forecasting.refit.fit` learns from them too, once they have decided.
        """
        model, training = cls._untrained(settings, panel, columns)
        model._train(model.newest, np.zeros_like(training), training, hooks, fresh=True)
        return model

    @classmethod
    @one_torch_thread()
    def fit_linear(cls, settings: ForecasterSettings, panel: Panel, columns: Columns) -> TableModel:
        """The linear forecast beside which `fit` puts its network, from all rows of a panel; without intervals."""
        model, training = cls._untrained(replace(settings, validation_size=0.0), panel, columns)
        settings, shape = model.preprocessor.settings, model.preprocessor.shape
        rows = model.preprocessor.rows(model.newest)
        source = model._cut(rows, (np.zeros_like(training), training), shape.horizon)
        start = choose_start(model.network, source, season_of(settings, model.newest), learned_quantiles(settings))
        assert start is not None, "only a network with a linear skip is kept as it started"
        model.network = start.network
        model.keep_newest(model.newest)
        return model

    @classmethod
    @quiet()
    def _untrained(cls, settings: ForecasterSettings, panel: Panel, columns: Columns) -> tuple[TableModel, np.ndarray]:
        """A model with the whole panel as its newest rows, and the training rows of each series."""
        given = settings
        settings, notes = chosen(resolved(given, columns, panel.freq), panel)
        panel = replace(panel, notes=(*panel.notes, *notes))
        needed = window_shape(settings, columns).context + settings.horizon
        panel = check_lengths(panel, needed, settings.short_series)
        training = training_lengths(settings, panel)
        known = learnt_from(columns, panel.head(training)) if columns.texts else columns
        panel, columns = recoded(panel, columns, known), known
        preprocessor = Preprocessor.fit(settings, columns, panel, training)
        network = build_network(preprocessor)
        return cls(given, preprocessor, network, panel, np.empty((0, 0, 0)), History(), False, 0), training

    def update(self, panel: Panel, hooks: TrainingHooks) -> None:
        """Carry on training with a panel that continues the newest rows; scaling stays as it was."""
        needed = self.preprocessor.shape.context + self.preprocessor.settings.horizon
        filled = self.preprocessor.settings.missing not in ("refuse", "mask")
        joined, known = append_rows(self.newest, panel, filled=filled)
        usable = (known > 0) | (joined.lengths >= needed)
        joined, known = joined.select(usable), known[usable]
        training = np.maximum(training_lengths(self.preprocessor.settings, joined), known)
        self.preprocessor = self.preprocessor.with_series(joined.head(training))
        self._train(joined, known, training, hooks)

    @quiet()
    @one_torch_thread()
    def _train(
        self, panel: Panel, first: np.ndarray, training: np.ndarray, hooks: TrainingHooks, *, fresh: bool = False
    ) -> None:
        settings, shape = self.preprocessor.settings, self.preprocessor.shape
        cut = partial(self._cut, self.preprocessor.rows(panel))
        source, whole = cut((first, training), shape.horizon), (training, panel.lengths)
        if not len(source):
            raise DataError(
                f"the training rows hold no window of {shape.context} + {settings.horizon} rows; "
                "shorten lookback, horizon or features, lower validation_size, or give more rows"
            )
        chosen, calibrating = self._validation_parts(cut, training, panel.lengths)
        validation, quantiles = cut(chosen, shape.horizon), learned_quantiles(settings)
        loss = make_loss(settings.loss, quantiles=quantiles)
        start = choose_start(self.network, source, season_of(settings, panel), quantiles) if fresh else None
        judge = validation if len(validation) else None
        self.history = train(self.network, source, judge, loss, settings, **vars(hooks))
        if start is not None and judge is not None:
            # All validation rows: those that did not choose the epoch are the better witnesses.
            self._keep_better(start, cut(whole, shape.horizon), loss)
        self._calibrate(start, *(cut(part, settings.horizon) for part in ((first, training), whole, calibrating)))
        self.keep_newest(replace(panel, notes=(*panel.notes, *self._notes())))

    def _keep_better(self, start: LinearStart, validation: Windows, loss: Loss) -> None:
        """Keep the linear forecast where the network is not clearly better."""
        before, after = (losses(each, validation, loss) for each in (start.network, self.network))
        self.history.kept_start = not clearly_better(before, after, independent_windows(len(before), validation))
        if self.history.kept_start:
            self.network.load_state_dict(start.network.state_dict())

    def _notes(self) -> list[Note]:
        """What training found that its user should know."""
        settings, notes = self.preprocessor.settings, []
        if self.history.kept_start:
            values = min(settings.linear_skip, settings.lookback)
            notes.append(Note("forecasting.kept_linear", {"values": values}))
        if self.gives_means and settings.transform == "log" and not len(self.residuals):
            notes.append(Note("forecasting.median"))
        return notes

    def _calibrate(self, start: LinearStart | None, training: Windows, validation: Windows, own: Windows) -> None:
        """Take the errors that tell the intervals.

        Where the linear forecast was kept, they are its own on all rows, each from a fit without its part. Where the
        network was, and there are too few windows of its own, its errors there only say how much smaller they are.
        Without a normalisation per window the errors of long ago are not to be compared with those of today. An update
        by a few rows has few errors of its own, and leaves those from before it.
        """
        by_window = self.preprocessor.shape.window_scaler is not None
        enough = len(own) >= _ENOUGH * own.steps and not self.history.kept_start
        if start is None or enough or not len(validation) or not by_window:
            residuals, origins = window_errors(self.network, own), len(own)
        else:
            residuals, origins = linear_errors(start, training, validation), len(training) + len(validation)
            if not self.history.kept_start:
                residuals = resized(residuals, *(window_errors(each, own) for each in (self.network, start.network)))
        if len(residuals) >= len(self.residuals):
            self.residuals, self.origins, self.by_window = ascending(residuals), origins, by_window

    def _validation_parts(
        self, cut: Callable[[Part, int], Windows], training: np.ndarray, end: np.ndarray
    ) -> tuple[Part, Part]:
        """The rows that choose the epoch, and those whose errors tell the intervals.

        The epoch is the best on its rows, so its errors there are a little too small: where there are windows enough,
        intervals come from the second half of the validation rows and the epoch from the first.
        """
        middle = training + (end - training + 1) // 2
        if len(cut((middle, end), self.preprocessor.settings.horizon)) < _ENOUGH:
            return (training, end), (training, end)
        return (training, middle), (middle, end)

    @property
    def gives_means(self) -> bool:
        """Whether the network learned the mean of what may follow; else it is the median, or close to it."""
        return self.preprocessor.settings.loss == "mse"

    @property
    def intervals(self) -> Intervals:
        """What intervals are made from."""
        settings = self.preprocessor.settings
        return Intervals(settings.levels, learned_quantiles(settings), self.residuals, self.by_window, self.origins)

    def windows(self, panel: Panel, part: tuple[np.ndarray, np.ndarray]) -> Windows:
        """Windows over a part of a panel; none at an origin from which `predict` is refused."""
        settings, (first, last) = self.preprocessor.settings, part
        if settings.missing not in ("refuse", "mask"):
            first = np.maximum(first, first_origins(panel))
        return self._cut(self.preprocessor.rows(panel), (first, last), settings.horizon)

    def _cut(self, rows: WindowRows, part: Part, steps: int) -> Windows:
        padded = self.preprocessor.settings.short_series == "pad"
        return Windows(rows, self.preprocessor.shape, part, steps=steps, padded=padded)

    def scaled(self, raw: RawWindow) -> np.ndarray:
        """Forecasts (N, S, K, outputs) of rows around origins, in scaled units."""
        return forecast_windows(self.network, self.preprocessor.shape, raw, self.preprocessor.settings.horizon)

    def keep_newest(self, panel: Panel) -> None:
        """Let forecasts continue this panel; gaps are filled first, for what fills them may lie further back."""
        newest = self.preprocessor.fill(panel).tail(self.preprocessor.shape.context)
        ahead = None if newest.ahead is None else newest.ahead[:, : self.preprocessor.settings.horizon]
        self.newest = replace(newest, ahead=ahead)

    def named(self, panel: Panel) -> Panel:
        """A panel whose series are called as those of the fit, however its own table wrote their names."""
        return replace(panel, ids=SeriesIds(self.newest.ids).own(panel.ids))

    def usable(self, panel: Panel) -> Panel:
        """The series with enough history to forecast; too short ones are refused, dropped or padded, as chosen."""
        return check_lengths(panel, self.preprocessor.shape.context, self.preprocessor.settings.short_series, least=1)


def build_network(preprocessor: Preprocessor) -> ForecastNetwork:
    """The network of a preprocessor's settings, with weights drawn from the seed."""
    settings, shape, columns = preprocessor.settings, preprocessor.shape, preprocessor.columns
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(settings.seed)
        return ForecastNetwork(
            settings.layer_settings(),
            past_size=shape.past_size,
            future_size=shape.future_size,
            categories=tuple(len(known) + 1 for known in columns.categories.values()),
            static_numbers=len(columns.static) - len(columns.categories),
            horizon=shape.horizon,
            targets=shape.targets,
            outputs=len(learned_quantiles(settings) or (0.5,)),
            linear_skip=min(settings.linear_skip, settings.lookback),
        )


def training_lengths(settings: CompleteSettings, panel: Panel) -> np.ndarray:
    """Rows of each series before its validation part, which holds at least one horizon or nothing."""
    if not settings.validation_size:
        return panel.lengths
    validation = np.maximum(np.round(panel.lengths * settings.validation_size).astype(np.int64), settings.horizon)
    training = panel.lengths - validation
    return np.where(training >= settings.lookback + settings.horizon, training, panel.lengths)
