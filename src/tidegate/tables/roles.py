"""Which column plays which role: as the settings say, or inferred and noted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import pandas as pd

from tidegate.errors import DataError, SettingError
from tidegate.notes import Note
from tidegate.tables.columns import Columns
from tidegate.tables.date_formats import date_like
from tidegate.tables.messages import name_list, short_list, similar_names
from tidegate.tables.numbers import column_of, is_text, looks_numeric
from tidegate.tables.rows import names_rows
from tidegate.tables.settings import TableSettings
from tidegate.tables.stamps import CLOCK, is_midnight, parse_times
from tidegate.tables.unnamed_series import refuse_unnamed_series

DEFAULT_ID, DEFAULT_TIME, DEFAULT_TARGET = "unique_id", "ds", "y"
TIME_WORDS = (
    *("ds", "date", "datetime", "timestamp", "time", "month", "week", "quarter", "year", "day", "period", "step", "t"),
    *("日期", "时间", "年月", "年份", "datum", "fecha", "zeit"),
)
_UNITS = {"s", "sec", "secs", "second", "seconds", "ms", "us", "ns", "min", "h", "hr", "hours"}
_UNITS |= {"utc", "gmt", "local", "unix", "epoch", "of"}
_CALENDAR = ("year", "month", "day", "hour", "minute", "second")
ROWS = "the headings of the columns say that each row is a series; set layout='rows' (--layout rows)"
_UNNAMED = re.compile(r"|Unnamed: \d+|index|level_0|__index_level_0__")


@dataclass(frozen=True)
class Roles:
    """The columns by role, all of them in the frame.

    Attributes:
        calendar: the parts of a date when no one column holds it.
        fitted: whether they are those of an earlier table.
    """

    id: str | None
    time: str | None
    targets: tuple[str, ...]
    past: tuple[str, ...]
    future: tuple[str, ...]
    static: tuple[str, ...]
    calendar: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    fitted: bool = False


def resolve_roles(frame: pd.DataFrame, settings: TableSettings) -> Roles:
    """Find the columns that the settings name, and infer those that they leave to their defaults.

    Raises:
        DataError: for a column that is not there, or where the choice is not clear.
        SettingError: for a column in two roles.
    """
    past, future, static = (_names(v) for v in (settings.past_cols, settings.future_cols, settings.static_cols))
    for option, names in (("past_cols", past), ("future_cols", future), ("static_cols", static)):
        for name in names:
            _require(frame, name, option)
    notes: list[Note] = []
    taken = {*past, *future, *static}
    series = None if settings.layout == "wide" else _find(frame, settings.id_col, DEFAULT_ID, "id_col", notes)
    wanted = _names(settings.target_col)
    given = set() if wanted == (DEFAULT_TARGET,) else set(wanted)
    time = _find(frame, settings.time_col, DEFAULT_TIME, "time_col", notes)
    calendar: tuple[str, ...] = ()
    if time is None:
        time, calendar = _infer_time(frame, {*taken, *given, series}, series, notes)
    taken |= {time, series, *calendar}
    if settings.layout == "wide":
        targets = wanted if given else _wide_targets(frame, taken, notes)
    else:
        targets = wanted if given else (_target(frame, taken, notes),)
    for name in given:
        _require(frame, name, "target_col")
    _refuse_double(series, time, targets, past, future, static)
    if settings.layout != "wide":
        if series is None and time is None and not calendar:
            free = [name for name in frame.columns if name not in {*taken, *targets}]
            refuse_unnamed_series(frame, free, [name for name in free if _time_rank(name) is not None])
        _note_leftovers(frame, {*taken, *targets}, notes)
    return Roles(series, time, targets, past, future, static, calendar, tuple(notes))


def fitted_roles(frame: pd.DataFrame, settings: TableSettings, like: Columns) -> Roles:
    """The columns of an earlier table, found in a later one; nothing is inferred but the series of a wide table.

    Raises:
        DataError: naming the first column that is not there.
    """
    targets = () if like.layout == "wide" else like.targets
    series = None if like.layout == "wide" else like.id
    time = None if like.calendar else like.time
    for name in (series, time, *like.calendar, *targets, *like.past, *like.future, *like.static):
        if name is not None and name not in frame.columns:
            raise DataError(
                f"the table has no column {name!r}, which the model was fitted on; {similar_names(name, frame.columns)}"
            )
    notes: list[Note] = []
    used = {series, time, *like.calendar, *targets, *like.past, *like.future, *like.static}
    if like.layout == "wide":
        targets = _wide_targets(frame, used, notes)
    return Roles(series, time, targets, like.past, like.future, like.static, like.calendar, tuple(notes), fitted=True)


def _names(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _require(frame: pd.DataFrame, name: str, option: str) -> None:
    if name not in frame.columns:
        flag = "--" + option.replace("_", "-")
        hint = similar_names(name, frame.columns)
        raise DataError(f"there is no column {name!r}, which {option} ({flag}) names; {hint}")


def _find(frame: pd.DataFrame, name: str, default: str, option: str, notes: list[Note]) -> str | None:
    """The named column; for a default name also one that differs in capitals only, or None."""
    if name in frame.columns:
        return name
    if name != default:
        _require(frame, name, option)
    for other in frame.columns:
        if other.lower() == default:
            notes.append(Note("tables.column_taken", {"column": other, "option": option}))
            return other
    return None


def _infer_time(
    frame: pd.DataFrame, taken: set[str | None], series: str | None, notes: list[Note]
) -> tuple[str | None, tuple[str, ...]]:
    free = [name for name in frame.columns if name not in taken]
    dated = [name for name in free if _holds_dates(column_of(frame, name))]
    preferred = sorted((rank, i) for i, name in enumerate(dated) if (rank := _time_rank(name)) is not None)
    if preferred or len(dated) == 1:
        chosen = dated[preferred[0][1]] if preferred else dated[0]
        clock = _clock_column(frame, chosen, free)
        if clock is not None:
            notes.append(Note("tables.time_parts", {"columns": short_list((chosen, clock))}))
            return None, (chosen, clock)
        notes.append(Note("tables.time_column", {"column": chosen}))
        return chosen, ()
    if dated:
        raise DataError(
            f"the columns {name_list(map(repr, dated))} all hold dates; "
            "name the one that is the time with time_col (--time-col)"
        )
    parts = _calendar_columns(frame, free)
    if parts:
        notes.append(Note("tables.time_parts", {"columns": short_list(parts)}))
        return None, parts
    counted = sorted((rank, i) for i, name in enumerate(free) if (rank := _time_rank(name)) is not None)
    for _, i in counted:
        if looks_numeric(column_of(frame, free[i])) and _counts_rows(frame, free[i], series):
            notes.append(Note("tables.time_column", {"column": free[i]}))
            return free[i], ()
    notes.append(Note("tables.time_counted"))
    return None, ()


def _clock_column(frame: pd.DataFrame, date: str, free: list[str]) -> str | None:
    """The column of times of day beside a column of bare dates."""
    if any(re.search(r"\d:\d\d", str(value)) for value in frame[date].head(50) if not is_midnight(value)):
        return None
    for name in free:
        known = column_of(frame, name).dropna().head(50)
        if name != date and len(known) and all(CLOCK.fullmatch(str(value).strip()) for value in known):
            return name
    return None


def _time_rank(name: str) -> int | None:
    words = re.findall(r"[a-z]+|[^\W\d_a-z]+", name.lower())
    if len(words) > 1 and words[0] in ("unix", "epoch", "local", "utc"):
        words = words[1:]
    if not words or words[0] not in TIME_WORDS or not _UNITS.issuperset(words[1:]):
        return None
    return TIME_WORDS.index(words[0])


def _holds_dates(column: pd.Series) -> bool:
    """Whether a column's first known values are dates (numbers count only when they read as such)."""
    if not is_text(column):
        return not pd.api.types.is_numeric_dtype(column.dtype) or (
            _time_rank(str(column.name)) is not None and _reads_as_dates(column)
        )
    return not looks_numeric(column) and _reads_as_dates(column)


