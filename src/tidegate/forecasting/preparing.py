"""From a panel to scaled rows: everything fitted on training rows and applied unchanged afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.features import calendar_columns, parse_features
from tidegate.forecasting.holiday_dates import names_holidays
from tidegate.forecasting.scaling import Scale, fit_scale
from tidegate.forecasting.settings import CompleteSettings
from tidegate.forecasting.transforming import restored, transformed
from tidegate.forecasting.windows import LaterValues, RawWindow, WindowRows, WindowShape
from tidegate.notes import Note
from tidegate.tables.columns import Columns
from tidegate.tables.filling import fill
from tidegate.tables.frequency import season_of
from tidegate.tables.gradual import ROLES, GradualFilling, Later
from tidegate.tables.messages import counted, series_words
from tidegate.tables.panel import Panel
from tidegate.tables.steps import FixedStep, MonthStep, parse_step
from tidegate.tables.text_columns import one_hot
from tidegate.tables.units import DAY

_OWN_ROWS = 512


def window_shape(settings: CompleteSettings, columns: Columns) -> WindowShape:
    """The shape of the windows that these settings and columns ask for.

    Raises:
        SettingError: when recursive forecasts are asked for with covariates that are unknown ahead.
    """
    recursive = settings.strategy == "recursive"
    if recursive and columns.past:
        raise SettingError(
            f"strategy='recursive' cannot feed back past_cols ({', '.join(columns.past)}), which are unknown ahead; "
            "use strategy='direct' or move them to future_cols"
        )
    horizon = 1 if recursive else settings.horizon
    features = parse_features(tuple(settings.features), horizon)
    return WindowShape(
        lookback=settings.lookback,
        horizon=horizon,
        targets=len(columns.targets),
        past=columns.width("past"),
        future=columns.width("future") + features.calendar_size,
        features=features,
        flagged=settings.missing == "mask" or settings.short_series == "pad",
        window_scaler=settings.scaler if settings.scale_by in (None, "window") else None,
    )


@dataclass(frozen=True)
class Preprocessor:
    """What was fitted on training rows.

    Attributes:
        settings: the forecaster's settings.
        columns: the roles of the table's columns.
        shape: how windows read rows.
        ids: the series that `scale` knows, when each has its own.
        scale: of targets, past and future covariates, in that order.
        static_scale: of the numeric static columns.
    """

    settings: CompleteSettings
    columns: Columns
    shape: WindowShape
    ids: np.ndarray
    scale: Scale
    static_scale: Scale

    @classmethod
    def fit(cls, settings: CompleteSettings, columns: Columns, panel: Panel, lengths: np.ndarray) -> Preprocessor:
        """Fit on the first `lengths` (N,) rows of each series, values as observed, before any filling."""
        shape = window_shape(settings, columns)
        _check_holidays(shape.features.calendar, panel)
        training = panel.head(lengths)
        values = _channels(training, columns, settings.transform)
        scale = fit_scale(values, training.starts, settings.scaler, by_series=settings.scale_by != "global")
        numbers = panel.static[:, len(columns.categories) :]
        static_scale = fit_scale(numbers, np.array([0, len(numbers)]), "standard", by_series=False)
        return cls(settings, columns, shape, panel.ids, scale, static_scale)

    def with_series(self, panel: Panel) -> Preprocessor:
        """Also keep the scale of the panel's series that are new; those known stay as they were fitted."""
        new = ~np.isin(panel.ids.astype(str), self.ids.astype(str))
        if self.shared or not new.any():
            return self
        added = panel.select(new)
        own = fit_scale(self._channels(added), added.starts, self.settings.scaler, by_series=True)
        scale = Scale(
            np.concatenate([self.scale.location, own.location]), np.concatenate([self.scale.spread, own.spread])
        )
        return replace(self, ids=np.concatenate([self.ids, panel.ids[new]]), scale=scale)

    @property
    def shared(self) -> bool:
        """Whether all series have one scale."""
        return self.settings.scale_by == "global" or self.settings.scaler == "none"

    @property
    def own_rows(self) -> int:
        """The newest rows from which the scale of a series that `fit` did not see follows."""
        return max(self.shape.context, _OWN_ROWS)

    def knows(self, ids: np.ndarray) -> np.ndarray:
        """Which of these series (N,) have a scale of the fit."""
        known = set(self.ids.tolist())
        return np.array([self.shared or name in known for name in ids.tolist()], dtype=bool)

    def scale_of(self, panel: Panel) -> Scale:
        """The scale of the panel's series; that of a new one follows from its newest `own_rows`, unless all share one.

        So it changes with time as the series does, and a stream can tell it from the rows that it keeps.
        """
        if self.shared:
            return self.scale
        if np.array_equal(panel.ids, self.ids):
            return self.scale
        known = {name: number for number, name in enumerate(self.ids.tolist())}
        numbers = np.array([known.get(name, -1) for name in panel.ids.tolist()])
        if (numbers >= 0).all():
            return Scale(self.scale.location[numbers], self.scale.spread[numbers])
        recent = panel.tail(self.own_rows)
        own = fit_scale(self._channels(recent), recent.starts, self.settings.scaler, by_series=True)
        seen = (numbers >= 0)[:, None]
        return Scale(
            np.where(seen, self.scale.location[numbers], own.location),
            np.where(seen, self.scale.spread[numbers], own.spread),
        )

    def fill(self, panel: Panel) -> Panel:
        """The panel with missing values treated as the settings say."""
        if self.settings.missing == "mask":
            return panel
        return fill(panel, self.settings.missing, season_of(self.settings, panel), self.columns.coded)

    def fill_gradually(self, panel: Panel) -> GradualFilling:
        """The panel filled so that each origin sees what `fill` makes of the rows before it."""
        season = season_of(self.settings, panel) if self.settings.missing == "seasonal" else 1
        return GradualFilling.of(panel, self.settings.missing, season, self.columns.coded)

    def rows(self, panel: Panel) -> WindowRows:
        """Scaled rows: inputs filled as each origin may know them, truth from the panel as observed."""
        scale = self.scale_of(panel)
        gradual = self.fill_gradually(panel)
        filled = gradual.first
        values = self._with_calendar(scale.transform(self._channels(filled), panel.lengths), panel.times)
        observed = None
        if self.shape.flagged:
            observed = torch.from_numpy(~np.isnan(values))
        truth = values[:, : self.shape.targets]
        if filled is not panel:
            target_scale = Scale(scale.location[:, : self.shape.targets], scale.spread[:, : self.shape.targets])
            truth = target_scale.transform(transformed(panel, self.settings.transform), panel.lengths)
        if observed is not None:
            truth, values = truth.copy(), np.nan_to_num(values, copy=False, nan=0.0)
        return WindowRows(
            torch.from_numpy(values),
            observed,
            torch.from_numpy(np.ascontiguousarray(truth)),
            self._static(panel.static),
            torch.from_numpy(np.asarray(panel.starts, dtype=np.int64)),
            tuple(self._later(scale, each) for each in gradual.later),
        )

    def _later(self, scale: Scale, later: Later) -> LaterValues:
        """What windows need of values known later: the columns in which there are any, scaled."""
        delays = np.concatenate(
            [
                _widened(
                    later.delays.get(role, np.zeros(getattr(later.panel, role).shape, np.int32)), role, self.columns
                )
                for role in ROLES
            ],
            axis=1,
        )
        columns = np.flatnonzero(delays.any(axis=0))
        own = Scale(scale.location[:, columns], scale.spread[:, columns])
        values = own.transform(self._channels(later.panel)[:, columns], later.panel.lengths)
        return LaterValues(torch.from_numpy(columns), torch.from_numpy(values), torch.from_numpy(delays[:, columns]))

    def newest(self, panel: Panel, scale: Scale, future: np.ndarray, times: np.ndarray) -> RawWindow:
        """The window at the end of each series of a filled panel, with its scale.

        Args:
            panel: as `fill` returns it.
            scale: that of its series.
            future: (N, S, Q) covariates known ahead.
            times: (N, S) of the steps ahead.
        """
        reach = panel.starts[1:, None] + np.arange(-self.shape.context, 0)
        rows = np.maximum(reach, panel.starts[:-1, None]).ravel() if self.shape.flagged else reach.ravel()
        repeat = np.full(len(panel.ids), self.shape.context)
        values = scale.transform(self._channels(panel)[rows], repeat)
        values = self._with_calendar(values, panel.times[rows]).reshape(len(panel.ids), self.shape.context, -1)
        observed = None
        if self.shape.flagged:
            observed = ~np.isnan(values) & (reach >= panel.starts[:-1, None])[:, :, None]
            values = np.where(observed, values, np.float32(0))
        return RawWindow(
            torch.from_numpy(values),
            None if observed is None else torch.from_numpy(observed),
            torch.from_numpy(self._ahead(scale, future, times)),
            self._static(panel.static),
        )

    def unscale(self, values: np.ndarray, scale: Scale) -> np.ndarray:
        """Bring forecasts (N, S, K, outputs) of as many series, or windows, as `scale` has back to their units."""
        targets = self.shape.targets
        location, spread = scale.location[:, None, :targets, None], scale.spread[:, None, :targets, None]
        return restored(values.astype(np.float64) * spread + location, self.settings.transform)

    def _ahead(self, scale: Scale, future: np.ndarray, times: np.ndarray) -> np.ndarray:
        count, steps, covariates = future.shape
        future = _coded_apart(future.reshape(count * steps, covariates), "future", self.columns)
        if not self.shape.future:
            return np.empty((count, steps, 0), dtype=np.float32)
        first = self.shape.targets + self.shape.past
        own = Scale(scale.location[:, first:], scale.spread[:, first:])
        values = own.transform(future, np.full(count, steps))
        return self._with_calendar(values, times.reshape(-1)).reshape(count, steps, -1)

    def _channels(self, panel: Panel) -> np.ndarray:
        return _channels(panel, self.columns, self.settings.transform)

    def _with_calendar(self, values: np.ndarray, times: np.ndarray) -> np.ndarray:
        names = self.shape.features.calendar
        if not names:
            return values
        return np.concatenate([values, calendar_columns(self.columns.wall_clock(times), names)], axis=1)

    def _static(self, static: np.ndarray) -> Tensor:
        codes = len(self.columns.categories)
        if not static.shape[1]:
            return torch.empty(len(static), 0)
        numbers = self.static_scale.transform(static[:, codes:], np.array([len(static)]))
        return torch.from_numpy(np.concatenate([static[:, :codes].astype(np.float32), numbers], axis=1))


