"""Which column names series, though nobody said so: the rows of many would else be read as those of one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.tables.messages import counted
from tidegate.tables.numbers import column_of, is_text, looks_numeric

_ID = re.compile(r"(?:.*[\W_])?(?:id|uid|uuid|key|series|item|sku)(?:[\W_]?(?:id|name|code|no|nr))?", re.IGNORECASE)
_CAMEL = re.compile(r".*[a-z]I[dD]")
SAY = "say so with id_col (--id-col)"


def refuse_unnamed_series(frame: pd.DataFrame, free: Sequence[str], counters: Sequence[str]) -> None:
    """Refuse a table without times whose rows are said to be of several series by a column that has no role.

    That is one called an id; one of text, of which each value fills one stretch of rows; and one within whose values
    a counter begins again.

    Args:
        frame: a table in which nothing names the series.
        free: its columns without a role.
        counters: those of them that are called times and hold a number twice.

    Raises:
        DataError: naming the column.
    """
    for name in [name for name in free if not pd.api.types.is_float_dtype(frame[name].dtype)]:
        column, codes = column_of(frame, name), _codes(frame, name)
        stretches, names = int((codes[1:] != codes[:-1]).sum()) + 1, len(np.unique(codes))
        if names < 2 or 2 * names > len(codes):
            continue
        counter = next((each for each in counters if each != name and separates(frame, name, each)), None)
        blocks = stretches == names
        if _called_id(name):
            why = f"holds {counted(names, 'name')}"
        elif blocks and is_text(column) and not looks_numeric(column):
            why = f"holds {counted(names, 'name')}, each in rows of its own"
        elif blocks and counter is not None and name not in counters:
            why = f"holds {counted(names, 'value')}, for each of which {counter!r} begins again"
        else:
            continue
        raise DataError(
            f"the table has no times, and column {name!r} {why}: if it names series, {SAY}; "
            "if all rows are one series, take it out of the table"
        )


def separates(frame: pd.DataFrame, name: str, time: str) -> bool:
    """Whether no time comes twice for a value of a column."""
    return not pd.DataFrame({"name": _codes(frame, name), "time": _codes(frame, time)}).duplicated().any()


def naming_series(frame: pd.DataFrame, free: Iterable[str], time: str) -> str | None:
    """The first column that, taken for the names of series, leaves no time twice."""
    return next(
        (name for name in free if not pd.api.types.is_float_dtype(frame[name].dtype) and separates(frame, name, time)),
        None,
    )


def _codes(frame: pd.DataFrame, name: str) -> np.ndarray:
    column = column_of(frame, name)
    return pd.factorize(column.map(repr) if column.dtype == object else column)[0]  # cells may hold lists


def _called_id(name: str) -> bool:
    return bool(_ID.fullmatch(name) or _CAMEL.fullmatch(name))
