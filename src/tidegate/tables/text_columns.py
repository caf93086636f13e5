"""Covariates of text as numbers: each value has a code, learnt from the training part, by which it is known again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.notes import Note
from tidegate.tables.columns import Columns
from tidegate.tables.messages import name_list, row_list, short_list, shown
from tidegate.tables.numbers import has_numbers, is_text
from tidegate.tables.panel import Panel

MOST = 50
_EMPTY = frozenset({"", "na", "n/a", "nan", "null", "#n/a", "<na>"})  # "none" and "-" are values here


def holds_text(column: pd.Series) -> bool:
    """Whether a column is one of categories: text of which no value is a number, or a categorical column."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    return is_text(column) and bool(column.notna().any()) and not has_numbers(column)


def learn_texts(column: pd.Series, name: str) -> list[str]:
    """The distinct values of a column of text, in order.

    Raises:
        DataError: there are more than `MOST`.
    """
    texts = sorted({text for text in _texts(column)[1] if text is not None})
    if len(texts) > MOST:
        raise DataError(
            f"column {name!r} holds {len(texts)} different texts ({name_list(map(shown, texts), 3)}), and at most "
            f"{MOST} can be told apart; put rare ones under one word, or give numbers in their place"
        )
    return texts


def code_texts(column: pd.Series, name: str, known: list[str]) -> np.ndarray:
    """The codes (R,) of a column of text: the value i of those known has code i + 1; NaN where it is empty.

    Raises:
        DataError: naming the rows with a value that is not known.
    """
    codes, texts = _texts(column)
    number = {text: i + 1.0 for i, text in enumerate(known)}
    values = np.array([np.nan if text is None else number.get(text, 0.0) for text in texts] + [np.nan])[codes]
    unknown = np.flatnonzero(values == 0)
    if len(unknown):
        raise DataError(
            f"column {name!r} holds {shown(texts[codes[unknown[0]]])} in {row_list(unknown)}, which no training row "
            f"has; write one of {name_list(map(repr, known))}, or fit again on rows that have it"
        )
    return values


def learnt_from(columns: Columns, training: Panel) -> Columns:
    """The columns with those texts alone that a panel of training rows holds."""
    texts = {}
    for role in ("past", "future"):
        for number, name in enumerate(getattr(columns, role)):
            if name in columns.texts:
                codes = getattr(training, role)[:, number]
                seen = np.unique(codes[~np.isnan(codes)]).astype(int)
                texts[name] = [columns.texts[name][code - 1] for code in seen if code]
    return replace(columns, texts=texts)


def recoded(panel: Panel, before: Columns, after: Columns) -> Panel:
    """A panel with the codes of other columns; texts that these do not have get code 0, with a note."""
    notes, coded = [], {"past": panel.past, "future": panel.future, "ahead": panel.ahead}
    for name in [name for name, texts in before.texts.items() if texts != after.texts[name]]:
        texts, known = before.texts[name], after.texts[name]
        role = "past" if name in before.past else "future"
        number = getattr(before, role).index(name)
        table = np.array([0.0, *(known.index(text) + 1.0 if text in known else 0.0 for text in texts), np.nan])
        for key in (role, "ahead") if role == "future" and panel.ahead is not None else (role,):
            codes = np.nan_to_num(coded[key][..., number], nan=len(texts) + 1).astype(int)
            coded[key] = coded[key].astype(np.float64)  # a copy
            coded[key][..., number] = table[codes]
            lost = np.unique(codes[table[codes] == 0])
            if len(lost):
                words, count = short_list([texts[code - 1] for code in lost if code], 5), int((table[codes] == 0).sum())
                notes.append(Note("tables.text_unknown", {"column": name, "texts": words, "count": count}))
    return replace(panel, notes=(*panel.notes, *notes), **coded)


def one_hot(codes: np.ndarray, count: int) -> np.ndarray:
    """A column (R, count) for each code: 1 where a row has it, NaN where it has none; none for code 0."""
    columns = (codes[:, None] == np.arange(1, count + 1)).astype(np.float64)
    columns[np.isnan(codes)] = np.nan
    return columns


def _texts(column: pd.Series) -> tuple[np.ndarray, list[str | None]]:
    """The number (R,) of each row's text, -1 where it is empty, and the texts; words for empty cells are None."""
    codes, distinct = pd.factorize(column)
    words = [str(word).strip() for word in distinct]
    return codes, [None if word.lower() in _EMPTY else word for word in words]