def _check_holidays(calendar: tuple[str, ...], panel: Panel) -> None:
    """Holidays are days, so a step must not be longer."""
    named = next((name for name in calendar if names_holidays(name)), None)
    step = parse_step(panel.freq)
    if named and (isinstance(step, MonthStep) or (isinstance(step, FixedStep) and step.size > DAY)):
        raise SettingError(
            f"features={named!r} tells days, and the step of time is {panel.freq}; give the number of holidays in each "
            "step as a column in future_cols"
        )


def check_lengths(panel: Panel, needed: int, short_series: str, least: int = 2) -> Panel:
    """The panel without the series shorter than `needed` rows, or `least` where short ones are padded.

    Raises:
        DataError: naming the short series, when `short_series` is "refuse" or none would be left.
    """
    short = panel.lengths < needed
    if short_series == "pad":
        short = panel.lengths < least
    if not short.any():
        return panel
    lengths = ", ".join(f"{panel.ids[i]} ({panel.lengths[i]})" for i in np.flatnonzero(short)[:3])
    if short_series == "refuse" or short.all():
        many = f"{int(short.sum())} of {len(short)} series are shorter than the {needed} rows needed for one window"
        one = f"{series_words(panel.ids[0])} has {counted(int(panel.lengths[0]), 'row')}, and one window needs {needed}"
        told = one if len(short) == 1 else f"{many} (rows of each: {lengths})"
        fitting = "shorten lookback or horizon, give more rows, or set short_series to 'drop' or 'pad'"
        raise DataError(f"{told}; {'give more rows' if least == 1 else fitting}")
    note = Note("forecasting.short_series", {"count": int(short.sum()), "lengths": lengths})
    return replace(panel.select(~short), notes=(*panel.notes, note))


def _channels(panel: Panel, columns: Columns, transform: str) -> np.ndarray:
    """Targets, transformed, then past and future covariates (R, C), texts as a column for each value."""
    targets = transformed(panel, transform)
    if not panel.past.shape[1] and not panel.future.shape[1]:
        return targets
    covariates = (_coded_apart(getattr(panel, role), role, columns) for role in ("past", "future"))
    return np.concatenate([targets, *covariates], axis=1)


def _coded_apart(values: np.ndarray, role: str, columns: Columns) -> np.ndarray:
    """Covariates (R, P) of a role with each code of text in a column of its own."""
    if not columns.coded[role]:
        return values
    parts = [
        one_hot(values[:, i], len(columns.texts[name])) if name in columns.texts else values[:, i : i + 1]
        for i, name in enumerate(getattr(columns, role))
    ]
    return np.concatenate(parts, axis=1)


def _widened(values: np.ndarray, role: str, columns: Columns) -> np.ndarray:
    """Columns (R, P) of a role, each as often as `_coded_apart` has it."""
    if not columns.coded.get(role):
        return values
    return np.repeat(values, [len(columns.texts.get(name, "1")) for name in getattr(columns, role)], axis=1)
