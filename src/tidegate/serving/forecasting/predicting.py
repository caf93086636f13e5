"""Forecasts of a request that was read: plain arrays through micro-batches, tables in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.context import Context, NextForecast
from tidegate.forecasting.frames import read_future
from tidegate.forecasting.observations import as_numbers, check_rows, read_ahead, refuse_texts
from tidegate.forecasting.predictor import Predictor
from tidegate.serving.batching import Batcher
from tidegate.serving.bounds import Bounds
from tidegate.serving.contract import ModelVersion
from tidegate.serving.forecasting.answers import forecast_body, head_of
from tidegate.serving.forecasting.judged import naive_after
from tidegate.serving.forecasting.loading import forecast, own_series, table_model
from tidegate.serving.forecasting.schemas import PredictBody
from tidegate.serving.responses import Refusal, overloaded, to_json
from tidegate.tables.frequency import times_ahead
from tidegate.tables.panel import Panel

_MOST_SERIES, _MOST_VALUES, _PLAYED = 1000, 1_000_000, 300
_Result = TypeVar("_Result")


class Tables:
    """Forecasts of tables, made in one thread beside the event loop; bounded in number."""

    def __init__(self, waiting: int = 64) -> None:
        """Make the thread; `waiting` is the number of tables held, at most."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tidegate-tables")
        self._limit, self._held = waiting, 0

    async def run(self, work: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run the work; refused when too many tables are held."""
        if self._held >= self._limit:
            raise overloaded("the service holds all the tables it may; try again in a second")
        self._held += 1
        doing = asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        doing.add_done_callback(self._done)  # also when the one who asked has gone: the thread still works on it
        return await doing

    def close(self) -> None:
        """End the thread after what was accepted."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._held -= 1
        if not future.cancelled():
            future.exception()


async def predict_arrays(version: ModelVersion, body: PredictBody, batcher: Batcher, bounds: Bounds) -> bytes:
    """Forecast what follows the values of a request, one forecast per window.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    predictor = version.model.predictor
    refuse_texts(predictor.texts)
    windows = read_windows(body.values, predictor.columns, bounds, predictor.gaps)
    series = own_series(version, body.series)
    future = np.empty((predictor.steps, 0))
    if predictor.known_ahead or body.future is not None:
        future = read_ahead(body.future, predictor.known_ahead, predictor.steps)
    times = None
    if body.start is not None:
        if predictor.clock is None:
            raise DataError("a model of plain arrays knows no times; leave start out")
        inside = predictor.clock.after(predictor.clock.read(body.start), 0, windows.shape[1])
        times = predictor.clock.stamps(inside)
    levels = tuple(body.level)
    contexts = [Context(rows, times, future, series) for rows in windows]
    waited = [forecast(version, batcher, context, levels) for context in contexts]
    forecasts = [await waited[0]] if len(waited) == 1 else await asyncio.gather(*waited)
    return to_json(head_of(version, levels) | {"forecasts": [_of(series) | forecast_body(one) for one in forecasts]})


def read_windows(values: Any, columns: tuple[str, ...], bounds: Bounds, gaps: bool) -> np.ndarray:
    """Windows (n, rows, columns) from numbers, rows of columns, or windows.

    Raises:
        DataError: they have no such shape, or hold what cannot be used.
    """
    array, width = as_numbers(values, "values"), len(columns)
    if array.ndim == 1:
        array = array[None, :, None]
    elif array.ndim == 2:
        array = array[:, :, None] if width == 1 and array.shape[1] != 1 else array[None]
    if array.ndim != 3 or array.shape[2] != width or 0 in array.shape:
        raise DataError(
            f"values have shape {np.shape(values)}; give rows of {width} columns ({', '.join(columns)[:200]}), or "
            "windows (n, rows, columns) of one length"
        )
    bounds.check_rows(array.shape[0] * array.shape[1])
    if array.shape[0] > _MOST_SERIES:
        raise Refusal(
            413, f"the request has {array.shape[0]} windows and may have {_MOST_SERIES}; send fewer at a time"
        )
    check_rows(array.reshape(-1, width), columns, gaps, "values")
    return array


def newest_rows(version: ModelVersion, series: object, levels: tuple[float, ...]) -> bytes:
    """The rows that the model was fitted on last and the forecast that follows them, for a chart."""
    model, predictor = table_model(version)
    predictor.check_levels(levels)
    newest = model.newest
    number = 0 if series is None else predictor.series.number(own_series(version, series))
    names = [None if predictor.roles.id is None else name for name in predictor.series]
    picked = newest.select(np.arange(len(newest.ids)) == number)
    body = head_of(version, levels) | {"series": names[:_MOST_SERIES]}
    drawn = _of(names[number]) | _drawn(version, picked, 0)
    if predictor.known_ahead:
        return to_json(body | {"forecasts": [drawn | {"times": [], "columns": {}}]})
    times = times_ahead(picked, predictor.steps)
    values = predictor.follow(picked, np.empty((1, predictor.steps, 0)), times, levels)
    return to_json(body | {"forecasts": [drawn | _named(predictor, times[0], values[0], levels)]})


def predict_panel(
    version: ModelVersion, table: Panel | None, future: pd.DataFrame | None, levels: tuple[float, ...], history: bool
) -> bytes:
    """Forecast what follows each series of a panel, or of the fit; with `history` also its newest rows, for a chart."""
    model, predictor = table_model(version)
    predictor.check_levels(levels)
    panel = model.newest if table is None else model.usable(model.named(table))
    count = len(panel.ids)
    if count > _MOST_SERIES or count * predictor.steps * (1 + 2 * len(levels)) > _MOST_VALUES:
        raise Refusal(413, f"the table has {count} series and may have {_MOST_SERIES}; send fewer at a time")
    times = times_ahead(panel, predictor.steps)
    known = read_future(future, panel, predictor.roles, predictor.settings, times)
    values = predictor.follow(panel, known, times, levels)
    forecasts = []
    for i in range(count):
        body = _of(None if predictor.roles.id is None else panel.ids[i]) | (
            _drawn(version, panel, i) if history else {}
        )
        forecasts.append(body | _named(predictor, times[i], values[i], levels))
    notes = [str(note) for note in panel.notes]
    return to_json(head_of(version, levels) | {"notes": notes, "forecasts": forecasts})


def _of(series: object) -> dict[str, Any]:
    return {} if series is None else {"series": series}


def _named(predictor: Predictor, times: np.ndarray, values: np.ndarray, levels: tuple[float, ...]) -> dict[str, Any]:
    return forecast_body(NextForecast("", times, predictor.names(levels), values, predictor.clock))


def _drawn(version: ModelVersion, panel: Panel, number: int) -> dict[str, Any]:
    """One series' naive forecast, and the newest rows of its targets: what a stream needs to begin, and some more."""
    predictor, part = version.model.predictor, panel.rows(number)
    part = slice(max(part.start, part.stop - predictor.needed - _PLAYED), part.stop)
    columns = {
        name: [None if value != value else value for value in panel.targets[part, i].tolist()]
        for i, name in enumerate(predictor.roles.targets)
    }
    naive = naive_after(predictor, panel, number, version.model.judged.verdict)
    return {"history": {"times": predictor.clock.texts(panel.times[part]), "columns": columns}, "naive": naive}
