"""How do new rows continue known ones, series by series?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tidegate.errors import DataError
from tidegate.notes import Note
from tidegate.tables.ahead import joined_ahead
from tidegate.tables.frequency import times_ahead
from tidegate.tables.messages import series_words, stamp_text
from tidegate.tables.panel import Panel
from tidegate.tables.steps import closed_between, parse_step


def append_rows(newest: Panel, panel: Panel, *, filled: bool = False) -> tuple[Panel, np.ndarray]:
    """Put each series' new rows behind its newest known ones; also how many rows of each were known.

    Rows up to the last known one are left out, with a note, once they agree with what is known. All known series are
    kept, with or without new rows; new series come last.

    Args:
        newest: the newest rows of each series.
        panel: the rows to add.
        filled: whether missing values of the newest rows have been filled, so that later ones may differ from them.

    Raises:
        DataError: when rows contradict known ones, the new rows of a series do not begin one step after its last known
            row, or there are none.
    """
    new_number = {name: number for number, name in enumerate(panel.ids.tolist())}
    own_number = dict(new_number)
    ahead = times_ahead(newest, 1)[:, 0]
    pieces, repeated, closed = [], 0, 0
    for number, name in enumerate(newest.ids.tolist()):
        old, new = newest.rows(number), panel.rows(new_number.pop(name)) if name in new_number else slice(0, 0)
        known = int(np.searchsorted(panel.times[new], newest.times[old.stop - 1], side="right"))
        if known and not filled:
            _refuse_contradiction(newest, old, panel, slice(new.start, new.start + known))
        repeated, new = repeated + known, slice(new.start + known, new.stop)
        if new.stop > new.start and panel.times[new.start] != ahead[number]:
            closed = max(closed, _days_closed(newest, old, panel.times[new.start], ahead[number]))
        pieces.append((old, new))
    if not new_number and not any(new.stop > new.start for _, new in pieces):
        raise DataError(
            f"the table has no row after {stamp_text(newest.times.max())}, the last that the forecaster has seen; give "
            "rows that follow"
        )
    notes = (Note("tables.rows_known", {"count": repeated}),) if repeated else ()
    notes += (Note("tables.days_off", {"count": closed}),) if closed else ()
    added = np.array(sorted(new_number.values()), dtype=np.int64)
    pieces += [(slice(0, 0), panel.rows(number)) for number in added]
    sources = [  # of what is known ahead: the new rows of a series know better than the old ones
        len(newest.ids) + own_number[name] if new.stop > new.start else number
        for number, (name, (_, new)) in enumerate(zip(newest.ids.tolist(), pieces, strict=False))
    ]
    joined = {
        column: np.concatenate(
            [part for old, new in pieces for part in (getattr(newest, column)[old], getattr(panel, column)[new])]
        )
        for column in ("times", "targets", "past", "future")
    }
    known = np.array([old.stop - old.start for old, _ in pieces], dtype=np.int64)
    lengths = known + [new.stop - new.start for _, new in pieces]
    return replace(
        panel,
        notes=(*panel.notes, *notes),
        ids=np.concatenate([newest.ids, panel.ids[added]]),
        static=np.concatenate([newest.static, panel.static[added]]),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        ahead=joined_ahead(newest, panel, [*sources, *(len(newest.ids) + added)]),
        **joined,
    ), known


def _days_closed(newest: Panel, old: slice, first: np.generic, expected: np.generic) -> int:
    """Days without trading between the last known row of a series and its first new one.

    Raises:
        DataError: other rows lie between.
    """
    last = newest.times[old.stop - 1]
    days = 0
    if newest.times.dtype.kind == "M":
        days = closed_between(parse_step(newest.freq), int(last.astype(np.int64)), int(first.astype(np.int64)))
    if not days:
        name = newest.ids[int(np.searchsorted(newest.starts, old.start, side="right")) - 1]
        raise DataError(
            f"the new rows of {series_words(name)} begin at {stamp_text(first)}, but its next row is expected at "
            f"{stamp_text(expected)}; give the rows between them too"
        )
    return days


def _refuse_contradiction(newest: Panel, old: slice, panel: Panel, new: slice) -> None:
    """Raise a DataError where a row that is known already has other values now."""
    _, before, now = np.intersect1d(newest.times[old], panel.times[new], assume_unique=True, return_indices=True)
    for role in ("targets", "past", "future"):
        seen, given = getattr(newest, role)[old][before], getattr(panel, role)[new][now]
        other = ~np.isclose(seen, given, rtol=1e-6, atol=0, equal_nan=True).all(axis=1)
        if other.any():
            row = int(other.argmax())
            series = panel.ids[int(np.searchsorted(panel.starts, new.start, side="right")) - 1]
            raise DataError(
                f"{series_words(series)} had other {role} at {stamp_text(panel.times[new][now[row]])} before "
                f"({_written(seen[row])}, now {_written(given[row])}); correct that row, or fit again on all"
            )


def _written(values: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in values)
