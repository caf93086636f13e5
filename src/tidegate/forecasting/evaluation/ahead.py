"""What a report shows of the forecast itself: the next values of the series that it draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tidegate.errors import TidegateError
from tidegate.forecasting.evaluation.result import BacktestResult
from tidegate.forecasting.frames import method_name, read_future, with_bounds
from tidegate.forecasting.predictor import Predictor
from tidegate.forecasting.table_model import TableModel
from tidegate.notes import Note
from tidegate.tables.frequency import times_ahead

_LEVEL = 80.0


def with_forecast(
    result: BacktestResult, model: TableModel, future: pd.DataFrame | None, levels: Sequence[float], *, refitted: bool
) -> BacktestResult:
    """The result with the forecast of what follows its example series.

    Where the model cannot forecast, a note says why: what was judged is not lost.

    Args:
        result: of a backtest.
        model: what forecasts.
        future: covariates known ahead, where the model has any; without them there is no forecast.
        levels: of the intervals to show; without any that the model can give, its own or 80 %, if it can.
        refitted: whether the model was trained on all rows after it was judged.
    """
    result = replace(result, refitted=refitted)
    try:
        return replace(result, ahead=_ahead(result, model, future, levels))
    except TidegateError as error:
        return result.noting(Note("forecasting.no_forecast", {"reason": str(error)}))


def _ahead(
    result: BacktestResult, model: TableModel, future: pd.DataFrame | None, levels: Sequence[float]
) -> pd.DataFrame:
    predictor = Predictor(model)
    shown = set(result.examples["unique_id"].astype(str))
    panel = model.newest.select(np.array([str(name) in shown for name in model.newest.ids]))
    chosen = tuple(level for level in levels if predictor.gives(level)) or _own_levels(predictor)
    times = times_ahead(panel, predictor.steps)
    known = read_future(future, panel, predictor.roles, predictor.settings, times)
    return _frame(panel.ids, times, predictor, chosen, predictor.follow(panel, known, times, chosen))


def _own_levels(predictor: Predictor) -> tuple[float, ...]:
    wanted = predictor.settings.levels if predictor.settings.loss == "quantile" else (_LEVEL,)
    return tuple(level for level in wanted if predictor.gives(level))


def _frame(
    ids: np.ndarray, times: np.ndarray, predictor: Predictor, levels: tuple[float, ...], values: np.ndarray
) -> pd.DataFrame:
    """One row per series, step and target, from values (N, S, columns)."""
    targets, (series, steps) = predictor.roles.targets, times.shape
    columns = with_bounds(method_name(predictor.settings), levels)
    frame = {
        "unique_id": np.repeat(ids, steps * len(targets)),
        "ds": np.repeat(times.ravel(), len(targets)),
        "target": np.tile(np.array(targets, dtype=object), series * steps),
    }
    by_target = values.reshape(-1, len(columns))
    return pd.DataFrame(frame | {column: by_target[:, number] for number, column in enumerate(columns)})
