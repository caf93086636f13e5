"""How a table is to be read: which columns play which role, the step of time, what to do about gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tidegate.settings import setting

LAYOUTS = ("long", "wide", "rows")
MISSING = ("refuse", "forward", "linear", "seasonal", "mask")


@dataclass(kw_only=True, eq=False, repr=False)
class TableSettings:
    """Settings of a table; each field's help says what it does."""

    help_group: ClassVar[str] = "Data"

    id_col: str = setting("unique_id", "column that names the series")
    time_col: str = setting("ds", "column of time stamps")
    target_col: str | tuple[str, ...] = setting("y", "column or columns to forecast")
    layout: str = setting("long", "one row per observation, or one column or one row per series", choices=LAYOUTS)
    past_cols: tuple[str, ...] = setting((), "covariates known up to now")
    future_cols: tuple[str, ...] = setting((), "covariates known ahead")
    static_cols: tuple[str, ...] = setting((), "columns constant per series, numbers or categories")
    sheet: str | None = setting(None, "sheet of an Excel file (default: the first with a table)")
    skip_rows: int = setting(0, "lines above the column names", low=0)
    date_format: str | None = setting(None, "how dates are written, such as %d.%m.%Y (default: found out)")
    decimal: str | None = setting(None, "decimal mark of numbers in text (default: found out)", choices=(".", ","))
    thousands: str | None = setting(None, "sign between thousands (default: found out)", choices=(",", ".", " "))
    freq: str | None = setting(None, "step of time (h, D, B, MS, …; row: every row is one step; default: inferred)")
    season_length: int | None = setting(None, "steps per season (default: from the step of time)", low=1)
    missing: str = setting("refuse", "what to do with missing values and gaps", choices=MISSING)
