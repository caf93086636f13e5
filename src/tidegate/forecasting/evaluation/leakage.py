"""Does a forecast know the future? Alter what comes after its origin and see whether it moves.

Two kinds of origins are tried. Behind the training rows everything after the origin is altered: what the preparation
learned from those rows, such as a scale, shows. Behind a gap that the preparation filled, wherever it lies, the next
known values change places: a fill that looked ahead shows, while a scale learned from training rows stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.evaluation.held_out import held_out
from tidegate.forecasting.evaluation.raw_rows import RawRows
from tidegate.forecasting.evaluation.window_forecasts import NoWindowError, forecast_part
from tidegate.forecasting.finite import quiet
from tidegate.forecasting.table_model import TableModel
from tidegate.tables.messages import series_words
from tidegate.tables.panel import Panel
from tidegate.tables.reading import read_table

_ORIGINS = 3
_GAPS = 8
_MOVED = 1e-6


@dataclass(frozen=True)
class LeakageReport:
    """What moved when the future was altered.

    Attributes:
        checked: forecasts that were compared.
        moved: one row per forecast that moved: unique_id, cutoff, step, target, before, after.
    """

    checked: int
    moved: pd.DataFrame

    @property
    def leaks(self) -> bool:
        """Whether any forecast knew its future."""
        return len(self.moved) > 0

    def __str__(self) -> str:
        if not self.leaks:
            return (
                f"No leak found: none of {self.checked} forecasts moved when the rows after their origin were altered."
            )
        first = self.moved.iloc[0]
        return (
            f"LEAK: {len(self.moved)} of {self.checked} forecasts moved when the rows after their origin were altered, "
            f"the first for {series_words(first['unique_id'])} at {first['cutoff']}, from {first['before']:g} to "
            f"{first['after']:g}; look for scaling, filling or averages that use later rows."
        )


@quiet()
def check_leakage(
    model: TableModel,
    read: Callable[[pd.DataFrame], Panel],
    data: Any,
    prepare: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    test_size: float = 0.2,
) -> LeakageReport:
    """Compare forecasts before and after altering what follows their origins; see `Forecaster.check_leakage`.

    Known-future covariates keep their values within the horizon, for there they are inputs.

    Raises:
        SettingError: `test_size` is neither a share nor a number of rows.
        DataError: the table is too short, or `prepare` does not keep its rows.
    """
    prepare = prepare or (lambda frame: frame)
    raw = read_table(data)
    panel = read(prepare(raw.copy()))
    horizon = model.preprocessor.settings.horizon
    rows = RawRows.of(raw, panel, model.preprocessor.columns, horizon)
    training = panel.lengths - held_out(test_size, panel.lengths)
    check = _Check(model, panel)
    for turn in range(_ORIGINS):
        # one row on, for others round the size of a part otherwise
        first = training + 1 + (panel.lengths - training) * turn // _ORIGINS
        altered = read(prepare(rows.disturbed(first)))
        check.compare(np.maximum(np.minimum(first, panel.lengths - horizon), 0), altered)
    for origins in rows.behind_gaps(panel, model.preprocessor.shape.context, _GAPS):
        altered = read(prepare(rows.rotated(origins)))
        check.compare(_unless_learned(panel, altered, rows.known, origins, training), altered)
    return check.report()


def _unless_learned(
    panel: Panel, altered: Panel, known: np.ndarray, origins: np.ndarray, training: np.ndarray
) -> np.ndarray:
    """Origins without those in training rows of series whose known past moved too: a trend, say, learned from them."""
    if len(altered.times) != len(panel.times):
        return origins
    before, after = (np.concatenate([each.targets, each.past], axis=1) for each in (panel, altered))
    position = np.arange(len(panel.times)) - np.repeat(panel.starts[:-1], panel.lengths)
    past = known & (position < np.repeat(origins, panel.lengths))
    moved = past & ~np.isclose(before, after, rtol=_MOVED, atol=0, equal_nan=True).all(axis=1)
    learned = np.add.reduceat(moved, panel.starts[:-1]) > 0
    return np.where(learned & (origins <= training), panel.lengths, origins)


class _Check:
    """Forecasts of one model compared, origin by origin."""

    def __init__(self, model: TableModel, panel: Panel) -> None:
        self._model, self._panel = model, panel
        self._compared, self._moved = 0, []

    def compare(self, origins: np.ndarray, altered: Panel) -> None:
        """Forecast from `origins` (N,) rows of each series, in the panel and in the altered one."""
        if len(altered.times) != len(self._panel.times):
            raise DataError("prepare gave another number of rows for an altered table; it must keep the rows")
        before, after = (self._forecasts(each, origins) for each in (self._panel, altered))
        self._compared += before["value"].size
        differs = ~np.isclose(before["value"], after["value"], rtol=_MOVED, atol=0, equal_nan=True)
        self._moved.append(
            _rows(self._panel, before, after["value"], differs, self._model.preprocessor.columns.targets)
        )

    def report(self) -> LeakageReport:
        """What was found."""
        if not self._compared:
            raise DataError("the table is too short to check: no series holds a window of history and horizon")
        return LeakageReport(self._compared, pd.concat(self._moved, ignore_index=True))

    def _forecasts(self, panel: Panel, origins: np.ndarray) -> dict[str, np.ndarray]:
        ends = np.minimum(origins + self._model.preprocessor.settings.horizon, panel.lengths)
        try:
            found = forecast_part(self._model, panel, (origins, ends), most=10**9)
        except NoWindowError:  # no series is long enough at this origin
            return {"value": np.empty((0, 1, 1)), "rows": np.empty(0, int), "series": np.empty(0, int)}
        return {"value": found.forecast, "rows": found.rows, "series": found.series}


def _rows(
    panel: Panel,
    before: dict[str, np.ndarray],
    after: np.ndarray,
    differs: np.ndarray,
    targets: tuple[str, ...],
) -> pd.DataFrame:
    window, step, target = np.nonzero(differs)
    return pd.DataFrame(
        {
            "unique_id": panel.ids[before["series"][window]],
            "cutoff": panel.times[before["rows"][window] - 1],
            "step": step + 1,
            "target": np.array(targets, dtype=object)[target],
            "before": before["value"][differs],
            "after": after[differs],
        }
    )
