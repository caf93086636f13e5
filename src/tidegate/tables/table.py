"""From a table to a panel: roles, series, order, step of time, gaps; every fault with its rows and a remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.tables.columns import Columns
from tidegate.tables.filling import REMEDIES
from tidegate.tables.gaps import Grid, lay_out
from tidegate.tables.messages import row_list
from tidegate.tables.numbers import column_of, to_numbers
from tidegate.tables.ordering import Order, order_rows
from tidegate.tables.panel import Panel
from tidegate.tables.reading import frame_kind, read_table
from tidegate.tables.roles import DEFAULT_TARGET, DEFAULT_TIME, Roles, resolve_roles
from tidegate.tables.stamps import Times, parse_times
from tidegate.tables.statics import static_columns
from tidegate.tables.wide import spread


def build_panel(
    source: Any, settings: ForecasterSettings, *, categories: dict[str, list[str]] | None = None
) -> tuple[Panel, Columns]:
    """Read a table into regular series.

    Missing values stay NaN (see `tidegate.forecasting.missing.fill`), and rows that are missing between two others
    are put in as NaN, unless `settings.missing` refuses both. The source is never changed, but the panel may share
    memory with it, so the panel's arrays are for reading.

    Args:
        source: anything that `read_table` takes.
        settings: roles of the columns, freq, layout and missing are used.
        categories: the known categories of static text columns, from an earlier table; found in this one by default.

    Returns:
        The panel, whose notes say what was inferred or left out, and the roles of the columns.

    Raises:
        DataError: in one sentence, with row numbers (counted from 1 below the header), columns and a remedy.
        SettingError: when settings contradict each other.
    """
    frame = read_table(source)
    roles = resolve_roles(frame, settings)
    if settings.layout == "wide" and roles.static:
        raise SettingError("static_cols cannot be used with layout='wide', where a column is a series; use 'long'")
    times = _times(frame, roles)
    order = order_rows(None if roles.id is None else column_of(frame, roles.id), times.values, frame, roles)
    grid = lay_out(order, settings)
    refuse = settings.missing == "refuse" and settings.layout == "long"
    targets, past, future = (
        _values(frame, names, order, grid, refuse) for names in (roles.targets, roles.past, roles.future)
    )
    static, static_names, known = static_columns(frame, roles.static, order, categories)
    notes = (*roles.notes, *times.notes, *order.notes, *grid.notes)
    panel = Panel(order.ids, grid.starts, grid.times, grid.freq, targets, past, future, static, notes)
    columns = Columns(
        id=roles.id,
        time=roles.time or (DEFAULT_TIME if roles.calendar else None),
        targets=roles.targets,
        past=roles.past,
        future=roles.future,
        static=static_names,
        categories=known,
        layout=settings.layout,
        frame=frame_kind(source),
        id_dtype=order.id_dtype,
        time_kind=times.kind,
        zone=times.zone,
        in_utc=times.in_utc,
    )
    if settings.layout == "wide":
        return spread(panel, columns, settings.id_col, DEFAULT_TARGET, refuse=settings.missing == "refuse")
    return panel, columns


def _times(frame: pd.DataFrame, roles: Roles) -> Times:
    if roles.time is not None:
        return parse_times(column_of(frame, roles.time), roles.time)
    if not roles.calendar:
        if roles.id is None:
            return Times(np.arange(len(frame)), "numbers")
        return Times(frame.groupby(roles.id, sort=False, dropna=False).cumcount().to_numpy(), "numbers")
    parts = {name.lower(): to_numbers(column_of(frame, name), name) for name in roles.calendar}
    dates, bad = _assemble(parts)
    if len(bad):
        raise DataError(
            f"the columns {', '.join(roles.calendar)} make no date in {row_list(bad)}; correct or remove those rows"
        )
    return Times(dates)


def _assemble(parts: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Dates (R,) from whole numbers, and the rows that make none."""
    limits = {
        "year": (1678, 2261),
        "month": (1, 12),
        "day": (1, 31),
        "hour": (0, 23),
        "minute": (0, 59),
        "second": (0, 59),
    }
    count = len(parts["year"])
    bad = np.zeros(count, dtype=bool)
    whole: dict[str, np.ndarray] = {"day": np.ones(count)}
    for part, values in parts.items():
        low, high = limits[part]
        impossible = ~((values >= low) & (values <= high) & (values == np.floor(values)))
        bad |= impossible
        whole[part] = np.where(impossible, 1, values)
    dates = pd.to_datetime(pd.DataFrame(whole), errors="coerce").to_numpy().astype("datetime64[ns]")
    return dates, np.flatnonzero(bad | np.isnat(dates))


def _values(frame: pd.DataFrame, names: tuple[str, ...], order: Order, grid: Grid, refuse: bool) -> np.ndarray:
    """The named columns (R, C) on the grid; a view of the frame's own memory where that is possible."""
    columns = [to_numbers(column_of(frame, name), name) for name in names]
    if refuse:
        for name, values in zip(names, columns, strict=True):
            unknown = np.isnan(values)
            if unknown.any():
                raise _missing(name, np.flatnonzero(unknown))
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
    return DataError(
        f"column {name!r} has no value in {row_list(rows)} ({len(rows)} missing in all); {REMEDIES}"
        if len(rows) > 3
        else f"column {name!r} has no value in {row_list(rows)}; {REMEDIES}"
    )
