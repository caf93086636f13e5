"""A table with one series per row: how it is recognised, and how it becomes one row per observation."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.notes import Note
from tidegate.tables.date_formats import date_like
from tidegate.tables.marks import marks_of
from tidegate.tables.messages import short_list
from tidegate.tables.numbers import column_of, is_text, looks_numeric, to_numbers
from tidegate.tables.settings import TableSettings

_NUMBERED = re.compile(r"(\D*)(\d+)")


def names_rows(frame: pd.DataFrame) -> bool:
    """Whether the headings say that each row is a series: dates, or numbers in order beside a column of names."""
    values = _numeric(frame)
    if len(values) < 3:
        return False
    if date_like(values).all():
        return True
    labels = [column for name in frame.columns if name not in values and is_text(column := column_of(frame, name))]
    names = bool(labels) and labels[0].is_unique and not date_like([str(label) for label in labels[0].head(20)]).all()
    return names and _counted(values)


def rows_to_long(frame: pd.DataFrame, settings: TableSettings) -> tuple[pd.DataFrame, str, tuple[Note, ...]]:
    """One row per observation of a table with one series per row.

    The headings are the times: dates, numbers that count up such as years, else 1, 2, …. A series begins at its first
    and ends at its last value.

    Args:
        frame: a row per series: the column of its name, static columns, and a column per step.
        settings: the names that columns get, and which are static.

    Returns:
        The table, which of its columns names the series, and what was left out.

    Raises:
        DataError: no column of numbers, or a row without any.
    """
    static = [name for name in settings.static_cols if name in frame.columns]
    values = [name for name in _numeric(frame) if name not in (settings.id_col, *static)]
    dated = [name for name in values if date_like([name])[0]]
    values = dated if len(dated) > 1 else values
    if not values:
        raise DataError("no column of numbers is left to be the steps of the series; give one row per series")
    matrix = np.stack([to_numbers(column_of(frame, name), name, marks_of(settings)) for name in values], axis=1)
    known = ~np.isnan(matrix)
    empty = ~known.any(axis=1)
    if empty.any() and settings.missing == "refuse":
        row = int(empty.argmax())
        raise DataError(
            f"row {row + 1} holds no value of its series; remove it, give its values, or set missing to leave it out"
        )
    first, end = known.argmax(axis=1), len(values) - known[:, ::-1].argmax(axis=1)
    lengths = np.where(empty, 1, end - first)
    row = np.repeat(np.arange(len(frame)), lengths)
    step = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths - first, lengths)
    names = _names(frame, settings, {*values, *static})
    target = settings.target_col if isinstance(settings.target_col, str) else settings.target_col[0]
    numbers = [int(name) for name in values] if _counted(values) and values[0].isdigit() else None
    headings = values if dated else numbers or range(1, len(values) + 1)
    data = {names.name: names.to_numpy()[row], settings.time_col: np.array(list(headings))[step]}
    data |= {name: column_of(frame, name).to_numpy()[row] for name in static}
    left = [name for name in frame.columns if name not in {*values, *static, names.name}]
    notes = (Note("tables.unused_static", {"columns": short_list(left)}),) if left else ()
    return pd.DataFrame({**data, target: matrix[row, step]}), str(names.name), notes


def _numeric(frame: pd.DataFrame) -> list[str]:
    return [
        name for name in frame.columns if looks_numeric(column_of(frame, name)) or column_of(frame, name).isna().all()
    ]


def _counted(names: list[str]) -> bool:
    """Whether names such as V2, V3, V4 count up by one."""
    parts = [part for name in names if (part := _NUMBERED.fullmatch(name))]
    numbers = [int(part[2]) for part in parts]
    same = len({part[1] for part in parts}) == 1 and len(numbers) == len(names)
    return same and numbers == list(range(numbers[0], numbers[0] + len(names)))


def _names(frame: pd.DataFrame, settings: TableSettings, others: set[str]) -> pd.Series:
    """The column that names the series: the one in the settings, else the first of text, else the rows' numbers."""
    free = [name for name in frame.columns if name not in others]
    texts = [name for name in free if is_text(column_of(frame, name))]
    found = next(iter([name for name in free if name == settings.id_col] or texts or free), None)
    if found is None:
        return pd.Series(np.arange(1, len(frame) + 1), name=settings.id_col)
    column = column_of(frame, found)
    if not column.is_unique:
        twice = column[column.duplicated()].iloc[0]
        raise DataError(
            f"column {found!r} names more than one row {twice!r}; name the column whose names are distinct with id_col "
            "(--id-col)"
        )
    return column
