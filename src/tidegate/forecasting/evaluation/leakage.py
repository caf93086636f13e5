"""Does a forecast know the future? Alter what comes after its origin and see whether it moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.evaluation.window_forecasts import NoWindowError, forecast_part
from tidegate.forecasting.table_model import TableModel
from tidegate.tables.panel import Panel
from tidegate.tables.reading import read_table

_SHARES = (0.5, 0.7, 0.9)


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
            f"the first for series {first['unique_id']} at {first['cutoff']}, from {first['before']:g} to "
            f"{first['after']:g}; look for scaling, filling or averages that use later rows."
        )


def check_leakage(
    model: TableModel,
    read: Callable[[pd.DataFrame], Panel],
    data: Any,
    prepare: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> LeakageReport:
    """Compare forecasts at three origins of each series before and after altering all later rows; see `Forecaster`.

    Known-future covariates keep their values within the horizon, for there they are inputs.

    Raises:
        DataError: the table is too short, or `prepare` does not keep its rows.
    """
    prepare = prepare or (lambda frame: frame)
    raw = read_table(data)
    panel = read(prepare(raw.copy()))
    compared, moved = 0, []
    for share in _SHARES:
        origins = np.maximum((panel.lengths * share).astype(np.int64), 1)
        altered = read(prepare(_alter(raw, model, panel, origins)))
        if len(altered.times) != len(panel.times):
            raise DataError("prepare gave another number of rows for an altered table; it must keep the rows")
        before, after = (_forecasts(model, each, origins) for each in (panel, altered))
        compared += before["value"].size
        differs = ~np.isclose(before["value"], after["value"], rtol=1e-6, atol=0, equal_nan=True)
        moved.append(_rows(panel, before, after["value"], differs, model.preprocessor.columns.targets))
    if not compared:
        raise DataError("the table is too short to check: no window fits at half, 70 % or 90 % of any series")
    return LeakageReport(compared, pd.concat(moved, ignore_index=True))


def _forecasts(model: TableModel, panel: Panel, origins: np.ndarray) -> dict[str, np.ndarray]:
    try:
        found = forecast_part(
            model, panel, origins, (origins, origins + model.preprocessor.settings.horizon), most=10**9
        )
    except NoWindowError:  # no series is long enough at this origin
        return {"value": np.empty((0, 1, 1)), "rows": np.empty(0, int), "series": np.empty(0, int)}
    return {"value": found.forecast, "rows": found.rows, "series": found.series}


def _alter(raw: pd.DataFrame, model: TableModel, panel: Panel, origins: np.ndarray) -> pd.DataFrame:
    """Change every number in the rows after each origin; covariates known ahead only beyond the horizon."""
    columns, altered = model.preprocessor.columns, raw.copy()
    if columns.layout == "wide":
        numbers = {name: n for n, name in enumerate(panel.ids.tolist())}
        for name in set(raw.columns) & set(numbers):
            series = numbers[name]
            beyond = raw.index[int(origins[series]) :]
            altered[name] = _disturbed(raw[name], beyond)
        return altered
    position = _position_in_series(raw, columns.id, columns.time)
    limit = np.full(len(raw), int(origins[0]))
    if columns.id is not None:
        by_name = dict(zip(panel.ids.tolist(), origins.tolist(), strict=True))
        limit = raw[columns.id].map(by_name).to_numpy()
    for name in raw.columns:
        if name in (columns.id, columns.time, *columns.static) or not pd.api.types.is_numeric_dtype(raw[name]):
            continue
        ahead = model.preprocessor.settings.horizon if name in columns.future else 0
        altered[name] = _disturbed(raw[name], raw.index[position >= limit + ahead])
    return altered


def _position_in_series(raw: pd.DataFrame, id_col: str | None, time_col: str | None) -> np.ndarray:
    ordered = raw if time_col is None else raw.sort_values(time_col, kind="stable")
    series = pd.Series(0, index=ordered.index) if id_col is None else ordered[id_col]
    return series.groupby(series).cumcount().reindex(raw.index).to_numpy()


def _disturbed(column: pd.Series, rows: pd.Index) -> pd.Series:
    values = column.astype(np.float64)
    spread = float(values.std()) or 1.0
    noise = np.random.default_rng(0).normal(0, 3 * (spread if spread == spread else 1.0), len(rows))
    values.loc[rows] = -values.loc[rows] + noise
    return values


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
