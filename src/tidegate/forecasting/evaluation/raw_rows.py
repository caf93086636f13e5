"""A table as the user gave it, each row at its place in the series that come of it, to be altered after an origin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.finite import quiet
from tidegate.tables.columns import Columns
from tidegate.tables.panel import Panel
from tidegate.tables.stamps import parse_times

_BLOCK = 8
_LARGEST = float(np.finfo(np.float64).max) / 4


@dataclass(frozen=True)
class RawRows:
    """The numbers of a table that may be altered, and where they belong.

    Attributes:
        frame: the table.
        columns: column -> (its series' number per row, -1 for none; rows after an origin that stay as they are).
        position: (R,) how many rows of its series, as prepared, lie before each row; by time where there is one.
        known: which rows of the prepared panel have all their numbers in the table; the others were filled in.
    """

    frame: pd.DataFrame
    columns: dict[str, tuple[np.ndarray, int]]
    position: dict[str, np.ndarray]
    known: np.ndarray

    @classmethod
    def of(cls, frame: pd.DataFrame, panel: Panel, roles: Columns, horizon: int) -> RawRows:
        """Find each number's place; identifiers, times and static columns are left alone."""
        numbers = {name: number for number, name in enumerate(panel.ids.tolist())}
        if roles.layout == "wide":
            names = [name for name in frame.columns if name in numbers]
            series = {name: np.full(len(frame), numbers[name]) for name in names}
        else:
            kept = {roles.id, roles.time, *roles.static}
            names = [name for name in frame.columns if name not in kept and _numeric(frame[name])]
            own = np.zeros(len(frame), dtype=np.int64)
            if roles.id in frame.columns:
                own = frame[roles.id].astype(object).map(numbers).fillna(-1).to_numpy(dtype=np.int64)
            elif len(panel.ids) > 1:
                raise DataError(f"the table has no column {roles.id!r}, so nobody knows which rows are whose")
            series = dict.fromkeys(names, own)
        columns = {name: (series[name], horizon if name in roles.future else 0) for name in names}
        times = None
        if roles.time in frame.columns:
            times = parse_times(frame[roles.time].reset_index(drop=True), str(roles.time)).values
        places: dict[bytes, np.ndarray] = {}
        position = {}
        for name in names:
            key = series[name].tobytes()
            if key not in places:
                places[key] = _places(series[name], times, panel)
            position[name] = places[key]
        return cls(frame, columns, position, _known(frame, columns, position, panel))

    def disturbed(self, origins: np.ndarray) -> pd.DataFrame:
        """The table with every number after its series' origin (N,) replaced by another."""
        altered = self.frame.copy()
        for name, (series, ahead) in self.columns.items():
            values = self.frame[name].to_numpy(dtype=np.float64, na_value=np.nan).copy()
            after = (series >= 0) & (self.position[name] >= origins[series] + ahead)
            known = values[np.isfinite(values)]
            with quiet():
                spread = min(float(np.std(known)), _LARGEST / 100) if len(known) else 1.0
            noise = np.random.default_rng(0).normal(0, 3 * (spread or 1.0), int(after.sum()))
            values[after] = np.clip(noise - values[after], -_LARGEST, _LARGEST)
            altered[name] = values
        return altered

    def rotated(self, origins: np.ndarray) -> pd.DataFrame:
        """The table with the first few known numbers after each origin in one another's place."""
        altered = self.frame.copy()
        for name, (series, ahead) in self.columns.items():
            values = self.frame[name].to_numpy(dtype=np.float64, na_value=np.nan).copy()
            position = self.position[name]
            after = (series >= 0) & (position >= origins[series] + ahead) & ~np.isnan(values)
            rows = np.flatnonzero(after)
            rows = rows[np.lexsort((position[rows], series[rows]))]
            rows = rows[pd.Series(series[rows]).groupby(series[rows]).cumcount().to_numpy() < _BLOCK]
            block = pd.Series(values[rows]).groupby(series[rows])
            values[rows] = block.shift(1).fillna(block.transform("last")).to_numpy()
            altered[name] = values
        return altered

    def behind_gaps(self, panel: Panel, least: int, most: int) -> Iterator[np.ndarray]:
        """Origins (N,) right behind gaps, at most so many for each series; its length where it has no more."""
        chosen = [self._gap_ends(panel.rows(number), least, most) for number in range(len(panel.ids))]
        for turn in range(max(map(len, chosen), default=0)):
            ends = [own[turn] if turn < len(own) else length for own, length in zip(chosen, panel.lengths, strict=True)]
            yield np.array(ends, dtype=np.int64)

    def _gap_ends(self, rows: slice, least: int, most: int) -> np.ndarray:
        known = self.known[rows]
        ends = 1 + np.flatnonzero(~known[:-1] & known[1:])
        ends = ends[ends >= least]
        return ends[np.linspace(0, len(ends) - 1, min(len(ends), most)).round().astype(int)]


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column)


def _places(series: np.ndarray, times: np.ndarray | None, panel: Panel) -> np.ndarray:
    """How many rows of its series lie before each row; without times, in the order of the table."""
    place = np.zeros(len(series), dtype=np.int64)
    if times is None:
        return pd.Series(series).groupby(series).cumcount().to_numpy()
    order = np.argsort(series, kind="stable")
    edges = np.searchsorted(series[order], np.arange(len(panel.ids) + 1))
    for number in range(len(panel.ids)):
        own = order[edges[number] : edges[number + 1]]
        place[own] = np.searchsorted(panel.times[panel.rows(number)], times[own])
    return place


def _known(
    frame: pd.DataFrame, columns: dict[str, tuple[np.ndarray, int]], position: dict[str, np.ndarray], panel: Panel
) -> np.ndarray:
    """(rows of the panel,) whether the table has every number of that row."""
    found, missing = np.zeros(len(panel.times), dtype=bool), np.zeros(len(panel.times), dtype=bool)
    for name, (series, _) in columns.items():
        inside = (series >= 0) & (position[name] < panel.lengths[series])
        rows = panel.starts[series[inside]] + position[name][inside]
        found[rows] = True
        missing[rows[frame[name].isna().to_numpy()[inside]]] = True
    return found & ~missing
