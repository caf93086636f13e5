"""Forecast every window of a part of a panel, beside the truth, in original units."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from tidegate.errors import DataError
from tidegate.forecasting.predictor import Predictor
from tidegate.forecasting.table_model import TableModel
from tidegate.tables.columns import Columns
from tidegate.tables.panel import Panel
from tidegate.tables.text_columns import recoded

MOST_WINDOWS = 20_000


class NoWindowError(DataError):
    """No window fits into the rows to judge on."""


@dataclass(frozen=True)
class WindowForecasts:
    """Windows with their truth and forecast.

    Attributes:
        truth, forecast: (W, S, K); truth is NaN where unknown.
        rows: (W,) row of the panel that each window forecasts first.
        series: (W,) number of its series.
        of: how many windows there are in all, of which W were taken, evenly spaced.
    """

    truth: np.ndarray
    forecast: np.ndarray
    rows: np.ndarray
    series: np.ndarray
    of: int


def forecast_part(
    model: TableModel,
    panel: Panel,
    part: tuple[np.ndarray, np.ndarray],
    most: int = MOST_WINDOWS,
) -> WindowForecasts:
    """Forecast the windows whose rows lie within a part.

    Args:
        model: fitted.
        panel: history and truth.
        part: two arrays (N,), first row and row after the last, within each series.
        most: windows to take at most, evenly spaced.

    Raises:
        NoWindowError: the part holds no window.
        DataError: a forecast is not finite.
    """
    windows = model.windows(panel, part)
    if not len(windows):
        shape, horizon = model.preprocessor.shape, model.preprocessor.settings.horizon
        raise NoWindowError(
            f"the rows to judge on hold no window of {horizon} rows after {shape.context} rows of history; "
            "give more rows, or shorten lookback, horizon or features"
        )
    indices = torch.linspace(0, len(windows) - 1, min(len(windows), most), dtype=torch.float64).round().long()
    rows, series = (part.numpy() for part in windows.locate(indices))
    forecast = Predictor(model).inside(panel, windows, indices)
    steps = rows[:, None] + np.arange(forecast.shape[1])
    return WindowForecasts(panel.targets[steps].astype(np.float64), forecast, rows, series, len(windows))


def window_frame(
    panel: Panel,
    columns: Columns,
    rows: np.ndarray,
    series: np.ndarray,
    truth: np.ndarray,
    forecasts: dict[str, np.ndarray],
) -> pd.DataFrame:
    """One row per window, step and target: unique_id, ds, cutoff, target (of several), y, and a column per forecast.

    Args:
        panel: the rows.
        columns: their roles.
        rows, series: (W,) row of the panel that each window forecasts first, and its series.
        truth: (W, S, K).
        forecasts: name -> (W, S, K).
    """
    windows, steps, targets = truth.shape
    reach = np.repeat((rows[:, None] + np.arange(steps)).ravel(), targets)
    frame = {
        "unique_id": np.repeat(panel.ids[series], steps * targets),
        "ds": panel.times[reach],
        "cutoff": np.repeat(panel.times[rows - 1], steps * targets),
    }
    if targets > 1:
        frame["target"] = np.tile(np.array(columns.targets, dtype=object), windows * steps)
    return pd.DataFrame(frame | {"y": truth.ravel()} | {name: forecast.ravel() for name, forecast in forecasts.items()})


def as_learned(model: TableModel, panel: Panel, columns: Columns) -> tuple[Panel, np.ndarray]:
    """The series of a panel that a model was fitted on, text coded as it learned, and which of all (N,) they are."""
    kept = np.isin(panel.ids.astype(str), model.preprocessor.ids.astype(str))
    panel = replace(panel.select(kept), notes=model.newest.notes)
    return recoded(panel, columns, model.preprocessor.columns), kept
