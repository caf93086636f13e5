"""Naive forecasts, which every network must beat on the same windows to be worth using.

Each looks only at the rows up to its origin, the last known row of a window. Source: Hyndman & Athanasopoulos,
Forecasting: Principles and Practice (3rd ed.), section 5.2. Missing values (NaN) are skipped: "last" means the last
known value. A forecast is NaN only where nothing at all is known up to the origin.

Axes: R rows, W windows, S steps of the horizon, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tidegate.tables.panel import Panel
from tidegate.words import words

NAIVE_METHODS = ("RepeatLast", "SeasonalNaive", "Drift", "Mean")


def naive_forecasts(
    series: np.ndarray, origins: np.ndarray, horizon: int, season_length: int | None
) -> dict[str, np.ndarray]:
    """All naive forecasts of one series; without a season (1 or None), no seasonal naive.

    Args:
        series: (R, K) values of one series, one row per step of time; NaN where unknown.
        origins: (W,) index of the last known row of each window.
        horizon: S, steps to forecast from each origin.
        season_length: rows per season.

    Returns:
        "RepeatLast", "SeasonalNaive", "Drift", "Mean" -> (W, S, K).

    Example:
        >>> forecasts = naive_forecasts(np.array([[1.0], [2.0], [4.0], [8.0]]), np.array([2]), 2, season_length=2)
        >>> {name: forecast[0, :, 0].tolist() for name, forecast in forecasts.items()}["SeasonalNaive"]
        [2.0, 4.0]
    """
    series = np.asarray(series, dtype=np.float64)
    origins = np.asarray(origins, dtype=np.int64)
    forecasts = {"RepeatLast": repeat_last(series, origins, horizon)}
    if season_length is not None and season_length > 1:
        forecasts["SeasonalNaive"] = seasonal_naive(series, origins, horizon, season_length)
    forecasts["Drift"] = drift(series, origins, horizon)
    forecasts["Mean"] = mean(series, origins, horizon)
    return forecasts


def naive_windows(
    panel: Panel, rows: np.ndarray, series: np.ndarray, horizon: int, season: int
) -> dict[str, np.ndarray]:
    """All naive forecasts (W, S, K) of windows that forecast these rows (W,) of a panel first; in order of series."""
    parts: list[dict[str, np.ndarray]] = []
    for number in np.unique(series):
        own = panel.rows(number)
        origins = rows[series == number] - own.start - 1
        parts.append(naive_forecasts(panel.targets[own], origins, horizon, season))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def method_words(method: str, lang: str) -> str:
    """A method's name in words: the naive ones in the language, others as they are."""
    return words("tidegate.forecasting.evaluation", lang).get(f"method.{method}", method)


def common_truth(truth: np.ndarray, naive: Mapping[str, np.ndarray]) -> np.ndarray:
    """The truth (W, S, K), unknown (NaN) also where a naive forecast had nothing to go on: the same for all methods."""
    missing = np.any([np.isnan(forecast) for forecast in naive.values()], axis=0)
    return np.where(missing, np.nan, truth)


def repeat_last(series: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """The last known value, for every step; (W, S, K)."""
    last = _take(series, _last_known(series)[origins])
    return np.repeat(last[:, None], horizon, axis=1)


def seasonal_naive(series: np.ndarray, origins: np.ndarray, horizon: int, season_length: int) -> np.ndarray:
    """The last known value of the same season; where none is known yet, the last known value; (W, S, K)."""
    steps = np.arange(1, horizon + 1)
    seasons_back = -(-steps // season_length)
    same_season = origins[:, None] + steps - season_length * seasons_back
    rows = _last_known_of_season(series, season_length)[np.maximum(same_season, 0)]
    rows = np.where(same_season[:, :, None] < 0, -1, rows)
    forecast = _take(series, rows)
    return np.where(np.isnan(forecast), repeat_last(series, origins, horizon), forecast)


def drift(series: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """The line through the first and the last known value, continued; (W, S, K)."""
    known = ~np.isnan(series)
    first_row = np.where(known.any(axis=0), known.argmax(axis=0), -1)
    last_row = _last_known(series)[origins]
    last, first = _take(series, last_row), _take(series, first_row)
    span = last_row - first_row
    slope = np.divide(last - first, span, out=np.zeros_like(last), where=span > 0)
    steps_on = origins[:, None, None] + np.arange(1, horizon + 1)[:, None] - last_row[:, None]
    return last[:, None] + slope[:, None] * steps_on


def mean(series: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """The mean of all known values up to the origin, for every step; (W, S, K)."""
    known = ~np.isnan(series)
    # sums run over distances from the first known value, so that a large offset costs no digits
    offset = _take(series, known.argmax(axis=0))
    total = np.cumsum(np.where(known, series - offset, 0), axis=0)[origins]
    count = np.cumsum(known, axis=0)[origins]
    average = offset + np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return np.repeat(average[:, None], horizon, axis=1)


def _last_known(series: np.ndarray) -> np.ndarray:
    """(R, K) index of the last known row up to each row; -1 where there is none."""
    rows = np.where(np.isnan(series), -1, np.arange(len(series))[:, None])
    return np.maximum.accumulate(rows, axis=0)


def _last_known_of_season(series: np.ndarray, season_length: int) -> np.ndarray:
    """(R, K) index of the last known row of the same season up to each row; -1 where there is none."""
    rows = np.where(np.isnan(series), -1, np.arange(len(series))[:, None])
    seasons = -(-len(rows) // season_length)
    padded = np.full((seasons * season_length, rows.shape[1]), -1)
    padded[: len(rows)] = rows
    by_season = padded.reshape(seasons, season_length, -1)
    return np.maximum.accumulate(by_season, axis=0).reshape(padded.shape)[: len(rows)]


def _take(series: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Values at rows (…, K), each target from its own row; NaN where the row is -1."""
    values = series[np.maximum(rows, 0), np.arange(series.shape[1])]
    return np.where(rows < 0, np.nan, values)
