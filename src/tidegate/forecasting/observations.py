"""Observations from outside, as checked numbers: what streams and the service take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from tidegate.arrays import as_numbers
from tidegate.errors import DataError
from tidegate.tables.messages import name_list, shown

LARGEST = 1e30  # beyond it float32 arithmetic overflows, whatever the scale


Texts = Mapping[str, Sequence[str]]
_NO_TEXTS: Texts = MappingProxyType({})


def read_row(values: Any, columns: Sequence[str], gaps: bool, texts: Texts = _NO_TEXTS) -> np.ndarray:
    """One observation (C,).

    Args:
        values: a number, the values in the order of `columns`, or a mapping by column; None where missing.
        columns: names of the values.
        gaps: whether values may be missing.
        texts: the known values of columns of text, which become codes.

    Raises:
        DataError: a value is absent, unknown, or cannot be used.
    """
    if isinstance(values, Mapping):
        unknown = [name for name in values if name not in columns]
        absent = [name for name in columns if name not in values]
        if unknown or absent:
            word = f"has no value {absent[0]!r}" if absent else f"has an unknown value {str(unknown[0])[:40]!r}"
            raise DataError(f"the observation {word}; it takes {', '.join(columns)}")
        values = [values[name] for name in columns]
    values = _coded(values, columns, texts)
    row = as_numbers([None] if values is None else values, "the observation").reshape(-1)
    if len(row) != len(columns):
        raise DataError(f"the observation has {len(row)} values; it takes {', '.join(columns)}")
    check_row(row, columns, gaps)
    return row


def refuse_texts(texts: Texts) -> None:
    """Raise a DataError where a model has columns of text, whose codes nobody outside can know."""
    if texts:
        raise DataError(f"column {next(iter(texts))!r} holds text, which arrays of numbers cannot; give rows by column")


def _coded(values: Any, columns: Sequence[str], texts: Texts) -> Any:
    """Values in the order of columns with codes in place of text, if there are columns of text."""
    if not texts or not isinstance(values, Sequence) or isinstance(values, str) or len(values) != len(columns):
        return values
    return [
        _code(value, name, texts[name]) if name in texts and value is not None else value
        for name, value in zip(columns, values, strict=True)
    ]


def _code(value: Any, name: str, known: Sequence[str]) -> float:
    if not isinstance(value, str) or value.strip() not in known:
        raise DataError(f"{name!r} is {shown(value)}; give one of {name_list(map(repr, known))}")
    return known.index(value.strip()) + 1.0


def check_row(row: np.ndarray, columns: Sequence[str], gaps: bool) -> None:
    """Raise a DataError that names the first column (C,) whose value cannot be used."""
    if np.isfinite(row).all() and (np.abs(row) < LARGEST).all():
        return
    for name, value in zip(columns, row.tolist(), strict=True):
        if value != value:
            if not gaps:
                raise DataError(
                    f"{name!r} is missing and the model refuses missing values; give a number, or fit with "
                    "missing='forward', 'linear', 'seasonal' or 'mask'"
                )
        elif not abs(value) < LARGEST:
            raise DataError(f"{name!r} is {value:g}, beyond the {LARGEST:g} that the model can compute with")


def check_rows(rows: np.ndarray, columns: Sequence[str], gaps: bool, where: str) -> None:
    """Raise a DataError that names the first row (R, C) and column whose value cannot be used, as `where[row]`."""
    usable = (np.abs(rows) < LARGEST) | (np.isnan(rows) if gaps else False)
    if usable.all():
        return
    number = int(np.argmin(usable.all(axis=1)))
    try:
        check_row(rows[number], columns, gaps)
    except DataError as error:
        raise DataError(f"{where}[{number}]: {error}") from None


def read_ahead(future: Any, names: Sequence[str], steps: int, texts: Texts = _NO_TEXTS) -> np.ndarray:
    """Covariates known ahead as an array (steps, names).

    Raises:
        DataError: they are not there, of another shape, or not finite.
    """
    if future is None:
        raise DataError(f"the model needs values ahead of {', '.join(names)}: {steps} rows; give them as future")
    if isinstance(future, Sequence) and future and all(isinstance(row, Mapping) for row in future):
        try:
            future = [[row[name] for name in names] for row in future]
        except KeyError as absent:
            raise DataError(f"a row of future has no value {absent.args[0]!r}; it takes {', '.join(names)}") from None
    if texts and isinstance(future, Sequence):
        future = [_coded(row, names, texts) for row in future]
    values = as_numbers(future, "future")
    if values.shape != (steps, len(names)):
        wanted = f"{steps} rows of {len(names)} ({', '.join(names) or 'none'})"
        raise DataError(f"future has shape {values.shape}; give {wanted}")
    for row in values:
        check_row(row, names, gaps=False)
    return values
