"""A stream: one observation in, the next forecast out, in the same time however long the stream has run."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.arrays import as_numbers
from tidegate.errors import DataError
from tidegate.forecasting.anchors import Anchors
from tidegate.forecasting.context import Context, NextForecast
from tidegate.forecasting.observations import LARGEST, read_ahead, read_row
from tidegate.forecasting.predictor import AnyPredictor

_FORMAT = 1


@dataclass(frozen=True)
class Observation:
    """A checked observation that a stream can take.

    Attributes:
        rows: (M, C) rows to add: those of a gap, all NaN, then the observation; none when it repeats the last.
        times: (M,) their stamps inside the clock, or None in a stream without times.
        passed: steps of a gap before `rows` that need not be written, for they would be forgotten at once.
    """

    rows: np.ndarray
    times: np.ndarray | None
    passed: int = 0


class Stream:
    """Keeps the newest rows of one series and forecasts what follows them.

    A forecast is the one that `Forecaster.predict` gives for a table of all rows pushed so far. The newest `keep` rows
    and, where gaps are filled, the last known values before them are all that it needs, so older rows are forgotten and
    a push costs the same after a million observations as after the first hundred. Not safe for use by several threads
    at once.

    Attributes:
        columns: names of the values in an observation: targets, past covariates, covariates known ahead.
        count: observations taken so far, repeated ones not counted.

    Example:
        >>> import numpy as np, tidegate
        >>> wave = np.sin(np.arange(200) / 5)
        >>> stream = tidegate.Forecaster(lookback=12, horizon=2, units=4, epochs=1).fit(wave).stream()
        >>> forecasts = [stream.push(value) for value in wave[:12]]
        >>> forecasts[10] is None, forecasts[11].columns
        (True, ('LSTM',))
    """

    def __init__(self, predictor: AnyPredictor, *, series: Any = None, level: Sequence[float] = ()) -> None:
        """Start an empty stream; `Forecaster.stream` does.

        Args:
            predictor: computes the forecasts; many streams may share one.
            series: the series of `fit` whose scale and static values to use; None for a new one.
            level: interval levels in percent, for every forecast.

        Raises:
            DataError: the model was not fitted on `series`, or needs one for its static columns.
        """
        self._predictor = predictor
        own = self._predictor.own_series(series)
        self._predictor.check_levels(tuple(level))
        self.level, self.columns = tuple(level), self._predictor.columns
        self._clear(own)

    def _clear(self, series: Any) -> None:
        """Forget all rows."""
        self.series, self.count = series, 0
        self.keep = self._predictor.kept_rows(series)
        """The newest rows that are kept."""
        # Rows move to the front once per `keep` pushes, so that the newest always lie in one piece.
        size = 2 * self.keep
        self._rows = np.empty((size, len(self.columns)))
        self._times = np.zeros(size, dtype=np.float64 if self._counts_in_floats else np.int64)
        self._first = self._end = 0
        self._timed: bool | None = None
        self._anchors = Anchors(len(self.columns)) if self._predictor.fills else None

    @property
    def needed(self) -> int:
        """Rows from which on there is a forecast."""
        return self._predictor.needed

    def __len__(self) -> int:
        return self._end - self._first

    @property
    def ready(self) -> bool:
        """Whether there are enough rows to forecast."""
        return len(self) >= self._predictor.needed

    @property
    def last_time(self) -> str | int | float | None:
        """The newest observation's time as JSON has it, or None."""
        if not len(self) or not self._timed or self._predictor.clock is None:
            return None
        return self._predictor.clock.write(self._newest_time)

    def push(self, values: Any, time: Any = None, *, future: Any = None) -> NextForecast | None:
        """Take one observation and forecast what follows it.

        Args:
            values: a number, the values in the order of `columns`, or a mapping by column; None where missing.
            time: ISO 8601 text, a datetime, or a number as in the table; None for the next step. Steps that were left
                out become missing rows (days without trading nothing, where the model refuses these); the last
                observation again changes nothing and gives its forecast again.
            future: covariates known ahead, (horizon, columns), when the model has them.

        Returns:
            The forecast, or None while there are fewer rows than the model needs.

        Raises:
            DataError: in one sentence. An observation that was refused left the stream as it was; one from which no
                finite forecast can be made was taken.
        """
        observation = self.check(values, time)
        ahead = self.read_future(future)
        self.take(observation)
        return self._predict(ahead) if self.ready else None

    def check(self, values: Any, time: Any = None) -> Observation:
        """Check an observation against the stream without changing it.

        Raises:
            DataError: in one sentence.
        """
        row = read_row(values, self.columns, self._predictor.gaps, self._predictor.texts)
        stamp, steps = self._read_time(time)
        if steps == 0 and not np.array_equal(row, self._rows[self._end - 1], equal_nan=True):
            raise DataError(f"time {time!r} was observed already with other values; give the time of the next step")
        if steps > 1 and not self._predictor.gaps:
            raise DataError(
                f"{steps - 1} steps before time {time!r} were left out and the model refuses gaps; push them first, "
                "or fit with missing='forward', 'linear', 'seasonal' or 'mask'"
            )
        return self._observation(row, stamp, steps)

    def take(self, observation: Observation) -> None:
        """Add an observation that `check` returned for the stream as it is now."""
        if not len(observation.rows):
            return
        if self._timed is None:
            self._timed = observation.times is not None
        times = [0] * len(observation.rows) if observation.times is None else observation.times.tolist()
        for row, time in zip(observation.rows, times, strict=True):
            self._append(row, time)
        if self._anchors is not None and observation.passed:
            self._anchors.age(observation.passed)
        self.count += 1

    def begin(self, rows: np.ndarray, start: Any = None) -> None:
        """Take the rows (R, C) that an empty stream begins with, as if they were pushed, in the time of `keep` pushes.

        Args:
            rows: checked observations, one step apart; NaN where missing.
            start: time of the first row.

        Raises:
            DataError: the time cannot be used, or is missing where the model reads the calendar.
        """
        older, clock = max(0, len(rows) - self.keep), self._predictor.clock
        if older and start is not None and clock is not None:
            start = clock.write(clock.after(clock.read(start), older, older + 1)[0].item())
        if self._anchors is not None:
            self._anchors.forget(rows[:older])
        for number, row in enumerate(rows[older:]):
            self.take(self.check(row, start if number == 0 else None))
        self.count += older

    def forecast(self, future: np.ndarray | None = None) -> NextForecast:
        """Forecast what follows the newest row.

        Raises:
            DataError: there are too few rows, or these rows cannot be forecast.
        """
        return self._predict(self.read_future(future))

    def context(self, future: np.ndarray) -> Context:
        """A copy of the newest rows as a predictor reads them."""
        part = slice(self._first, self._end)
        times = None
        if self._timed and self._predictor.clock is not None:
            times = self._predictor.clock.stamps(self._times[part].copy())
        return Context(self._rows[part].copy(), times, future, self.series, copy.deepcopy(self._anchors))

    def read_future(self, future: Any) -> np.ndarray:
        """The covariates known ahead as an array (horizon, columns).

        Raises:
            DataError: they are not there, of another shape, or not finite.
        """
        names, steps = self._predictor.known_ahead, self._predictor.steps
        if future is None and not names:
            return np.empty((steps, 0))
        return read_ahead(future, names, steps, self._predictor.texts)

    def state(self) -> dict[str, Any]:
        """The stream as JSON values, for `restore`."""
        part = slice(self._first, self._end)
        rows = self._rows[part]
        listed = rows.tolist()
        if np.isnan(rows).any():
            listed = [[None if value != value else value for value in row] for row in listed]
        return {
            "format": _FORMAT,
            "series": self.series,
            "columns": list(self.columns),
            "texts": {name: list(known) for name, known in self._predictor.texts.items()},
            "count": self.count,
            "timed": self._timed,
            "times": self._times[part].tolist() if self._timed else None,
            "rows": listed,
            "anchors": None if self._anchors is None else self._anchors.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> Stream:
        """Continue from a `state`, also one saved with another version of the model that has the same columns.

        Raises:
            DataError: it is no state of a stream of this model; the stream is then as it was before.
        """
        rows, times, count, timed, anchors = _read_state(state, self.columns, self._times.dtype)
        if state.get("texts", {}) != {name: list(known) for name, known in self._predictor.texts.items()}:
            raise DataError("the stream's columns of text have other values than the model knows; begin a new stream")
        self._clear(self._predictor.own_series(state.get("series")))
        self._timed, self.count = timed, count
        if self._anchors is not None:
            self._anchors = anchors
            anchors.forget(rows[: -self.keep])
        rows, times = rows[-self.keep :], times[-self.keep :]
        self._end = len(rows)
        self._rows[: len(rows)] = rows
        self._times[: len(rows)] = times
        return self

    def _predict(self, future: np.ndarray) -> NextForecast:
        context = self.context(future)
        self._predictor.check(context, self.level)
        return self._predictor.predict([context], self.level)[0]

    @property
    def _counts_in_floats(self) -> bool:
        clock = self._predictor.clock
        return clock is not None and clock.counts_in_floats

    def _append(self, row: np.ndarray, time: int | float) -> None:
        if self._end == len(self._rows):
            kept = self._end - self._first
            self._rows[:kept] = self._rows[self._first :]
            self._times[:kept] = self._times[self._first :]
            self._first, self._end = 0, kept
        self._rows[self._end], self._times[self._end] = row, time
        self._end += 1
        if self._end - self._first > self.keep:
            if self._anchors is not None:
                self._anchors.forget(self._rows[self._first : self._first + 1])
            self._first += 1

    @property
    def _newest_time(self) -> int | float:
        return self._times[self._end - 1].item()

    def _observation(self, row: np.ndarray, stamp: int | float | None, steps: int) -> Observation:
        clock = self._predictor.clock
        if stamp is None or clock is None:
            return Observation(row[None], None)
        if steps == 0:
            return Observation(np.empty((0, len(row))), np.empty(0))
        times = np.array([stamp])
        passed = max(0, steps - self.keep - 1)  # of a long gap only as many rows are written as are kept
        if steps > 1:
            times = np.concatenate([clock.after(self._newest_time, 1 + passed, steps), times])
        rows = np.full((len(times), len(row)), np.nan)
        rows[-1] = row
        return Observation(rows, times, passed)

    def _read_time(self, time: Any) -> tuple[int | float | None, int]:
        clock = self._predictor.clock
        if time is None:
            if self._predictor.dated and not len(self):
                raise DataError("the model reads the calendar, so a stream's first observation needs its time")
            if not self._timed or clock is None:
                return None, 1
            return clock.after(self._newest_time, 1, 2)[0].item(), 1
        if clock is None:
            raise DataError("a model of plain arrays knows no times; leave time out")
        if self._timed is False:
            raise DataError("this stream began without times; leave time out, or begin a new stream")
        stamp = clock.read(time)
        if not len(self):
            return stamp, 1
        last = self._newest_time
        steps = 0 if stamp == last else clock.steps_between(last, stamp)
        if steps < 0 or (steps == 0 and stamp != last):
            raise DataError(f"time {time!r} is not after {clock.write(last)}, the newest of the stream; push in order")
        if steps > 1 and not self._predictor.gaps and clock.follow_each_other(last, stamp):
            return stamp, 1
        return stamp, steps


def _read_state(
    state: Mapping[str, Any], columns: tuple[str, ...], dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray, int, bool | None, Anchors]:
    theirs = state.get("columns") if isinstance(state, Mapping) else None
    if isinstance(theirs, list) and theirs != list(columns):
        held = ", ".join(map(str, theirs))[:200]
        raise DataError(f"the stream holds {held} and the model takes {', '.join(columns)}; begin a new stream")
    try:
        timed, count, anchors = state["timed"], state["count"], Anchors(len(columns))
        if state.get("anchors") is not None:  # older versions had none
            anchors.restore(state["anchors"])
        rows = as_numbers(state["rows"], "the state") if state["rows"] else np.empty((0, len(columns)))
        times = np.array(state["times"] if timed else [0] * len(rows), dtype=dtype)
        sound = (
            (state["format"], theirs) == (_FORMAT, list(columns))
            and timed in (True, False, None)
            and (len(rows) > 0) == (timed is not None)
            and isinstance(count, int)
            and rows.shape == (len(times), len(columns))
            and bool((np.isnan(rows) | (np.abs(rows) < LARGEST)).all() and np.isfinite(times).all())
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        sound = False
    if not sound:
        raise DataError("this is no state of a stream, or a damaged one; begin a new stream")
    return rows, times, count, timed, anchors  # pyright: ignore[reportPossiblyUnboundVariable]
