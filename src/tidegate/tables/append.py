"""How do new rows continue known ones, series by series?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tidegate.errors import DataError
from tidegate.tables.frequency import times_ahead
from tidegate.tables.panel import Panel


def append_rows(newest: Panel, panel: Panel) -> tuple[Panel, np.ndarray]:
    """Put each series' new rows behind its newest known ones; also how many rows of each were known.

    All known series are kept, with or without new rows; new series come last.

    Raises:
        DataError: when the new rows of a series do not begin one step after its last known row.
    """
    new_number = {name: number for number, name in enumerate(panel.ids.tolist())}
    ahead = times_ahead(newest, 1)[:, 0]
    pieces = []
    for number, name in enumerate(newest.ids.tolist()):
        new = panel.rows(new_number.pop(name)) if name in new_number else slice(0, 0)
        if new.stop and panel.times[new.start] != ahead[number]:
            raise DataError(
                f"the new rows of series {name} begin at {panel.times[new.start]}, but its next row is expected at "
                f"{ahead[number]}; give only the rows that follow what the forecaster has seen"
            )
        pieces.append((newest.rows(number), new))
    added = np.array(sorted(new_number.values()), dtype=np.int64)
    pieces += [(slice(0, 0), panel.rows(number)) for number in added]
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
        ids=np.concatenate([newest.ids, panel.ids[added]]),
        static=np.concatenate([newest.static, panel.static[added]]),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        **joined,
    ), known
