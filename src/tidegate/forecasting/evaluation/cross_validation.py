"""Forecasts from several ends of a table, each by a network that knew nothing behind it, beside naive ones."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.evaluation.baselines import naive_windows
from tidegate.forecasting.evaluation.window_forecasts import as_learned, window_frame
from tidegate.forecasting.finite import quiet
from tidegate.forecasting.frames import method_name, with_bounds
from tidegate.forecasting.intervals import check_levels
from tidegate.forecasting.predictor import Predictor
from tidegate.forecasting.refit import fit
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.windows import Windows
from tidegate.tables.building import build_panel
from tidegate.tables.columns import Columns
from tidegate.tables.frequency import season_of
from tidegate.tables.panel import Panel
from tidegate.training.hooks import TrainingHooks


@quiet()
def cross_validation(
    settings: ForecasterSettings,
    data: Any,
    *,
    n_windows: int,
    step_size: int | None,
    refit: bool | int,
    levels: tuple[float, ...],
) -> pd.DataFrame:
    """Forecast the last windows of each series; see `Forecaster.cross_validation`.

    Raises:
        SettingError: a count cannot be used, or a level.
        DataError: the table cannot be used, or is too short for so many windows.
    """
    step = settings.horizon if step_size is None else step_size
    _check_counts(n_windows=n_windows, step_size=step, refit=refit)
    every = n_windows if refit is False else 1 if refit is True else int(refit)
    check_levels(levels)
    panel, columns = build_panel(data, settings)
    first = panel.lengths - settings.horizon - (n_windows - 1) * step
    if first.max() < 1:
        raise DataError(
            f"{n_windows} windows of {settings.horizon} rows, {step} apart, leave none of the longest series "
            f"({panel.lengths.max()} rows) to train on; lower n_windows, step_size or the horizon, or give more rows"
        )
    frames = []
    for begun in range(0, n_windows, every):
        origins = [np.maximum(first + window * step, 0) for window in range(begun, min(begun + every, n_windows))]
        frames += _forecasts(settings, panel, columns, origins, step, levels)
    return pd.concat(frames, ignore_index=True)


def _forecasts(
    settings: ForecasterSettings,
    panel: Panel,
    columns: Columns,
    origins: list[np.ndarray],
    step: int,
    levels: tuple[float, ...],
) -> Iterator[pd.DataFrame]:
    """One frame for each of several origins, the rows (N,) known of each series, by a network that knows the first."""
    model = fit(settings, panel.head(origins[0]), columns, TrainingHooks())
    panel, kept = as_learned(model, panel, columns)
    predictor = Predictor(model)
    predictor.check_levels(levels)
    whole = model.windows(panel, (origins[0][kept], origins[-1][kept] + settings.horizon))
    for known in origins:
        indices = _at(whole, panel.starts[:-1] + known[kept])
        rows, series = (each.numpy() for each in whole.locate(indices))
        values = predictor.inside(panel, whole, indices, levels)
        truth = panel.targets[rows[:, None] + np.arange(settings.horizon)].astype(np.float64)
        by_target = values.reshape(*truth.shape, -1)
        names = with_bounds(method_name(settings), levels)
        forecasts = {name: by_target[..., number] for number, name in enumerate(names)}
        naive = naive_windows(panel, rows, series, settings.horizon, season_of(settings, panel))
        yield window_frame(panel, columns, rows, series, truth, forecasts | naive)


def _at(windows: Windows, rows: np.ndarray) -> Tensor:
    """The windows that forecast these rows (N,) of the panel first, where there is one."""
    indices = torch.arange(len(windows))
    found, series = windows.locate(indices)
    return indices[found == torch.from_numpy(rows)[series]]


def _check_counts(*, refit: bool | int, **counts: int) -> None:
    counts |= {} if isinstance(refit, bool) else {"refit": refit}
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
            also = "True, False or " if name == "refit" else ""
            raise SettingError(f"{name} must be {also}a whole number of at least 1, not {count!r}")
