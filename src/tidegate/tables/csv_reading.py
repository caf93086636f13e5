"""How is a text table written: compression, separator, decimal mark and header, found out from the file itself."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.tables.encodings import UTF_16_MARKS, decode, find_encoding
from tidegate.tables.marks import UNKNOWN, Marks, decimal_mark, reads_either_way
from tidegate.tables.messages import name_list
from tidegate.tables.numbers import MISSING_WORDS, column_of, is_text, read_numbers

COMPRESSIONS = (".gz", ".xz", ".bz2", ".zip")
# Before pandas 3 the faster ways to read floats crash, or return 1.0, on exponents of many digits (pandas issue 63089);
# since then the setting is deprecated.
_PRECISION: dict[str, Any] = {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}
_SAMPLE = 1 << 16
_SEPARATORS = (",", ";", "\t", "|")
_DAMAGED = (gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, zlib.error, EOFError, OSError)
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_MONTH = re.compile(r"\d{1,2}\.(1[6-9]|2[012])\d\d")


@dataclass(frozen=True)
class _Layout:
    skip: int
    separator: str
    decimal: str
    header: list[str]
    text_columns: list[str]  # such as 007
    unclear: list[str]  # whose numbers may have three decimals or be thousands
    silent: list[str]  # whose first rows would not show which
    marks: Marks


def read_csv(path: Path, marks: Marks = UNKNOWN, skip: int = 0) -> pd.DataFrame:
    """Read a text table.

    The encoding is UTF-8 (or UTF-16 with its mark), else GB 18030 or Windows-1252, whichever the bytes speak for; the
    separator is a comma, semicolon, tab or bar; a decimal comma is understood. Columns whose numbers may
    have three decimals or be thousands stay text unless another column shows which, or `marks` say it.

    Raises:
        DataError: when the file is damaged, is no text, or its lines have differing numbers of fields.
    """
    try:
        with _open(path) as file:
            sample = file.read(_SAMPLE)
        _refuse_binary(path, sample)
        cut = len(sample) == _SAMPLE
        encoding = _encoding(path, sample, cut=cut)
        layout = _layout(path, decode(sample, encoding, cut=cut), marks, skip)
        try:
            return _parse(path, encoding, layout)
        except UnicodeDecodeError:
            with _open(path) as file:
                whole = file.read()
            return _parse(path, _encoding(path, whole, cut=False), layout)
    except PermissionError:
        raise
    except _DAMAGED as error:
        raise DataError(f"{path} cannot be unpacked ({error}); it is damaged, get or write it again") from None


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(path, archive)) as file:
            yield file
        return
    unpack: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
    with unpack.get(suffix, Path.open)(path, "rb") as file:
        yield file


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if len(members) != 1:
        raise DataError(f"{path} holds {len(members)} files ({name_list(members, 4)}); give an archive with one")
    return members[0]


def _refuse_binary(path: Path, sample: bytes) -> None:
    if not sample.strip():
        raise DataError(f"{path} is empty; give a file with a line of column names and rows below it")
    if sample[:2] in UTF_16_MARKS:
        return
    known = {b"PK\x03\x04": "an Excel or zip file", b"PAR1": "a parquet file", b"%PDF": "a PDF file"}
    kind = known.get(sample[:4])
    control = sum(sample[:4096].count(bytes([byte])) for byte in (*range(9), *range(14, 27)))
    if kind or control:
        raise DataError(f"{path} is {kind or 'no text but binary data'}; give a text table, or the right file ending")


def _encoding(path: Path, data: bytes, *, cut: bool) -> str:
    try:
        return find_encoding(data, cut=cut)
    except DataError as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def _layout(path: Path, text: str, marks: Marks, skip: int) -> _Layout:
    every = text.splitlines()
    while skip < len(every) and every[skip].startswith("#") and _is_remark(every[skip:]):
        skip += 1
    lines = [line for line in every[skip:] if line.strip()]
    if not lines:
        raise DataError(f"{path} has no table below {skip} lines (skip_rows, --skip-rows); give fewer")
    if lines[0].lstrip().startswith("<"):
        raise DataError(f"{path} looks like a web page or XML, not a table; give a csv, tsv, parquet or xlsx file")
    whole = lines[: max(len(lines) - 1, 1)] if len(text) >= _SAMPLE // 4 else lines
    separator = _separator(whole)
    rows = list(csv.reader(whole[:200], delimiter=separator, skipinitialspace=True))
    header, body = [name.strip() for name in rows[0]], rows[1:]
    named = [name for name in header if name]
    twice = [repr(name) for i, name in enumerate(named) if name in named[:i]]
    if twice:
        raise DataError(f"the column name {name_list(twice)} occurs more than once in {path}; give each its own name")
    _check_header(path, header, body)
    columns = {name: [row[i].strip() for row in body if i < len(row)] for i, name in enumerate(rows[0]) if name.strip()}
    zeros = [name for name, cells in columns.items() if any(re.fullmatch(r"0\d+", cell) for cell in cells)]
    shown = {name: decimal_mark(c for c in cells if not _MONTH.fullmatch(c)) for name, cells in columns.items()}
    found = set(shown.values()) - {None}
    marks = marks if marks.given else Marks(found.pop() if len(found) == 1 else None)
    decimal = "," if separator != "," and (marks.given == "," or "," in shown.values()) else "."
    # Where commas or tabs separate, a point is the decimal mark as in every other program.
    doubted = r".*[.,].*" if separator == ";" or marks.given == "," else ".*,.*"
    unclear = [
        name
        for name, cells in columns.items()
        if name not in zeros and any(reads_either_way(cell) and re.fullmatch(doubted, cell) for cell in cells)
    ]
    silent = [name for name in columns if separator == ";" and marks.given is None and shown[name] is None]
    return _Layout(skip, separator, decimal, header, zeros, unclear, silent, marks)


def _is_remark(lines: list[str]) -> bool:
    """Whether a line that begins with # stands above the column names rather than being them."""
    below = next((line for line in lines[1:] if line.strip()), "")
    fields = [len(re.split(r"[,;\t|]", line)) for line in (lines[0], below)]
    return fields[0] != fields[1] or fields[0] == 1 or below.startswith("#") or not re.search(r"\d", below)


