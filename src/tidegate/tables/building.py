"""How does a table become a panel: roles, series, order, step of time, gaps; every fault with rows and a remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tidegate.errors import DataError, SettingError
from tidegate.notes import Note
from tidegate.tables.ahead import split_ahead
from tidegate.tables.columns import Columns
from tidegate.tables.excel import NOTE
from tidegate.tables.filling import REMEDIES, leave_out_empty
from tidegate.tables.gaps import Grid, close_gaps
from tidegate.tables.marks import marks_of
from tidegate.tables.messages import row_list, short_list, stamp_text
from tidegate.tables.moments import as_fitted, in_steps
from tidegate.tables.numbers import column_of, is_text, read_numbers, to_numbers
from tidegate.tables.ordering import Order, order_rows
from tidegate.tables.panel import Panel
from tidegate.tables.reading import frame_kind, read_table
from tidegate.tables.roles import DEFAULT_TARGET, DEFAULT_TIME, Roles, fitted_roles, resolve_roles
from tidegate.tables.rows import rows_to_long
from tidegate.tables.settings import TableSettings
from tidegate.tables.stamps import Times, parse_calendar, parse_date_and_clock, parse_times
from tidegate.tables.static_columns import static_values
from tidegate.tables.text_columns import code_texts, holds_text, learn_texts
from tidegate.tables.wide import wide_to_long


def build_panel(source: Any, settings: TableSettings, *, like: Columns | None = None) -> tuple[Panel, Columns]:
    """Read a table into regular series.

    Missing values stay NaN (see `tidegate.tables.filling.fill`), and rows that are missing between two others
    are put in as NaN, unless `settings.missing` refuses both. The source is never changed, but the panel may share
    memory with it, so the panel's arrays are for reading.

    Args:
        source: anything that `read_table` takes.
        settings: how to read it; `season_length` is for filling alone and not used here.
        like: the columns of the table that a model was fitted on, which `settings` name with their step of time: this
            one has to have them all, its stamps are read as moments on that model's clock, and its categories are
            those known there.

    Returns:
        The panel, whose notes say what was inferred or left out, and the roles of the columns.

    Raises:
        DataError: in one sentence, with row numbers (counted from 1 below the header), columns and a remedy.
        SettingError: when settings contradict each other.
    """
    frame = read_table(source, settings)
    file = (Note.from_json(frame.attrs[NOTE]),) if NOTE in frame.attrs else ()
    try:
        panel, columns = _build(frame, settings, like)
    except (DataError, SettingError) as error:
        raise type(error)("; ".join(map(str, (error, *file)))) from None
    return replace(panel, notes=(*file, *panel.notes)), replace(columns, frame=frame_kind(source))


def _build(frame: pd.DataFrame, settings: TableSettings, like: Columns | None) -> tuple[Panel, Columns]:
    left: tuple[Note, ...] = ()
    if settings.layout == "rows":
        frame, name, left = rows_to_long(frame, settings)
        settings = replace(settings, id_col=name)
    roles = resolve_roles(frame, settings) if like is None else fitted_roles(frame, settings, like)
    if settings.layout == "wide" and roles.static:
        raise SettingError("static_cols cannot be used with layout='wide', where a column is a series; use 'long'")
    ids = None if roles.id is None else column_of(frame, roles.id)
    read = _times(frame, roles, settings, None if like is None else like.time_form)
    name = str(roles.time)
    times = in_steps(read, ids, settings.freq, name) if like is None else as_fitted(read, like, settings.freq, name)
    reading = _reading(frame, roles.time, read)
    try:
        order = order_rows(ids, times.values, frame, roles)
        grid = close_gaps(order, settings)
    except (DataError, SettingError) as error:
        if reading is None:
            raise
        text, date = reading.params["text"], reading.params["date"]
        raise type(error)(f"{error}; the first time, {text!r}, was read as {date}") from None
    said: list[Note] = []
    texts = _texts(frame, (*roles.past, *roles.future), said) if like is None else like.texts
    named = [_numbers(frame, names, settings, texts, said) for names in (roles.targets, roles.past, roles.future)]
    targets, past, future = (_values(columns, order, grid) for columns in named)
    static, static_names, known = static_values(frame, roles.static, order, None if like is None else like.categories)
    said = ([] if reading is None else [reading]) + said
    if like is None and times.form is None and times.kind == "dates" and _is_written(frame, roles.time):
        said.append(Note("tables.times_iso", {"column": name}))
    notes = (*left, *roles.notes, *times.notes, *said, *order.notes, *grid.notes)
    panel = Panel(order.ids, grid.starts, grid.times, grid.freq, targets, past, future, static, notes)
    panel, ahead = split_ahead(panel)
    if settings.missing == "refuse" and settings.layout != "wide":
        _refuse_missing(named, order.source(np.flatnonzero(ahead)))
    columns = Columns(
        id=roles.id,
        time=roles.time or (DEFAULT_TIME if roles.calendar else None),
        targets=roles.targets,
        past=roles.past,
        future=roles.future,
        static=static_names,
        categories=known,
        texts=texts,
        layout=settings.layout,
        id_dtype=order.id_dtype,
        time_kind=times.kind,
        time_form=times.form,
        zone=times.zone or ("UTC" if times.in_utc else None),
        in_utc=times.in_utc,
        clock_zone=times.zone if times.in_utc else None,
        calendar=roles.calendar,
    )
    if settings.missing != "refuse" and settings.layout != "wide":
        panel = leave_out_empty(panel, roles.targets)
    if settings.layout == "wide":
        return wide_to_long(panel, columns, settings.id_col, DEFAULT_TARGET, refuse=settings.missing == "refuse")
    return panel, columns


def _times(frame: pd.DataFrame, roles: Roles, settings: TableSettings, usual: str | None) -> Times:
    if roles.time is not None:
        return parse_times(column_of(frame, roles.time), roles.time, settings.date_format, usual)
    if roles.calendar and roles.calendar[0].lower() != "year":
        date, clock = (column_of(frame, name) for name in roles.calendar)
        return parse_date_and_clock(date, clock, settings.date_format)
    if roles.calendar:
        parts = {name.lower(): to_numbers(column_of(frame, name), name) for name in roles.calendar}
        return parse_calendar(parts, roles.calendar)
    if roles.id is None:
        return Times(np.arange(len(frame)), "numbers")
    return Times(frame.groupby(roles.id, sort=False, dropna=False).cumcount().to_numpy(), "numbers")


def _is_written(frame: pd.DataFrame, name: str | None) -> bool:
    return name is not None and is_text(frame[name]) and isinstance(frame[name].iloc[0], str)


def _reading(frame: pd.DataFrame, name: str | None, times: Times) -> Note | None:
    """What the first stamp was taken to be, where it is not written as it is shown."""
    if name is None or not (is_text(column_of(frame, name)) or pd.api.types.is_numeric_dtype(frame[name].dtype)):
        return None
    text, date = str(frame[name].iloc[0]).strip(), stamp_text(times.values[0])
    same = text.startswith(date[:10]) if times.values.dtype.kind == "M" else times.kind == "numbers"
    return None if same else Note("tables.time_read", {"column": name, "text": text, "date": date})


def _texts(frame: pd.DataFrame, covariates: tuple[str, ...], notes: list[Note]) -> dict[str, list[str]]:
    """The values of each covariate of text; that it is read as such is added to the notes."""
    texts = {}
    for name in [name for name in covariates if holds_text(column_of(frame, name))]:
        texts[name] = learn_texts(column_of(frame, name), name)
        notes.append(Note("tables.text_encoded", {"column": name, "texts": short_list(texts[name], 5)}))
    return texts


def _numbers(
    frame: pd.DataFrame,
    names: tuple[str, ...],
    settings: TableSettings,
    texts: dict[str, list[str]],
    notes: list[Note],
) -> dict[str, np.ndarray]:
    """The named columns; what was decided about them is added to the notes."""
    columns = {}
    for name in names:
        if name in texts:
            columns[name] = code_texts(column_of(frame, name), name, texts[name])
            continue
        columns[name], said = read_numbers(column_of(frame, name), name, marks_of(settings))
        notes += said
    return columns


def _refuse_missing(named: list[dict[str, np.ndarray]], allowed: np.ndarray) -> None:
    """Refuse the first column with a missing value, but for those rows of the table."""
    for name, values in (item for columns in named for item in columns.items()):
        unknown = np.isnan(values)
        unknown[allowed] = False
        if unknown.any():
            raise _missing(name, np.flatnonzero(unknown))


def _values(named: dict[str, np.ndarray], order: Order, grid: Grid) -> np.ndarray:
    """Columns (R, C) on the grid; a view of the frame's own memory where that is possible."""
    columns = list(named.values())
    if len(columns) == 1 and order.rows is None and grid.target is None:
        return columns[0].reshape(-1, 1)
    single = all(values.dtype == np.float32 for values in columns) and bool(columns)
    shape = (len(grid.times), len(columns))
    result = np.empty(shape, dtype=np.float32 if single else np.float64)
    if grid.target is not None:
        result.fill(np.nan)
    for i, values in enumerate(columns):
        ordered = values if order.rows is None else values[order.rows]
        result[slice(None) if grid.target is None else grid.target, i] = ordered
    return result


def _missing(name: str, rows: np.ndarray) -> DataError:
    total = f" ({len(rows)} missing in all)" if len(rows) > 3 else ""
    return DataError(f"column {name!r} has no value in {row_list(rows)}{total}; {REMEDIES}")