def _reads_as_dates(column: pd.Series) -> bool:
    known = column.dropna().head(50)
    if not len(known) or pd.api.types.is_bool_dtype(known.dtype):
        return False
    try:
        return parse_times(known.reset_index(drop=True), str(column.name)).values.dtype.kind == "M"
    except TypeError:
        return False  # cells that hold lists
    except DataError:
        # Dates with a fault are still the time column, and the fault is better named than the column left out.
        texts = [value.isoformat() if isinstance(value, date) else str(value) for value in known.head(20)]
        return date_like(texts).sum() * 2 > len(texts)


def _calendar_columns(frame: pd.DataFrame, free: list[str]) -> tuple[str, ...]:
    lowered = {name.lower(): name for name in free}
    parts: list[str] = []
    for part in _CALENDAR:
        if part not in lowered or not looks_numeric(column_of(frame, lowered[part])):
            break
        parts.append(lowered[part])
    return tuple(parts) if len(parts) >= 2 else ()


def _counts_rows(frame: pd.DataFrame, name: str, series: str | None) -> bool:
    """Whether a numeric column can be a time: no value twice within a series."""
    return not frame.duplicated([name] if series is None else [series, name]).any()


def _numeric_columns(frame: pd.DataFrame, taken: set[str | None]) -> list[str]:
    free = [name for name in frame.columns if name not in taken and not _UNNAMED.fullmatch(name)]
    return [name for name in free if looks_numeric(column_of(frame, name))]