def _separator(lines: list[str]) -> str:
    def fields(separator: str) -> tuple[bool, int]:
        counts = [len(row) for row in csv.reader(lines[:20], delimiter=separator)]
        return len(set(counts)) == 1 and counts[0] > 1, counts[0] if counts else 0

    return max(_SEPARATORS, key=fields)


def _check_header(path: Path, header: list[str], body: list[list[str]]) -> None:
    """A first line of data would be lost as column names without a word."""
    first = body[0] if body else []
    dated = any(_DATE.fullmatch(a) and _DATE.fullmatch(b.strip()) for a, b in zip(header, first, strict=False))
    lone = len(header) == 1 and bool(_NUMBER.fullmatch(header[0]))
    if dated or (lone and first and _NUMBER.fullmatch(first[0].strip())):
        raise DataError(
            f"the first line of {path} ({name_list(header, 4)}) looks like data, not column names; "
            "put a line of column names above it"
        )


def _parse(path: Path, encoding: str, layout: _Layout) -> pd.DataFrame:
    with _open(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = pd.read_csv(
                text,
                skiprows=layout.skip,
                sep=layout.separator,
                decimal=layout.decimal,
                dtype=dict.fromkeys([*layout.text_columns, *layout.unclear], "object"),  # pyright: ignore
                index_col=False,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=[""],
                low_memory=False,
                **_PRECISION,
            )
        except pd.errors.ParserWarning:
            raise DataError(
                f"the lines of {path} have more fields than its {len(layout.header)} column names; name every "
                "column, or leave out titles above the names with skip_rows (--skip-rows)"
            ) from None
        except pd.errors.ParserError as error:
            raise DataError(f"{path} cannot be read as a table: {_reason(error)}; correct the file") from None
    # Text such as 1e999705555905 is an identifier, not infinity.
    overflowed = [name for name in frame.select_dtypes("float") if np.isinf(frame[name]).any()]
    if overflowed:
        return _parse(path, encoding, replace(layout, text_columns=[*layout.text_columns, *overflowed]))
    late = [name for name in frame.select_dtypes("float") if name in layout.silent and frame[name].notna().any()]
    if late:
        return _parse(path, encoding, replace(layout, unclear=[*layout.unclear, *late], silent=[]))
    return _numbers_where_possible(_without_empty_end(frame), layout)


def _reason(error: Exception) -> str:
    match = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if match:
        return f"line {match[2]} has {match[3]} fields where {match[1]} are expected"
    if "EOF inside string" in str(error):
        return "a quotation mark is opened and never closed"
    return str(error).replace("Error tokenizing data. C error: ", "").strip()


def _without_empty_end(frame: pd.DataFrame) -> pd.DataFrame:
    """Spreadsheets leave lines of bare separators behind the last row."""
    end = len(frame)
    while end and frame.iloc[end - 1].isna().all():
        end -= 1
    return frame if end == len(frame) else frame.iloc[:end].copy()


def _numbers_where_possible(frame: pd.DataFrame, layout: _Layout) -> pd.DataFrame:
    """Columns that are text only because of words such as `NA`, or of a mark that was in doubt, become numbers."""
    for name in frame.columns:
        column = column_of(frame, name)
        if name in layout.text_columns or not is_text(column):
            continue
        words = {str(word).strip().lower() for word in column.dropna().unique()}
        if name not in layout.unclear and MISSING_WORDS.isdisjoint(words):
            continue
        try:
            numbers, notes = read_numbers(column, str(name), layout.marks)
        except DataError:
            continue
        if not notes and pd.notna(numbers).any():
            frame[name] = numbers
    return frame
