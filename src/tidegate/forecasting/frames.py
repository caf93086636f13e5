"""Forecasts as frames in the input's own column names, and frames of values known ahead."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.tables.ahead import known_ahead
from tidegate.tables.columns import Columns
from tidegate.tables.date_writing import write_dates
from tidegate.tables.messages import stamp_text
from tidegate.tables.moments import as_fitted
from tidegate.tables.panel import Panel
from tidegate.tables.series_ids import SeriesIds
from tidegate.tables.sessions import SessionStep
from tidegate.tables.stamps import parse_times
from tidegate.tables.steps import FixedStep, RowStep, parse_step
from tidegate.tables.text_columns import code_texts
from tidegate.tables.units import DAY


def forecast_frame(
    panel: Panel,
    columns: Columns,
    settings: ForecasterSettings,
    times: np.ndarray,
    names: tuple[str, ...],
    values: np.ndarray,
) -> pd.DataFrame:
    """Lay out forecasts (N, S, names) as one row per series and step."""
    data = _keys(panel, columns, settings, times)
    flat = values.reshape(-1, len(names))
    data |= {name: flat[:, i] for i, name in enumerate(names)}
    return pd.DataFrame(data, copy=False)


def csv_bytes(frame: pd.DataFrame, columns: Columns | None, freq: str | float) -> bytes:
    """A frame of forecasts as a CSV file; numbers read back as they were, times are written as the table wrote them.

    Args:
        frame: what to write.
        columns: of the table, if that is known.
        freq: the step of time. Below a day every time is written with its clock, also where all of a file are midnight.
    """
    if columns is not None and columns.time_form is not None:
        times = [name for name in frame if frame[name].dtype.kind == "M"]
        frame = frame.assign(**{str(name): write_dates(frame[name], columns.time_form) for name in times})
    elif _below_a_day(freq):
        midnights = [name for name in frame if frame[name].dtype.kind == "M" and _all_midnight(frame[name])]
        frame = frame.assign(**{str(name): frame[name].dt.strftime("%Y-%m-%d %H:%M:%S") for name in midnights})
    return frame.to_csv(index=False).encode()


def _below_a_day(freq: str | float) -> bool:
    step = parse_step(freq) if freq else None
    return isinstance(step, FixedStep | RowStep | SessionStep) and step.size < DAY


def _all_midnight(times: pd.Series) -> bool:
    return times.dt.tz is None and bool((times == times.dt.normalize()).all())


def forecast_columns(columns: Columns, settings: ForecasterSettings, levels: tuple[float, ...]) -> tuple[str, ...]:
    """Names of the forecast columns: for each target the point forecast, then low and high of each level."""
    name = method_name(settings)
    targets = [name if len(columns.targets) == 1 else f"{name}-{target}" for target in columns.targets]
    return tuple(column for target in targets for column in with_bounds(target, levels))


def with_bounds(name: str, levels: tuple[float, ...]) -> list[str]:
    """A forecast's name, then those of the low and high bound of each level."""
    return [name, *(f"{name}-{side}-{level:g}" for level in levels for side in ("lo", "hi"))]


def method_name(settings: ForecasterSettings) -> str:
    """The name of the forecast column: the setting `name`, or the cell's or layer's name in capitals."""
    return settings.name or settings.layer_settings().title


def future_frame(panel: Panel, columns: Columns, settings: ForecasterSettings, times: np.ndarray) -> pd.DataFrame:
    """The frame of series and times ahead (N, S), with empty columns for the covariates known ahead."""
    frame = pd.DataFrame(_keys(panel, columns, settings, times))
    empty = {name: np.full(len(frame), None) if name in columns.texts else np.nan for name in columns.future}
    return frame.assign(**empty)