def _target(frame: pd.DataFrame, taken: set[str | None], notes: list[Note]) -> str:
    if DEFAULT_TARGET in frame.columns:
        return DEFAULT_TARGET
    candidates = _numeric_columns(frame, taken)
    same = [name for name in candidates if name.lower() == DEFAULT_TARGET]
    candidates = same or candidates
    if len(candidates) == 1:
        notes.append(Note("tables.target_column", {"column": candidates[0]}))
        return candidates[0]
    if not candidates:
        raise DataError(
            f"no column of numbers is left to forecast among {name_list(map(repr, frame.columns))}; "
            "name one with target_col (--target-col)"
        )
    if names_rows(frame):
        raise DataError(f"there is no column 'y', and {ROWS}")
    wide = ", or set layout='wide' (--layout wide) if each column is a series" if len(candidates) > 2 else ""
    raise DataError(
        f"there is no column 'y', and {name_list(map(repr, candidates))} could all be forecast; "
        f"name one or more of them with target_col (--target-col){wide}"
    )


def _wide_targets(frame: pd.DataFrame, taken: set[str | None], notes: list[Note]) -> tuple[str, ...]:
    numeric = _numeric_columns(frame, taken)
    if names_rows(frame):
        raise DataError(f"layout='wide' takes each column for a series, but {ROWS}")
    if not numeric:
        raise DataError("the wide table has no column of numbers beside the time; give one column per series")
    _note_leftovers(frame, {*taken, *numeric}, notes)
    return tuple(numeric)


def _note_leftovers(frame: pd.DataFrame, used: set[str | None], notes: list[Note]) -> None:
    left = [name if name else "(unnamed)" for name in frame.columns if name not in used]
    if left:
        notes.append(Note("tables.unused", {"columns": short_list(left)}))


def _refuse_double(
    series: str | None,
    time: str | None,
    targets: tuple[str, ...],
    past: tuple[str, ...],
    future: tuple[str, ...],
    static: tuple[str, ...],
) -> None:
    seen: dict[str, str] = {}
    roles = (("id_col", (series,)), ("time_col", (time,)), ("target_col", targets))
    for option, names in (*roles, ("past_cols", past), ("future_cols", future), ("static_cols", static)):
        for name in names:
            if name is not None and name in seen:
                raise SettingError(f"column {name!r} is named in {seen[name]} and in {option}; give it one role")
            if name is not None:
                seen[name] = option
    if not targets:
        raise SettingError("target_col is empty; name at least one column to forecast")
