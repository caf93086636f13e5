"""Rows that lie outside the interval which was forecast for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from tidegate.errors import DataError
from tidegate.forecasting.finite import quiet
from tidegate.forecasting.predictor import Predictor
from tidegate.forecasting.table_model import TableModel
from tidegate.forecasting.windows import Windows
from tidegate.tables.panel import Panel

_CHUNK = 20_000


@quiet()
def detect(model: TableModel, panel: Panel, level: float) -> pd.DataFrame:
    """Judge every row of a panel by the newest forecast that was made before it; see `Forecaster.detect`.

    That is the first step of a window, or, in the last rows, which no window begins with, a later step of the last.

    Raises:
        DataError: no row has history enough, or there are too few errors for the level.
        SettingError: the network did not learn the level.
    """
    predictor = Predictor(model)
    predictor.check_levels((level,))
    predictor.warn_of_levels((level,))
    windows = model.windows(panel, (np.zeros_like(panel.lengths), panel.lengths))
    if not len(windows):
        raise DataError(
            f"no row can be judged: that takes {predictor.needed} rows of history and {predictor.steps} rows after; "
            "give more rows"
        )
    parts = list(_newest_forecasts(predictor, panel, windows, level))
    rows, values = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(rows, kind="stable")
    rows, values = rows[order], values[order]
    return _frame(predictor, panel, rows, values, level)


def _newest_forecasts(
    predictor: Predictor, panel: Panel, windows: Windows, level: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows (R,) of the panel and the forecasts (R, columns) that were the newest before each."""
    ends = panel.starts[1:]
    for chunk in torch.arange(len(windows)).split(_CHUNK):
        rows, series = (each.numpy() for each in windows.locate(chunk))
        values = predictor.inside(panel, windows, chunk, (level,))
        yield rows, values[:, 0]
        last = rows + predictor.steps == ends[series]
        later = np.arange(1, predictor.steps)
        yield (rows[last, None] + later).ravel(), values[last, 1:].reshape(-1, values.shape[2])


def _frame(predictor: Predictor, panel: Panel, rows: np.ndarray, values: np.ndarray, level: float) -> pd.DataFrame:
    roles, names = predictor.roles, predictor.names((level,))
    frame: dict[str, object] = {}
    if roles.id is not None:
        series = np.searchsorted(panel.starts, rows, side="right") - 1
        frame[roles.id] = pd.Series(roles.restore_ids(panel.ids)).iloc[series].array
    frame[roles.time or predictor.settings.time_col] = roles.restore_times(panel.times[rows])
    truth = panel.targets[rows]
    frame |= {target: truth[:, number] for number, target in enumerate(roles.targets)}
    frame |= {name: values[:, number] for number, name in enumerate(names)}
    low, high = values[:, 1::3], values[:, 2::3]
    outside = (truth < low) | (truth > high)
    marks = ["anomaly"] if len(roles.targets) == 1 else [f"anomaly-{target}" for target in roles.targets]
    return pd.DataFrame(frame | {mark: outside[:, number] for number, mark in enumerate(marks)}, copy=False)
