"""Missing values filled as at each origin: from the rows before it alone, whatever the rows after it say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from tidegate.tables.filling import Coded, fill, neighbours, season_known
from tidegate.tables.panel import Panel

ROLES = ("targets", "past", "future")


class Later(NamedTuple):
    """Filled values that are known only behind later rows.

    Attributes:
        panel: filled by another method.
        delays: by role, (R, columns) int32: how many rows after a cell lies the last one that its value follows from;
            an origin further behind the cell than that sees the value. Roles without gaps are left out.
    """

    panel: Panel
    delays: dict[str, np.ndarray]


@dataclass(frozen=True)
class GradualFilling:
    """A panel filled so that every origin p can see what `fill` makes of the rows before p, and nothing else.

    Attributes:
        first: filled from the rows before each gap (before the first known value, from that).
        later: what takes its place once it is known, the last that is known before the others.
    """

    first: Panel
    later: tuple[Later, ...]

    @classmethod
    def of(cls, panel: Panel, method: str, season_length: int, coded: Coded) -> GradualFilling:
        """Fill a panel by one of `MISSING`; `coded` columns and errors are those of `fill`."""
        gaps = [role for role in ROLES if np.isnan(getattr(panel, role)).any()]
        if method not in ("linear", "seasonal") or not gaps:
            return cls(fill(panel, method, season_length, coded), ())
        methods = ("linear", "seasonal")[: 1 + (method == "seasonal")]
        later = [
            Later(
                fill(panel, each, season_length, coded),
                {role: _delays(panel, role, each, season_length, coded) for role in gaps},
            )
            for each in methods
        ]
        return cls(fill(panel, "forward", season_length), tuple(later))

    def before(self, rows: np.ndarray, series: np.ndarray, count: int) -> Panel:
        """As `Panel.before`, filled as at each of these rows (M,)."""
        chosen = self.first.before(rows, series, count)
        distance = np.repeat(chosen.starts[1:], chosen.lengths) - np.arange(len(chosen.times))
        reach = np.repeat(rows, chosen.lengths) - distance
        for panel, delays in self.later:
            values = {
                role: np.where(delay[reach] < distance[:, None], getattr(panel, role)[reach], getattr(chosen, role))
                for role, delay in delays.items()
            }
            chosen = replace(chosen, **values)
        return chosen


def first_origins(panel: Panel) -> np.ndarray:
    """(N,) the first row of each series before which every column has a known value, so that gaps can be filled."""
    first = np.zeros(len(panel.ids), dtype=np.int64)
    for role in ROLES:
        unknown = np.isnan(getattr(panel, role))
        for column in np.flatnonzero(unknown[panel.starts[:-1]].any(axis=0)):
            _, series, before, after = neighbours(unknown[:, column], panel)
            leading = (before < 0) & (after >= 0)
            np.maximum.at(first, series[leading], after[leading] + 1 - panel.starts[series[leading]])
    return first


def _delays(panel: Panel, role: str, method: str, season_length: int, coded: Coded) -> np.ndarray:
    missing = np.isnan(getattr(panel, role))
    delays = np.zeros(missing.shape, dtype=np.int32)
    for column in np.flatnonzero(missing.any(axis=0)):
        unknown = missing[:, column]
        rows, series, _, after = neighbours(unknown, panel)
        own = np.where((after >= 0) & (column not in coded.get(role, ())), after - rows, 0)
        if method == "seasonal":
            own[season_known(unknown, panel, rows, series, season_length)] = season_length
            own[season_known(unknown, panel, rows, series, -season_length)] = 0
        delays[rows, column] = own
    return delays
