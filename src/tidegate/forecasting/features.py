"""Derived features by name: differences, moving averages and lags of the targets, and the calendar.

Features of the targets are computed from each window itself, never from the whole table, so that training,
back-test and use share one piece of code and no future value can enter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.holiday_dates import holiday_column, names_holidays

_PERIODS: dict[str, tuple[Callable[[pd.DatetimeIndex], np.ndarray], float]] = {
    "minute": (lambda t: t.minute.to_numpy(), 60),
    "hour": (lambda t: t.hour.to_numpy() + t.minute.to_numpy() / 60, 24),
    "weekday": (lambda t: t.day_of_week.to_numpy(), 7),
    "day": (lambda t: t.day.to_numpy() - 1, 31),
    "month": (lambda t: t.month.to_numpy() - 1, 12),
    "dayofyear": (lambda t: t.day_of_year.to_numpy() - 1, 365.25),
}
_DERIVED = re.compile(r"(difference|mean|lag)_(\d+)")


@dataclass(frozen=True)
class Features:
    """What `features=(…)` asked for.

    Attributes:
        calendar: names of periods, each of which becomes a sine and a cosine, and of holidays, each a column of 0 and
            1; all known ahead.
        derived: (kind, k) pairs; difference_k is y[t] - y[t-k], mean_k the mean of the last k values, lag_k is y[t-k].
        horizon: steps to forecast; a lag of at least that length is known ahead too.
    """

    calendar: tuple[str, ...]
    derived: tuple[tuple[str, int], ...]
    horizon: int

    @property
    def extra_rows(self) -> int:
        """Rows needed before the lookback window to compute the derived features."""
        return max((k - (kind == "mean") for kind, k in self.derived), default=0)

    @property
    def known_lags(self) -> tuple[int, ...]:
        """Lags whose values are known for every step of the horizon."""
        return tuple(k for kind, k in self.derived if kind == "lag" and k >= self.horizon)

    @property
    def calendar_size(self) -> int:
        """Columns that the calendar adds."""
        return sum(map(self.width, self.calendar))

    @staticmethod
    def width(name: str) -> int:
        """Columns of one name of the calendar."""
        return 1 if names_holidays(name) else 2

    def past(self, targets: Tensor) -> Tensor:
        """Derived features of a window: targets (B, extra_rows + L, K) to (B, L, K * len(derived))."""
        extra, total = self.extra_rows, targets.shape[1]
        columns = []
        for kind, k in self.derived:
            if kind == "mean":
                columns.append(targets.unfold(1, k, 1).mean(-1)[:, extra - k + 1 :])
                continue
            lagged = targets[:, extra - k : total - k]
            columns.append(targets[:, extra:] - lagged if kind == "difference" else lagged)
        return torch.cat(columns, dim=2)

    def future(self, targets: Tensor) -> Tensor:
        """Lags known ahead: targets (B, rows, K), the last row being the newest, to (B, horizon, K * lags)."""
        end = targets.shape[1]
        return torch.cat([targets[:, end - k : end - k + self.horizon] for k in self.known_lags], dim=2)


def parse_features(names: tuple[str, ...], horizon: int) -> Features:
    """Read feature names such as `difference_1`, `mean_7`, `lag_24`, `hour`, `weekday`.

    Raises:
        SettingError: for an unknown name or a length below one.
    """
    calendar, derived = [], []
    for name in names:
        match = _DERIVED.fullmatch(name)
        if name in _PERIODS or names_holidays(name):
            calendar.append(name)
        elif match and int(match[2]) >= 1:
            derived.append((match[1], int(match[2])))
        else:
            known = "difference_K, mean_K, lag_K (K at least 1), " + ", ".join(_PERIODS)
            known += ", holidays:COUNTRY (such as holidays:DE or holidays:US-CA)"
            raise SettingError(f"features does not know {name!r}; it knows {known}")
    return Features(tuple(calendar), tuple(derived), horizon)


def calendar_columns(times: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Sine and cosine of each named period, and 0 or 1 of holidays: times (R,) datetime64 to (R, columns) float32.

    Raises:
        DataError: when the times are plain numbers, which have no calendar.
        SettingError, MissingExtraError: as `holiday_column` does.
    """
    if not names:
        return np.empty((len(times), 0), dtype=np.float32)
    if not np.issubdtype(times.dtype, np.datetime64):
        raise DataError(
            f"the features {', '.join(names)} need dates, but the time column holds numbers; "
            "leave those features out or give a column of dates"
        )
    index = pd.DatetimeIndex(times)
    columns = []
    for name in names:
        if names_holidays(name):
            columns.append(holiday_column(times.astype("datetime64[D]"), name))
            continue
        read, period = _PERIODS[name]
        angle = (2 * np.pi / period * read(index)).astype(np.float32)
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1)
