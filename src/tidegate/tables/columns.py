"""What a model keeps of its table: the columns' roles, and how identifiers and times were written."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tidegate.tables.stamps import NUMBER_FORMS, UNIX
from tidegate.tables.zones import pandas_zone


@dataclass(frozen=True)
class Columns:
    """Which column plays which role.

    Attributes:
        id: the column that names the series; None when the table had none (one series).
        time: the column of time stamps; None when the table had none (rows are counted from 0).
        targets: the K columns to forecast.
        past: covariates known up to now.
        future: covariates known ahead.
        static: constant per series, in the order of `Panel.static`: first the categorical ones, then the numbers.
        categories: for each categorical static column its known categories; category i has code i + 1, others 0.
        texts: for each covariate of text its known values; value i has code i + 1.
        layout: "long", "wide" or "rows", as the table came.
        frame: what the table came as: "pandas", "polars", "numpy" or "file".
        id_dtype: numpy dtype of the identifiers ("object" for text), or "category".
        time_kind: how time stamps were written: "dates", "numbers", one of `NUMBER_FORMS` such as "yyyymmdd",
            "unix_s", "unix_ms", "unix_us", "unix_ns" or "period:<freq>".
        time_form: how text wrote them, as `find_form` finds it; None where they were no text, or in no one form.
        zone: the time zone that the stamps were in, if any.
        in_utc: whether `Panel.times` are in UTC (steps below a day in a zone) rather than in local time.
        clock_zone: the zone of the wall clock where they are; None where only changing offsets were given.
        calendar: the columns that the time was put together from, when no one column held it.
    """

    id: str | None
    time: str | None
    targets: tuple[str, ...]
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    categories: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    layout: str = "long"
    frame: str = "pandas"
    id_dtype: str = "object"
    time_kind: str = "dates"
    time_form: str | None = None
    zone: str | None = None
    in_utc: bool = False
    clock_zone: str | None = None
    calendar: tuple[str, ...] = ()

    @property
    def coded(self) -> dict[str, tuple[int, ...]]:
        """By role the numbers of the covariates whose values are codes of text."""
        roles = {"past": self.past, "future": self.future}
        return {role: tuple(i for i, name in enumerate(names) if name in self.texts) for role, names in roles.items()}

    def width(self, role: str) -> int:
        """How many inputs the covariates of a role are: a text is one for each of its values."""
        return sum(len(self.texts[name]) if name in self.texts else 1 for name in getattr(self, role))

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that plays a role."""
        keys = (name for name in (self.time, self.id) if name is not None)
        return (*keys, *self.targets, *self.past, *self.future, *self.static)

    def to_dict(self) -> dict[str, Any]:
        """The roles as plain values that JSON can hold."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Columns:
        """The inverse of `to_dict`, also after a trip through JSON."""
        names = {item.name for item in dataclasses.fields(cls)}
        known: dict[str, Any] = {key: value for key, value in values.items() if key in names}
        return cls(**{key: _frozen(value) for key, value in known.items()})

    def wall_clock(self, times: np.ndarray) -> np.ndarray:
        """What the clock shows at a panel's time stamps: the calendar is read from that."""
        if not self.in_utc or self.clock_zone is None:
            return times
        local = pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(pandas_zone(self.clock_zone))
        return local.tz_localize(None).to_numpy()

    def restore_ids(self, ids: np.ndarray) -> np.ndarray | pd.Categorical[Any]:
        """Identifiers in the dtype of the input's own column; new ones of another kind leave all as they are."""
        if self.id_dtype == "category":
            return pd.Categorical(ids, categories=pd.unique(ids))
        alike = self.id_dtype != "object" and all(isinstance(name, int | np.integer) for name in ids)
        return ids.astype(self.id_dtype) if alike else ids

    def restore_times(self, times: np.ndarray) -> np.ndarray | pd.Series:
        """Time stamps (R,) of a panel or of `future_times` as the input wrote them.

        Dates given as text come back as datetime64 (files have them in `time_form`); everything else in the input's
        own kind (numbers such as 20240131, Unix time, periods, time zones).
        """
        if times.dtype.kind != "M":
            return times
        if self.zone is not None:
            zone = pandas_zone(self.zone)
            local = pd.DatetimeIndex(times)
            if self.in_utc:
                return pd.Series(local.tz_localize("UTC").tz_convert(zone))
            # A forecast may fall into the hour that a change of the clock skips or repeats.
            repeated = np.ones(len(local), dtype=bool)
            return pd.Series(local.tz_localize(zone, nonexistent="shift_forward", ambiguous=repeated))
        if self.time_kind.startswith("period:"):
            return pd.Series(pd.PeriodIndex(times, freq=self.time_kind.removeprefix("period:")))
        if self.time_kind in UNIX:
            return times.astype("datetime64[ns]").view(np.int64) // UNIX[self.time_kind]
        if self.time_kind in NUMBER_FORMS:
            return pd.DatetimeIndex(times).strftime(NUMBER_FORMS[self.time_kind][0]).astype(np.int64).to_numpy()
        return times


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
