"""How is a table found in an Excel file: the sheet, and the line of column names below titles."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tidegate.errors import DataError, MissingExtraError, SettingError
from tidegate.notes import Note
from tidegate.tables.messages import short_list
from tidegate.tables.numbers import column_of
from tidegate.tables.settings import TableSettings

NOTE = "tidegate.note"  # in a frame's attrs: what was chosen in its file


def read_excel(path: Path, settings: TableSettings) -> pd.DataFrame:
    """Read the sheet that the settings name, else the first with a column of numbers below its names.

    The column names are in the first line with several cells, below `skip_rows` lines.

    Raises:
        DataError: it is no Excel file, or has no table.
        SettingError: it has no such sheet.
        MissingExtraError: openpyxl is not installed.
    """
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        raise MissingExtraError("openpyxl", "excel") from None
    try:
        sheets = pd.read_excel(
            path, sheet_name=None, header=None, engine="openpyxl", keep_default_na=False, na_values=[""]
        )
    except Exception as error:
        # openpyxl lets errors of zipfile, of the XML parser and its own through.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} is not a readable Excel file ({reason}); save it again as .xlsx or .csv") from None
    names = [str(name) for name in sheets]
    if settings.sheet is not None and settings.sheet not in names:
        raise SettingError(f"{path} has no sheet {settings.sheet!r}; its sheets are {short_list(names)}")
    filled = [name for name in names if len(sheets[name].dropna(how="all"))]
    candidates = [name for name in filled if settings.sheet in (None, name)]
    if not candidates:
        what = f"sheet {settings.sheet!r}" if settings.sheet else "first sheet"
        raise DataError(f"the {what} of {path} is empty; put the table there, column names in the first line")
    tables = {name: sheets[name].iloc[settings.skip_rows :] for name in candidates}
    chosen = next((name for name in tables if _holds_numbers(tables[name])), candidates[0])
    frame = _below_titles(tables[chosen], path)
    if len(names) > 1:
        note = Note("tables.sheet_read", {"sheet": chosen, "count": len(names), "sheets": short_list(names)})
        frame.attrs[NOTE] = note.to_json()
    return frame


def _holds_numbers(cells: pd.DataFrame) -> bool:
    """Whether some column does, and not merely a cell of a sheet that explains the others."""
    return any(pd.to_numeric(cells[name], errors="coerce").notna().sum() > len(cells) / 2 for name in cells)


def _below_titles(cells: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table below its line of column names: the first line with several cells."""
    counts = cells.notna().sum(axis=1).to_numpy()
    if not counts.any():
        raise DataError(f"{path} has no table below skip_rows (--skip-rows); give fewer")
    # A title fills one cell, a line of names several.
    first = int((counts > min(1, counts.max() - 1)).argmax())
    header, body = cells.iloc[first], cells.iloc[first + 1 :]
    kept = [i for i, name in enumerate(header) if pd.notna(name) or body.iloc[:, i].notna().any()]
    frame = body.iloc[:, kept].dropna(how="all").reset_index(drop=True).infer_objects()
    names = [header.iloc[i] if pd.notna(header.iloc[i]) else f"Unnamed: {i}" for i in kept]
    frame.columns = names
    for name in names if len(set(names)) == len(names) else []:
        column = column_of(frame, name)
        if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) in ("datetime", "datetime64"):
            frame[name] = pd.to_datetime(column)
    return frame
