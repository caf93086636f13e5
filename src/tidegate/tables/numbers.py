"""Which number does a cell hold: separators, currencies, parentheses, percent signs, words for missing values."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.notes import Note
from tidegate.tables.marks import UNKNOWN, Marks, decimal_mark, plain_number, reads_either_way
from tidegate.tables.messages import row_list, shown

MISSING_WORDS = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--", "?", "#n/a", "<na>", "nil"})
_CURRENCY = r"(?:[$€£¥￥₹₩₽元]|(?:US|CA|AU|HK|NZ)\$|EUR|USD|GBP|CHF|JPY|CNY|RMB|INR|CAD|AUD|SEK|NOK|DKK|PLN|BRL)"
_MONEY = re.compile(rf"(?P<sign>[+-]?)\s*{_CURRENCY}\s*(?P<before>[+-]?\d.*)|(?P<after>.*\d)\s*{_CURRENCY}")
_NEGATIVE = re.compile(r"\(([^()]*\d[^()]*)\)")
_SPACES = re.compile("(?<=\\d)[ \u00a0\u202f\u2009'’_](?=\\d{3}(?!\\d))")


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


def to_numbers(column: pd.Series, name: str, marks: Marks = UNKNOWN) -> np.ndarray:
    """As `read_numbers`, without the notes."""
    return read_numbers(column, name, marks)[0]


def read_numbers(column: pd.Series, name: str, marks: Marks = UNKNOWN) -> tuple[np.ndarray, tuple[Note, ...]]:
    """The values of a column as floats (float32 stays float32), missing ones as NaN; no copy where none is needed.

    Text is read when the whole column can be: thousands separators (`1,234`, `1 234`), decimal commas (`0,5`), percent
    signs (the number before the sign), currencies (`$5`, `5 EUR`) and parentheses for negative numbers are understood,
    the last two with a note; `NA`, `null`, `-`, `?` and empty cells are missing.

    Raises:
        DataError: naming the first rows whose value is not a number, or is infinite, or a number that reads either way
            (`1.234`), where neither the other rows nor `marks` tell.
    """
    notes: list[Note] = []
    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind == "f":
        values = column.to_numpy()
        values = values if kind in (np.float64, np.float32) else values.astype(np.float64)
    elif isinstance(kind, np.dtype) and kind.kind in "iub":
        return column.to_numpy().astype(np.float64), ()
    elif pd.api.types.is_datetime64_any_dtype(kind) or isinstance(kind, pd.PeriodDtype) or kind == "timedelta64[ns]":
        raise DataError(f"column {name!r} holds dates, not numbers; name a column of numbers")
    elif pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = _from_objects(column.astype(object).to_numpy(), name, marks, notes)
    if not np.isfinite(values).all() and np.isinf(values).any():
        where = row_list(np.flatnonzero(np.isinf(values)))
        raise DataError(f"column {name!r} is infinite in {where}; replace infinite values or leave them empty")
    return values, tuple(notes)


def looks_numeric(column: pd.Series, share: float = 0.5, sample: int = 200) -> bool:
    """Whether a column holds numbers: at least `share` of the first known values of a text column."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return not pd.api.types.is_complex_dtype(column.dtype)
    if not is_text(column):
        return False
    known = column.dropna().head(sample).astype(object).tolist()
    numbers, unread = _from_words(_cleaned(known), ".")
    found = int(np.isfinite(numbers).sum())
    return found > 0 and found >= share * (found + len(unread))


def has_numbers(column: pd.Series) -> bool:
    """Whether any known value of a column of text can be read as a number."""
    found = pd.factorize(column.astype(object))[1]
    return bool(np.isfinite(_from_words(_cleaned(found), ".")[0]).any())


def _from_objects(objects: np.ndarray, name: str, marks: Marks, notes: list[Note]) -> np.ndarray:
    if pd.api.types.infer_dtype(objects, skipna=True) in ("integer", "floating", "mixed-integer-float", "decimal"):
        return objects.astype(np.float64)
    codes, found = pd.factorize(objects)
    words = _cleaned(found)
    texts = [word.rstrip("% ") for word in words if isinstance(word, str)]
    decimal = marks.given or decimal_mark(texts)
    if decimal is None and any(map(reads_either_way, texts)):
        _refuse_unclear(words, codes, name)
    numbers, unread = _from_words(words, decimal or ".")
    if unread:
        rows = np.flatnonzero(np.isin(codes, unread))
        first = objects[rows[0]]
        if not any(char.isdigit() for word in words for char in str(word)):
            raise DataError(
                f"column {name!r} holds no number but text ({shown(first)}); name a column of numbers in its place, "
                "and text as past_cols, future_cols or static_cols"
            )
        raise DataError(
            f"column {name!r} is not a number in {row_list(rows)} ({shown(first)}); "
            "correct the value, or leave it empty and choose how to treat missing values"
        )
    changed = [i for i, word in enumerate(words) if isinstance(word, str) and word != str(found[i]).strip()]
    if changed:
        text, number = str(found[changed[0]]).strip(), f"{numbers[changed[0]]:.15g}"
        notes.append(Note("tables.numbers_cleaned", {"column": name, "text": text, "number": number}))
    return np.append(numbers, np.nan)[codes]


def _refuse_unclear(words: list[object], codes: np.ndarray, name: str) -> None:
    unclear = [i for i, word in enumerate(words) if isinstance(word, str) and reads_either_way(word.rstrip("% "))]
    text = str(words[unclear[0]]).rstrip("% ")
    readings = " or ".join(f"{float(plain_number(text, mark) or 0):.15g} (decimal={mark!r})" for mark in ".,")
    rows = np.flatnonzero(np.isin(codes, unclear))
    raise DataError(
        f"column {name!r} may mean {readings} by {text!r} in {row_list(rows)}; say which sign is the decimal mark with "
        "decimal (--decimal) or thousands (--thousands)"
    )


def _cleaned(words: Iterable[object]) -> list[object]:
    """Texts without blanks, currencies, and spaces between thousands; `(5)` as -5."""
    return [_clean(word.strip()) if isinstance(word, str) else word for word in words]


def _clean(text: str) -> str:
    if not text or (text[-1].isdigit() and text[0].isdigit() and text.replace(".", "").replace(",", "").isdigit()):
        return text
    text = text.replace("\N{MINUS SIGN}", "-")
    inner = _NEGATIVE.fullmatch(text)
    if inner:
        text = "-" + inner[1].strip()
    money = _MONEY.fullmatch(text)
    if money:
        text = money["after"] or money["sign"] + money["before"]
    return _SPACES.sub("", text)


def _from_words(words: list[object], decimal: str) -> tuple[np.ndarray, list[int]]:
    """Numbers for distinct values, and which of them cannot be read."""
    texts = [word for word in words if isinstance(word, str) and word.lower() not in MISSING_WORDS]
    percent = bool(texts) and all(text.endswith("%") for text in texts)
    numbers, unread = np.full(len(words), np.nan), []
    for i, word in enumerate(words):
        if isinstance(word, str) and word.lower() in MISSING_WORDS:
            continue
        text = plain_number(word.rstrip("% ") if percent else word, decimal) if isinstance(word, str) else word
        try:
            numbers[i] = float(text)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError):
            unread.append(i)
    return numbers, unread
