"""What every table becomes: many regular series as a few contiguous arrays, in which windows are index ranges."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidegate.notes import Note


@dataclass(frozen=True)
class Panel:
    """N series laid end to end in R rows; the rows of a series are one regular step apart.

    Attributes:
        ids: (N,) object, the series' identifiers, in order of first appearance.
        starts: (N + 1,) int64; series n occupies rows starts[n]:starts[n + 1].
        times: (R,) datetime64[ns], int64 or float64 time stamps, ascending within a series.
        freq: pandas offset alias ("h", "D", "B", "MS", …) or, for numbers as times, the numeric step.
        targets: (R, K) float; NaN where missing.
        past: (R, P) float, covariates known up to now.
        future: (R, Q) float, covariates known ahead.
        static: (N, S) float, constant per series (categories as codes, 0 = unseen).
        notes: what was inferred or left out, to be shown to the user.
        ahead: (N, S, Q) the future covariates of the steps that follow, as far as the table had them (NaN behind that);
            None where it had none.
    """

    ids: np.ndarray
    starts: np.ndarray
    times: np.ndarray
    freq: str | int | float
    targets: np.ndarray
    past: np.ndarray
    future: np.ndarray
    static: np.ndarray
    notes: tuple[Note, ...] = ()
    ahead: np.ndarray | None = None

    @property
    def lengths(self) -> np.ndarray:
        """(N,) number of rows of each series."""
        return np.diff(self.starts)

    def rows(self, series: int) -> slice:
        """The rows of one series, by its number."""
        return slice(int(self.starts[series]), int(self.starts[series + 1]))

    def select(self, keep: np.ndarray) -> Panel:
        """The panel with only the series where `keep` (N,) is true."""
        rows = np.repeat(keep, self.lengths)
        starts = np.concatenate([[0], np.cumsum(self.lengths[keep])]).astype(np.int64)
        ahead = None if self.ahead is None else self.ahead[keep]
        return self._with_rows(rows, starts, ids=self.ids[keep], static=self.static[keep], ahead=ahead)

    def head(self, lengths: np.ndarray) -> Panel:
        """The first `lengths` (N,) rows of each series."""
        position = np.arange(self.starts[-1]) - np.repeat(self.starts[:-1], self.lengths)
        rows = position < np.repeat(lengths, self.lengths)
        starts = np.concatenate([[0], np.cumsum(np.minimum(lengths, self.lengths))]).astype(np.int64)
        return self._with_rows(rows, starts, ids=self.ids, static=self.static)

    def tail(self, count: int) -> Panel:
        """The last `count` rows of each series, or all where there are fewer."""
        lengths = np.minimum(self.lengths, count)
        position = np.arange(self.starts[-1]) - np.repeat(self.starts[:-1], self.lengths)
        rows = position >= np.repeat(self.lengths - lengths, self.lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return self._with_rows(rows, starts, ids=self.ids, static=self.static, ahead=self.ahead)

    def before(self, rows: np.ndarray, series: np.ndarray, count: int) -> Panel:
        """A series for each of these rows (M,): the last `count` rows of its series (M,) before it, or all."""
        first = np.maximum(rows - count, self.starts[series])
        starts = np.concatenate([[0], np.cumsum(rows - first)]).astype(np.int64)
        reach = np.arange(starts[-1]) - np.repeat(starts[:-1] - first, rows - first)
        return self._with_rows(reach, starts, ids=self.ids[series], static=self.static[series])

    def _with_rows(
        self,
        rows: np.ndarray,
        starts: np.ndarray,
        *,
        ids: np.ndarray,
        static: np.ndarray,
        ahead: np.ndarray | None = None,
    ) -> Panel:
        return replace(
            self,
            ahead=ahead,
            ids=ids,
            static=static,
            starts=starts,
            times=self.times[rows],
            targets=self.targets[rows],
            past=self.past[rows],
            future=self.future[rows],
        )
