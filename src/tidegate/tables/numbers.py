"""Which number does a cell hold: thousands separators, decimal commas, percent signs, words for missing values."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.tables.messages import row_list, shown

MISSING_WORDS = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--", "?", "#n/a", "<na>", "nil"})
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d*),\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def column_of(frame: pd.DataFrame, name: str) -> pd.Series:
    """One column; names are distinct once a table has been read, so this is never a frame."""
    return frame[name]  # pyright: ignore[reportReturnType]


def is_text(column: pd.Series) -> bool:
    """Whether a column's values need reading as text (or as mixed objects)."""
    return not (
        pd.api.types.is_numeric_dtype(column.dtype)
        or pd.api.types.is_datetime64_any_dtype(column.dtype)
        or isinstance(column.dtype, pd.PeriodDtype)
    )


def to_numbers(column: pd.Series, name: str) -> np.ndarray:
    """The values of a column as floats (float32 stays float32), missing ones as NaN; no copy where none is needed.

    Text is read when the whole column can be: thousands separators (`1,234`), decimal commas (`0,5`) and percent
    signs (the number before the sign) are understood; `NA`, `null`, `-`, `?` and empty cells are missing.

    Raises:
        DataError: naming the first rows whose value is not a number, or is infinite.
    """
    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind == "f":
        values = column.to_numpy()
        values = values if kind in (np.float64, np.float32) else values.astype(np.float64)
    elif isinstance(kind, np.dtype) and kind.kind in "iub":
        return column.to_numpy().astype(np.float64)
    elif pd.api.types.is_datetime64_any_dtype(kind) or isinstance(kind, pd.PeriodDtype) or kind == "timedelta64[ns]":
        raise DataError(f"column {name!r} holds dates, not numbers; name a column of numbers")
    elif pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = _from_objects(column.astype(object).to_numpy(), name)
    if not np.isfinite(values).all() and np.isinf(values).any():
        where = row_list(np.flatnonzero(np.isinf(values)))
        raise DataError(f"column {name!r} is infinite in {where}; replace infinite values or leave them empty")
    return values


def looks_numeric(column: pd.Series, share: float = 0.5, sample: int = 200) -> bool:
    """Whether a column holds numbers: at least `share` of the first known values of a text column."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return not pd.api.types.is_complex_dtype(column.dtype)
    if not is_text(column):
        return False
    known = column.dropna().head(sample).astype(object).tolist()
    numbers, unread = _from_words([word.strip() if isinstance(word, str) else word for word in known])
    found = int(np.isfinite(numbers).sum())
    return found > 0 and found >= share * (found + len(unread))


def _from_objects(objects: np.ndarray, name: str) -> np.ndarray:
    try:
        return objects.astype(np.float64)
    except (TypeError, ValueError):
        pass
    codes, words = pd.factorize(objects)
    numbers, unread = _from_words([str(word).strip() if isinstance(word, str) else word for word in words])
    if unread:
        rows = np.flatnonzero(np.isin(codes, unread))
        first = objects[rows[0]]
        raise DataError(
            f"column {name!r} is not a number in {row_list(rows)} ({shown(first)}); "
            "correct the value, or leave it empty and choose how to treat missing values"
        )
    return np.append(numbers, np.nan)[codes]


def _from_words(words: list[object]) -> tuple[np.ndarray, list[int]]:
    """Numbers for distinct values, and which of them cannot be read."""
    texts = [word for word in words if isinstance(word, str) and word.lower() not in MISSING_WORDS]
    percent = bool(texts) and all(text.endswith("%") for text in texts)
    comma = any("," in text and not _THOUSANDS.fullmatch(text.rstrip("% ")) for text in texts)
    numbers, unread = np.full(len(words), np.nan), []
    for i, word in enumerate(words):
        if isinstance(word, str):
            if word.lower() in MISSING_WORDS:
                continue
            text: object = _plain(word.rstrip("% ") if percent else word, comma)
        else:
            text = word
        try:
            numbers[i] = np.nan if text is None else float(text)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError):
            text = None
        if text is None:
            unread.append(i)
    return numbers, unread


def _plain(text: str, comma: bool) -> str | None:
    if comma and _DECIMAL_COMMA.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    if not comma and _THOUSANDS.fullmatch(text):
        return text.replace(",", "")
    if comma and "." in text:
        return None
    plain = _NUMBER.fullmatch(text) or text.lstrip("+-").lower() in ("inf", "infinity")
    return text if plain else None
