"""Fit on the past, forecast what came after, beside naive forecasts made on the same windows."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.evaluation.baselines import common_truth, naive_windows
from tidegate.forecasting.evaluation.held_out import check_test_size, held_out
from tidegate.forecasting.evaluation.metrics import error_table, mase_scale
from tidegate.forecasting.evaluation.result import PARTS, BacktestResult
from tidegate.forecasting.evaluation.significance import diebold_mariano, loss_by_origin, reach
from tidegate.forecasting.evaluation.verdict import best_naive, verdict_metric, verdict_on
from tidegate.forecasting.evaluation.window_forecasts import WindowForecasts, as_learned, forecast_part, window_frame
from tidegate.forecasting.finite import quiet
from tidegate.forecasting.frames import method_name
from tidegate.forecasting.refit import fit
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.table_model import TableModel, training_lengths
from tidegate.notes import Note
from tidegate.tables.building import build_panel
from tidegate.tables.columns import Columns
from tidegate.tables.frequency import season_of, times_ahead
from tidegate.tables.panel import Panel
from tidegate.training.history import History
from tidegate.training.hooks import TrainingHooks
from tidegate.training.schedules import OPEN_ENDED

_EXAMPLES = 3
_EXAMPLE_ROWS = 20_000


def backtest(
    settings: ForecasterSettings, panel: Panel, columns: Columns, test_size: float, hooks: TrainingHooks
) -> tuple[TableModel, BacktestResult]:
    """Fit on the first rows of each series and test on the last; see `Forecaster.backtest`.

    Returns:
        The model, fitted on the first rows and ready to continue the whole panel, and how it did.

    Raises:
        SettingError: `test_size` is neither a share nor a number of rows.
        DataError: the panel cannot be used, or is too short for a test.
    """
    return _backtest(settings, panel, columns, panel.lengths - held_out(test_size, panel.lengths), hooks)


def cross_validate(settings: ForecasterSettings, data: Any, folds: int, test_size: float) -> list[BacktestResult]:
    """Test a fresh model at each of several ends of the table; see `Forecaster.cross_validate`.

    Raises:
        SettingError: `folds` or `test_size` cannot be used.
        DataError: the table cannot be used, or is too short for so many tests.
    """
    check_test_size(test_size)
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2 or (test_size < 1 <= folds * test_size):
        raise SettingError(f"folds must be a whole number of at least 2 with folds * test_size below 1, not {folds!r}")
    panel, columns = build_panel(data, settings)
    if folds * test_size >= panel.lengths.max():
        raise DataError(
            f"{folds} folds of {test_size} rows leave none of the longest series ({panel.lengths.max()} rows) to train "
            "on; lower folds or test_size, or give more rows"
        )
    test = held_out(test_size, panel.lengths)
    ends = [np.maximum(panel.lengths - fold * test, 0) for fold in reversed(range(folds))]
    parts = [(panel.head(end), np.maximum(end - test, 0)) for end in ends]
    return [_backtest(settings, part, columns, seen, TrainingHooks())[1] for part, seen in parts]


@quiet()
def _backtest(
    settings: ForecasterSettings, panel: Panel, columns: Columns, seen: np.ndarray, hooks: TrainingHooks
) -> tuple[TableModel, BacktestResult]:
    """Fit on the first `seen` rows of each series and test on the rest; the model then continues the whole panel."""
    model = fit(settings, panel.head(seen), columns, hooks)
    panel, kept = as_learned(model, panel, columns)
    seen = seen[kept]
    model.keep_newest(panel)
    evaluation = forecast_part(model, panel, (seen, panel.lengths))
    return model, _result(model, panel, columns, seen, evaluation)


@quiet()
def score_panel(model: TableModel, panel: Panel) -> float:
    """R² over every window of a panel, the mean over targets, steps together."""
    nothing = np.zeros_like(panel.lengths)
    evaluation = forecast_part(model, panel, (nothing, panel.lengths))
    errors = error_table(evaluation.truth, {"r2": evaluation.forecast}, np.ones(evaluation.truth.shape[2]), ["y"])
    return float(errors.loc[errors["step"] == "all", "r2"].iloc[0])


def _result(
    model: TableModel, panel: Panel, columns: Columns, seen: np.ndarray, evaluation: WindowForecasts
) -> BacktestResult:
    settings = model.preprocessor.settings
    method, season = method_name(settings), season_of(settings, panel)
    naive = naive_windows(panel, evaluation.rows, evaluation.series, settings.horizon, season)
    truth = common_truth(evaluation.truth, naive)
    forecasts = {method: evaluation.forecast, **naive}
    scales = np.stack([mase_scale(panel.targets[_first_rows(panel, n, seen)], season) for n in range(len(seen))])
    scale = scales[evaluation.series]
    errors = error_table(truth, forecasts, scale, columns.targets)
    series = len(panel.ids)
    best = best_naive(errors, series)
    divisor = scale if verdict_metric(errors, series)[0] == "mase" else None
    origins, ends = panel.times[evaluation.rows - 1], panel.times[evaluation.rows + settings.horizon - 1]
    ours, theirs = (loss_by_origin(truth, forecasts[name], origins, divisor) for name in (method, best or method))
    significance = diebold_mariano(ours, theirs, reach(origins, ends))
    history = model.history.to_frame()
    notes = list(panel.notes)
    if evaluation.of > len(evaluation.rows):
        notes.append(Note("forecasting.windows_judged", {"judged": len(evaluation.rows), "all": int(evaluation.of)}))
    notes += _stopped_too_soon(model.history, settings)
    return BacktestResult(
        method=method,
        forecasts=window_frame(panel, columns, evaluation.rows, evaluation.series, truth, forecasts),
        errors=errors,
        verdict=verdict_on(errors, series, method, significance),
        significance=significance,
        best_naive=best,
        windows=len(evaluation.rows),
        series=series,
        parts=_parts(panel, training_lengths(settings, panel.head(seen)), seen),
        examples=_examples(model, panel, columns, seen, evaluation, best, season),
        history=history,
        best_epoch=model.history.best_epoch,
        settings=asdict(settings),
        notes=tuple(notes),
        columns=columns,
    )


def _stopped_too_soon(history: History, settings: ForecasterSettings) -> list[Note]:
    """A note where the best epoch is among the last: more of them might have been better still."""
    best = history.best_epoch or 0
    falling = history.decided_by != "last epoch" and not history.interrupted
    if falling and settings.schedule in OPEN_ENDED and best > 0.9 * settings.epochs:
        return [Note("forecasting.raise_epochs", {"best": best, "epochs": settings.epochs})]
    return []


def _first_rows(panel: Panel, number: int, seen: np.ndarray) -> slice:
    start = int(panel.starts[number])
    return slice(start, start + int(seen[number]))


def _parts(panel: Panel, training: np.ndarray, seen: np.ndarray) -> pd.DataFrame:
    edges = [np.zeros_like(seen), training, seen, panel.lengths]
    rows = []
    for part, first, last in zip(PARTS, edges[:-1], edges[1:], strict=True):
        held = last > first
        if held.any():
            begin, end = panel.starts[:-1][held] + first[held], panel.starts[:-1][held] + last[held] - 1
            rows.append((part, panel.times[begin].min(), panel.times[end].max(), int((last - first).sum())))
    return pd.DataFrame(rows, columns=["part", "start", "end", "rows"])


def _examples(
    model: TableModel,
    panel: Panel,
    columns: Columns,
    seen: np.ndarray,
    evaluation: WindowForecasts,
    best: str | None,
    season: int,
) -> pd.DataFrame:
    """The whole history of a few series with the forecast of each next row, for the figures."""
    settings = model.preprocessor.settings
    training = training_lengths(settings, panel.head(seen))
    frames = []
    for number in _chosen(evaluation):
        keep = np.arange(len(panel.ids)) == number
        one = panel.select(keep)
        first = np.maximum(one.lengths - _EXAMPLE_ROWS, 0)
        # the last rows too have a forecast one step ahead, though the other steps of its window lie behind the table
        longer = one if columns.future or settings.horizon == 1 else _prolonged(one, settings.horizon - 1)
        shown = forecast_part(model, longer, (first, longer.lengths), most=_EXAMPLE_ROWS)
        values = {method_name(settings): shown.forecast}
        if best is not None:
            values[best] = naive_windows(longer, shown.rows, shown.series, settings.horizon, season)[best]
        part = np.repeat(PARTS, [training[number], seen[number] - training[number], one.lengths[0] - seen[number]])
        for k, target in enumerate(columns.targets):
            frame = {"unique_id": one.ids[0], "ds": one.times, "target": target, "y": one.targets[:, k], "part": part}
            for name, forecast in values.items():
                next_row = np.full(len(longer.times), np.nan)
                next_row[shown.rows] = forecast[:, 0, k]
                frame[name] = next_row[: len(one.times)]
            frames.append(pd.DataFrame(frame).iloc[int(first[0]) :])
    return pd.concat(frames, ignore_index=True)


def _prolonged(one: Panel, steps: int) -> Panel:
    """A panel of one series with its last row repeated; no forecast of its rows depends on what is in those behind."""
    keep = np.minimum(np.arange(len(one.times) + steps), len(one.times) - 1)
    return replace(
        one,
        starts=np.array([0, len(keep)]),
        times=np.append(one.times, times_ahead(one, steps)[0]),
        targets=one.targets[keep],
        past=one.past[keep],
        future=one.future[keep],
    )


def _chosen(evaluation: WindowForecasts) -> list[int]:
    """The first series with a test window, the one of middle error and the worst."""
    numbers = np.unique(evaluation.series)
    if len(numbers) <= _EXAMPLES:
        return numbers.tolist()
    error = np.nan_to_num(np.abs(evaluation.truth - evaluation.forecast)).mean(axis=(1, 2))
    mean = np.bincount(evaluation.series, weights=error)[numbers] / np.bincount(evaluation.series)[numbers]
    order = numbers[np.argsort(mean)]
    return list(dict.fromkeys([int(numbers[0]), int(order[len(order) // 2]), int(order[-1])]))
