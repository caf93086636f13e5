"""Which value does a series have in a static column: numbers as they are, text as the number of its category."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.tables.messages import row_list, series_words
from tidegate.tables.numbers import column_of, is_text, looks_numeric, to_numbers
from tidegate.tables.ordering import Order


def static_values(
    frame: pd.DataFrame, names: tuple[str, ...], order: Order, categories: dict[str, list[str]] | None
) -> tuple[np.ndarray, tuple[str, ...], dict[str, list[str]]]:
    """The values (N, S) of static columns, categorical ones first.

    Args:
        frame: the table.
        names: its static columns.
        order: its rows by series.
        categories: known categories by column; found here, sorted, when None.

    Returns:
        values (category i as i + 1, unknown ones as 0), the names in the order of the values, the categories.

    Raises:
        DataError: for a value that is missing or changes within a series, with its row.
    """
    textual = [name for name in names if _is_category(column_of(frame, name), name, categories)]
    ordered = (*textual, *(name for name in names if name not in textual))
    known: dict[str, list[str]] = {}
    values = np.empty((len(order.ids), len(ordered)))
    for i, name in enumerate(ordered):
        column = column_of(frame, name)
        if name in textual:
            values[:, i], known[name] = _codes(column, name, order, categories)
        else:
            values[:, i] = _per_series(to_numbers(column, name), np.isnan, name, order)
    return values, ordered, known


def _is_category(column: pd.Series, name: str, categories: dict[str, list[str]] | None) -> bool:
    if categories is not None:
        return name in categories
    return isinstance(column.dtype, pd.CategoricalDtype) or (is_text(column) and not looks_numeric(column, share=1.0))


def _codes(
    column: pd.Series, name: str, order: Order, categories: dict[str, list[str]] | None
) -> tuple[np.ndarray, list[str]]:
    labels, distinct = pd.factorize(column)
    words = [str(word) for word in distinct]
    known = sorted(set(words)) if categories is None else list(categories[name])
    code = {word: i + 1 for i, word in enumerate(known)}
    lookup = np.array([code.get(word, 0) for word in words] or [0])
    return lookup[_per_series(labels, lambda values: values < 0, name, order)], known


def _per_series(values: np.ndarray, is_missing: object, name: str, order: Order) -> np.ndarray:
    """One value for each series."""
    missing = np.flatnonzero(is_missing(values))  # pyright: ignore[reportCallIssue]
    if len(missing):
        raise DataError(
            f"the static column {name!r} has no value in {row_list(missing)}; give every row the value of its series"
        )
    ordered = values if order.rows is None else values[order.rows]
    changed = ordered[1:] != ordered[:-1]
    changed[order.starts[1:-1] - 1] = False
    rows = np.flatnonzero(changed) + 1
    if len(rows):
        series = series_words(order.ids[order.series_of(int(rows[0]))])
        raise DataError(
            f"the static column {name!r} changes within {series} in {row_list(order.source(rows))}; give it one "
            "value per series, or name it in past_cols or future_cols"
        )
    return ordered[order.starts[:-1]]
