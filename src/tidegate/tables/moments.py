"""Do steps of time count in UTC or by the wall clock, and what do a later table's stamps mean to a fitted model?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.notes import Note
from tidegate.tables.columns import Columns
from tidegate.tables.messages import row_list, stamp_text
from tidegate.tables.session_finding import find_sessions
from tidegate.tables.stamps import UNIX, Times
from tidegate.tables.steps import FixedStep, RowStep, parse_step
from tidegate.tables.units import DAY
from tidegate.tables.zones import pandas_zone


def in_steps(times: Times, ids: pd.Series | None, freq: str | None, name: str) -> Times:
    """The stamps whose differences are steps.

    Where there is a zone, steps below a day count in UTC, since an hour is an hour when clocks change; days and more,
    and sessions, keep the wall clock, since a day of 23 hours is a day and an exchange opens by its clock.

    Args:
        times: as they were read.
        ids: (R,) the series of each stamp, or None for one series.
        freq: the step, if it is given.
        name: the time column's name, for notes.
    """
    if times.universal is None:
        return times
    below = _below_a_day(times.values, ids, freq)
    return _placed(times, below and not (freq is None and _in_sessions(times.values, ids)), name)


def as_fitted(times: Times, columns: Columns, freq: str | None, name: str) -> Times:
    """The stamps of a later table as a fitted model counts them.

    Stamps without a zone are on the wall clock of the model's zone; those with another zone are the same moments there.

    Args:
        times: as they were read.
        columns: how the model's table wrote its stamps.
        freq: the model's step.
        name: the time column's name.

    Raises:
        DataError: stamps below a day have a zone and the model's have none, or the other way round where nothing tells
            what moments they are.
    """
    universal = times.values if times.kind in UNIX else times.universal
    if columns.in_utc:
        if universal is None:
            universal = _from_clock(times.values, columns.clock_zone, name)
        return replace(times, values=universal, in_utc=True, universal=None)
    if times.universal is None:
        return times
    if columns.zone is not None:
        local = pd.DatetimeIndex(times.universal).tz_localize("UTC").tz_convert(pandas_zone(columns.zone))
        return replace(times, values=local.tz_localize(None).to_numpy(), universal=None)
    if _below_a_day(times.values, None, freq):
        raise DataError(
            f"the time column {name!r} is in {times.written} but the model's times have no zone; give local time, "
            "without the zone"
        )
    return _placed(times, False, name)


def _below_a_day(local: np.ndarray, ids: pd.Series | None, freq: str | None) -> bool:
    """Whether the step is shorter than a day; one that is not given shows in a time of day that changes in a series."""
    if freq is not None and freq != "row":
        step = parse_step(freq)
        return isinstance(step, FixedStep | RowStep) and step.size < DAY
    clock = local.view(np.int64) % DAY
    if (clock == clock[0]).all() or ids is None:
        return bool((clock != clock[0]).any())
    codes, _ = pd.factorize(ids)
    first = clock[np.unique(codes, return_index=True)[1]]
    return bool((clock != first[codes]).any())


def _in_sessions(local: np.ndarray, ids: pd.Series | None) -> bool:
    codes = np.zeros(len(local), dtype=np.int64) if ids is None else pd.factorize(ids)[0]
    order = np.lexsort((local, codes))
    starts = np.append(np.unique(codes[order], return_index=True)[1], len(local))
    return find_sessions(local[order], starts) is not None


def _placed(times: Times, in_utc: bool, name: str) -> Times:
    values = times.universal if in_utc and times.universal is not None else times.values
    notes = times.notes if times.zone == "UTC" else (*times.notes, _note(times, in_utc, name))
    return replace(times, values=values, universal=None, in_utc=in_utc, notes=notes)


def _note(times: Times, in_utc: bool, name: str) -> Note:
    if not in_utc and times.zone is not None and times.zone[0] in "+-":
        return Note("tables.offset_dropped", {"column": name, "offset": times.zone})
    return Note("tables.zone_utc" if in_utc else "tables.zone_dropped", {"column": name, "zone": times.written})


def _from_clock(local: np.ndarray, zone: str | None, name: str) -> np.ndarray:
    """Moments in UTC of a wall clock that names each of them once."""
    if zone is None:
        raise DataError(
            f"the time column {name!r} has no zone and the model's times do; write the offset behind each stamp, such "
            "as +00:00"
        )
    index = pd.DatetimeIndex(local)
    moments = index.tz_localize(pandas_zone(zone), ambiguous="NaT", nonexistent="NaT")
    unclear = np.flatnonzero(moments.isna())
    if len(unclear):
        raise DataError(
            f"the time column {name!r} has no zone, and the clocks of {zone} show {stamp_text(local[unclear[0]])} "
            f"twice or never ({row_list(unclear)}); write the offset behind each stamp, such as +01:00"
        )
    return moments.tz_convert("UTC").tz_localize(None).to_numpy()