def read_future(
    future: pd.DataFrame | None, panel: Panel, columns: Columns, settings: ForecasterSettings, times: np.ndarray
) -> np.ndarray:
    """The covariates known ahead (N, S, Q) from a filled-in `future_frame`, and those that the panel itself holds.

    Raises:
        DataError: naming the column, series and times for which values are missing.
    """
    if not columns.future:
        return np.empty((*times.shape, 0))
    remedy = "fill in the frame that future_frame() returns and give it as future"
    held = known_ahead(panel, times.shape[1])
    if future is None:
        _refuse_unknown(held, panel, columns, times, remedy)
        return held
    wanted = pd.DataFrame(_keys(panel, columns, settings, times))
    keys = list(wanted.columns)
    absent = [name for name in (*keys, *columns.future) if name not in future.columns]
    if absent:
        raise DataError(f"the future frame has no column {absent[0]!r}; {remedy}")
    # Times are compared as the panel holds them, however the two frames wrote them.
    wanted[keys[-1]] = times.reshape(-1)
    given = future[[*keys, *columns.future]].copy()
    given[keys[-1]] = _as_times(given[keys[-1]], columns, panel.freq, times.dtype, remedy)
    if columns.id is not None:
        known = SeriesIds(panel.ids.tolist())
        wanted[columns.id] = np.repeat(panel.ids, times.shape[1])
        given[columns.id] = _as_known(given[columns.id], known)
    if given.duplicated(keys).any():
        row = int(given.duplicated(keys).to_numpy().argmax()) + 1
        raise DataError(f"row {row} of the future frame repeats a time of its series; keep one row per time")
    merged = wanted.merge(given, on=keys, how="left")
    for column, name in enumerate(columns.future):
        if name in columns.texts:
            values = code_texts(merged[name], name, columns.texts[name])
        else:
            values = pd.to_numeric(merged[name], errors="coerce").to_numpy(dtype=np.float64)
        values = np.where(np.isnan(values), held[:, :, column].ravel(), values)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            at = ", ".join(str(merged[key].iloc[bad[0]]) for key in keys)
            raise DataError(f"the future frame lacks {len(bad)} values of {name!r}, the first at {at}; {remedy}")
        merged[name] = values
    return merged[list(columns.future)].to_numpy(dtype=np.float64).reshape(*times.shape, -1)


def _refuse_unknown(held: np.ndarray, panel: Panel, columns: Columns, times: np.ndarray, remedy: str) -> None:
    unknown = np.isnan(held).any(axis=2)
    if not unknown.any():
        return
    where = ""
    if panel.ahead is not None:
        series, step = (int(index[0]) for index in np.nonzero(unknown))
        where = f" at {stamp_text(times[series, step])}, and the rows of the table with an empty target end before that"
    raise DataError(f"the forecast needs values ahead of {', '.join(columns.future)}{where}; {remedy}")


def _as_known(column: pd.Series, known: SeriesIds) -> np.ndarray:
    """Identifiers (R,) as the table's own panel has them."""
    codes, distinct = pd.factorize(column.astype(object), use_na_sentinel=False)
    names = np.empty(len(distinct), dtype=object)
    own = list(known)
    for i, name in enumerate(distinct):
        number = known.find(name)
        names[i] = name if number is None else own[number]
    return names[codes]


def _as_times(column: pd.Series, columns: Columns, freq: str | int | float, dtype: np.dtype, remedy: str) -> np.ndarray:
    name = str(column.name)
    parsed = as_fitted(parse_times(column, name, usual=columns.time_form), columns, str(freq), name).values
    if parsed.dtype.kind != dtype.kind and "M" in (parsed.dtype.kind, dtype.kind):
        raise DataError(f"column {column.name!r} of the future frame holds other times than the table did; {remedy}")
    return parsed.astype(dtype)


def _keys(
    panel: Panel, columns: Columns, settings: ForecasterSettings, times: np.ndarray
) -> dict[str, np.ndarray | pd.Series]:
    keys: dict[str, np.ndarray | pd.Series] = {}
    if columns.id is not None:
        keys[columns.id] = pd.Series(columns.restore_ids(panel.ids).repeat(times.shape[1]))
    keys[columns.time or settings.time_col] = columns.restore_times(times.reshape(-1))
    return keys
