"""Forecasts of a request: plain arrays through micro-batches, tables through the table reader."""

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
from tidegate.forecasting.observations import LARGEST, as_numbers, check_row, read_ahead
from tidegate.forecasting.predictor import Predictor
from tidegate.serving.batching import Batcher
from tidegate.serving.contract import ModelVersion
from tidegate.serving.forecasting.answers import forecast_body
from tidegate.serving.forecasting.judged import naive_after, verdict_of
from tidegate.serving.forecasting.loading import forecast, own_series, table_predictor
from tidegate.serving.forecasting.schemas import PredictBody
from tidegate.serving.forecasting.uploads import Upload, read_file, read_names, renamed, renamed_ahead
from tidegate.serving.responses import Refusal, overloaded, to_json
from tidegate.tables.frequency import times_ahead
from tidegate.tables.panel import Panel

_MOST_SERIES, _MOST_VALUES, _PLAYED = 1000, 1_000_000, 300
_Result = TypeVar("_Result")


class Tables:
    """Work that reads tables, done in one thread beside the event loop; bounded in number."""

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


async def predict_arrays(version: ModelVersion, body: PredictBody, batcher: Batcher, most_rows: int) -> bytes:
    """Forecast what follows the values of a request, one forecast per window.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    predictor = version.model.predictor
    windows = read_windows(body.values, predictor.columns, most_rows, predictor.gaps)
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
    return to_json(
        {
            "model": version.name,
            "version": version.version,
            "forecasts": [_of(series) | forecast_body(one) for one in forecasts],
        }
    )


def read_windows(values: Any, columns: tuple[str, ...], most_rows: int, gaps: bool) -> np.ndarray:
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
    if array.shape[0] * array.shape[1] > most_rows:
        raise Refusal(413, f"the request has more than {most_rows} rows; send fewer at a time")
    if array.shape[0] > _MOST_SERIES:
        raise Refusal(
            413, f"the request has {array.shape[0]} windows and may have {_MOST_SERIES}; send fewer at a time"
        )
    flat = array.reshape(-1, width)
    if not np.isfinite(flat).all() or np.abs(flat).max() >= LARGEST:
        for number, row in enumerate(flat):
            try:
                check_row(row, columns, gaps)
            except DataError as error:
                raise DataError(f"values[{number}]: {error}") from None
    return array


def predict_rows(version: ModelVersion, body: PredictBody, most_rows: int) -> bytes:
    """Forecast what follows each series of a table of rows."""
    rows = body.rows or []
    if not rows:
        raise DataError("rows is empty; give at least as many rows as the model looks back")
    if len(rows) > most_rows:
        raise Refusal(413, f"the request has {len(rows)} rows and may have {most_rows}; send fewer at a time")
    if body.future and not isinstance(body.future[0], dict):
        raise DataError("future has rows without names; beside rows of a table give each as an object, by column")
    future = None if body.future is None else pd.DataFrame(body.future)
    return _predict_frame(version, pd.DataFrame(rows), future, tuple(body.level), history=False)


def predict_files(
    version: ModelVersion,
    upload: Upload,
    columns: str | None,
    levels: tuple[float, ...],
    most_rows: int,
) -> bytes:
    """Forecast what follows the series of a table, or those of the fit, with the newest rows for a chart.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    roles = table_predictor(version).roles.names
    names = read_names(columns, roles)
    for file in (upload.table or b"", upload.future or b""):
        if file.count(b"\n") > most_rows:
            raise Refusal(413, f"the file has more than {most_rows} lines; send fewer at a time")
    frame = future = None
    if upload.table is not None:
        frame = renamed(read_file(upload.table, "the file"), names, roles)
    if upload.future is not None:
        future = renamed_ahead(read_file(upload.future, "the file of what is known ahead"), names, roles)
    return _predict_frame(version, frame, future, levels, history=True)


def newest_rows(version: ModelVersion, series: object, levels: tuple[float, ...]) -> bytes:
    """The rows that the model was fitted on last and the forecast that follows them, for a chart."""
    forecaster, predictor = version.model.forecaster, table_predictor(version)
    predictor.check_levels(levels)
    newest = forecaster.fitted().newest
    number = 0 if series is None else predictor.series.number(own_series(version, series))
    names = [None if predictor.roles.id is None else name for name in predictor.series]
    picked = newest.select(np.arange(len(newest.ids)) == number)
    body = {"model": version.name, "version": version.version, "series": names[:_MOST_SERIES]}
    drawn = _of(names[number]) | _drawn(version, picked, 0)
    if predictor.known_ahead:
        return to_json(body | {"forecasts": [drawn | {"times": [], "columns": {}}]})
    times = times_ahead(picked, predictor.steps)
    values = predictor.follow(picked, np.empty((1, predictor.steps, 0)), times, levels)
    return to_json(body | {"forecasts": [drawn | _named(predictor, times[0], values[0], levels)]})


def _predict_frame(
    version: ModelVersion,
    frame: pd.DataFrame | None,
    future: pd.DataFrame | None,
    levels: tuple[float, ...],
    *,
    history: bool,
) -> bytes:
    forecaster, predictor = version.model.forecaster, table_predictor(version)
    model = forecaster.fitted()
    predictor.check_levels(levels)
    panel = model.newest if frame is None else model.usable(forecaster.panel(frame))
    count = len(panel.ids)
    if count > _MOST_SERIES or count * predictor.steps * (1 + 2 * len(levels)) > _MOST_VALUES:
        raise Refusal(413, f"the table has {count} series and may have {_MOST_SERIES}; send fewer at a time")
    times = times_ahead(panel, predictor.steps)
    known = read_future(future, panel, predictor.roles, predictor.settings, times)
    values = predictor.follow(panel, known, times, levels)
    forecasts = []
    for i in range(count):
        body = _drawn(version, panel, i) if history else {}
        if predictor.roles.id is not None:
            body = {"series": panel.ids[i]} | body
        forecasts.append(body | _named(predictor, times[i], values[i], levels))
    notes = [str(note) for note in panel.notes]
    return to_json({"model": version.name, "version": version.version, "notes": notes, "forecasts": forecasts})


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
    naive = naive_after(predictor, panel, number, verdict_of(version.model.folder))
    return {"history": {"times": predictor.clock.texts(panel.times[part]), "columns": columns}, "naive": naive}
