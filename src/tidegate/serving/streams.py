"""All streams of the service: bounded in number, least recently used out first, found again after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.errors import DataError
from tidegate.forecasting.predictor import NextForecast
from tidegate.forecasting.streaming import Observation, Stream
from tidegate.serving.batching import Batcher
from tidegate.serving.journal import Journal
from tidegate.serving.models import Models, ModelVersion
from tidegate.serving.responses import Refusal, forecast_body, to_json
from tidegate.serving.schemas import HistoryBody, PushBody

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
log = logging.getLogger("tidegate.serving")


@dataclass
class _Entry:
    """A stream: as it was saved until it is first used, then alive for one version of its model."""

    model: str
    state: dict[str, Any] | None
    keep: int
    stream: Stream | None = None
    served: ModelVersion | None = None

    def saved(self) -> dict[str, Any]:
        state = self.state if self.stream is None else self.stream.state()
        return {"model": self.model, "keep": self.keep, "state": state}


class Streams:
    """The streams of this process; used from its event loop only."""

    def __init__(
        self,
        models: Models,
        batcher: Batcher,
        *,
        limit: int,
        folder: Path | None = None,
        always: bool = False,
        evicted: Callable[[], None] = lambda: None,
    ) -> None:
        """Load what the folder holds.

        Args:
            models: the served models.
            batcher: computes the forecasts.
            limit: streams kept, at most.
            folder: where they are kept over a restart, or None.
            always: whether the disk must have an observation before it is acknowledged.
            evicted: told of each stream that had to go.
        """
        self._models, self._batcher, self._limit, self._evicted = models, batcher, limit, evicted
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._journal = None if folder is None else Journal(folder)
        self._always = always
        self._snapshot: threading.Thread | None = None
        if self._journal is not None:
            self._load(self._journal)

    def __len__(self) -> int:
        return len(self._entries)

    def names(self, count: int) -> list[str]:
        """The streams used last, newest first."""
        return [name for name, _ in zip(reversed(self._entries), range(count), strict=False)]

    async def push(self, name: str, body: PushBody) -> bytes:
        """Take one observation and answer with the next forecast, as JSON.

        Raises:
            Refusal, TidegateError: the observation was not taken.
        """
        if not _ID.fullmatch(name):
            raise Refusal(422, "a stream's id must be 1 to 128 of letters, digits and _ . : -; choose another")
        entry, fresh = self._entry(name, body)
        stream, served = entry.stream, entry.served
        assert stream is not None
        assert served is not None
        levels = tuple(body.level)
        served.predictor.check_levels(levels)
        future = stream.read_future(body.future)
        observation = stream.check(body.values, body.time)
        # From here to the snapshot of the rows nothing awaits: pushes to one stream cannot mix.
        if fresh:
            stream.take(observation)
            self._write({"id": name, "new": entry.saved()})
        else:
            self._write(_record(name, observation))
            stream.take(observation)
        self._keep(name, entry)
        history = stream.history(future) if stream.ready else None
        count, last = stream.count, stream.last_time
        await self._synced()
        forecast = None if history is None else await self._batcher.predict(served, history, levels)
        return to_json(_answer(name, served, stream, count, last, forecast))

    async def look(self, name: str, levels: tuple[float, ...]) -> bytes:
        """A stream's newest rows and its forecast, as JSON; changes nothing."""
        entry = self._entries.get(name)
        if entry is None:
            raise Refusal(404, f"there is no stream {name[:128]!r}; push an observation to begin it")
        self._wake(entry)
        stream, served = entry.stream, entry.served
        assert stream is not None
        assert served is not None
        forecast, seen = None, stream.history(np.zeros((served.predictor.steps, len(served.predictor.known_ahead))))
        if stream.ready and not served.predictor.known_ahead:
            forecast = await self._batcher.predict(served, seen, levels)
        rows = [[None if value != value else value for value in row] for row in seen.rows.tolist()]
        clock = served.predictor.clock
        times = None if seen.times is None or clock is None else clock.texts(seen.times)
        answer = _answer(name, served, stream, stream.count, stream.last_time, forecast)
        return to_json(answer | {"columns": stream.columns, "history": rows, "times": times})

    def drop(self, name: str) -> None:
        """Forget a stream."""
        if name not in self._entries:
            raise Refusal(404, f"there is no stream {name[:128]!r}")
        self._write({"id": name, "drop": True})
        del self._entries[name]

    def sync(self) -> None:
        """Let the disk have what was acknowledged; for another thread, each second."""
        if self._journal is not None:
            self._journal.sync()

    def close(self) -> None:
        """Save everything."""
        if self._journal is not None:
            if self._snapshot is not None:
                self._snapshot.join()
            self._journal.close()

    def _entry(self, name: str, body: PushBody) -> tuple[_Entry, bool]:
        entry = self._entries.get(name)
        if entry is not None:
            if body.model not in (None, entry.model):
                raise Refusal(
                    409, f"the stream {name!r} belongs to model {entry.model!r}; delete it or choose another id"
                )
            if body.history is not None:
                raise Refusal(409, f"the stream {name!r} has begun, so it takes no history; delete it to begin again")
            self._wake(entry)
            return entry, False
        served = self._models.get(body.model)
        series = body.series
        if series is None and name in served.predictor.series:
            series = name
        stream = Stream(served.predictor, series=series)
        if body.history is not None:
            _begin(stream, body.history)
        return _Entry(served.name, None, stream.keep, stream, served), True

    def _wake(self, entry: _Entry) -> None:
        """Bring a stream to life for the newest version of its model."""
        served = self._models.get(entry.model)
        if entry.served is served:
            return
        state = entry.saved()["state"]
        stream = Stream(served.predictor, series=state["series"])
        try:
            stream.restore(state)
        except DataError as error:
            raise Refusal(409, f"{error}: delete it first, for model {entry.model!r} has changed") from None
        entry.stream, entry.served, entry.state, entry.keep = stream, served, None, max(entry.keep, stream.keep)

    def _keep(self, name: str, entry: _Entry) -> None:
        self._entries[name] = entry
        self._entries.move_to_end(name)
        while len(self._entries) > self._limit:
            oldest, _ = self._entries.popitem(last=False)
            self._evicted()
            with contextlib.suppress(Refusal):  # a full disk: the limit removes it again at the next start
                self._write({"id": oldest, "drop": True})

    def _write(self, record: dict[str, Any]) -> None:
        if self._journal is None:
            return
        try:
            if self._journal.full and (self._snapshot is None or not self._snapshot.is_alive()):
                self._rotate(self._journal)
            self._journal.append(record)
        except OSError as error:
            reason = error.strerror or str(error)
            raise Refusal(
                507,
                f"the streams cannot be saved ({reason}), so the observation was not taken; make room and try again",
            ) from None

    def _rotate(self, journal: Journal) -> None:
        """Put a snapshot in place of a long journal; the disk is waited for in a thread."""
        number = journal.begin()
        state = self._saved()
        self._snapshot = threading.Thread(target=_finish, args=(journal, number, state), name="tidegate-snapshot")
        self._snapshot.start()

    def _saved(self) -> list[Any]:
        return [[name, entry.saved()] for name, entry in self._entries.items()]

    async def _synced(self) -> None:
        if self._always and self._journal is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._journal.sync)
            except OSError as error:
                raise Refusal(
                    507, f"the disk did not confirm the observation ({error.strerror}); push it again"
                ) from None

    def _load(self, journal: Journal) -> None:
        snapshot, records = journal.load()
        for name, saved in snapshot or []:
            self._entries[name] = _Entry(saved["model"], saved["state"], saved["keep"])
        for record in records:
            name = record["id"]
            if record.get("drop"):
                self._entries.pop(name, None)
            elif "new" in record:
                new = record["new"]
                self._entries[name] = _Entry(new["model"], new["state"], new["keep"])
            elif name in self._entries:
                _extend(self._entries[name], record)
                self._entries.move_to_end(name)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)
        for note in journal.notes:
            log.warning("%s", note)
        if self._entries:
            log.info("%d streams were found again", len(self._entries))


def _begin(stream: Stream, history: HistoryBody) -> None:
    for number, values in enumerate(history.values):
        try:
            row = [values] if values is None else values
            stream.take(stream.check(row, history.start if number == 0 else None))
        except DataError as error:
            raise Refusal(422, f"history.values[{number}]: {error}") from None


def _record(name: str, observation: Observation) -> dict[str, Any]:
    rows = [[None if value != value else value for value in row] for row in observation.rows.tolist()]
    times = None if observation.times is None else observation.times.tolist()
    return {"id": name, "rows": rows, "times": times}


def _extend(entry: _Entry, record: dict[str, Any]) -> None:
    """Apply a record to a saved state, without its model."""
    state = entry.state
    if state is None or not record["rows"]:
        return
    state["rows"] = (state["rows"] + record["rows"])[-entry.keep :]
    if record["times"] is not None:
        state["times"] = (state["times"] + record["times"])[-entry.keep :]
    state["count"] += 1


def _finish(journal: Journal, number: int, state: list[Any]) -> None:
    try:
        journal.finish(number, state)
    except OSError as error:
        log.error("no snapshot of the streams could be written (%s); their journal goes on", error.strerror)


def _answer(
    name: str, served: ModelVersion, stream: Stream, count: int, last: Any, forecast: NextForecast | None
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "stream": name,
        "model": served.name,
        "version": served.version,
        "count": count,
        "time": last,
        "needed": max(0, stream.needed - len(stream)),
        "forecast": None,
    }
    if forecast is not None:
        answer["forecast"] = forecast_body(forecast)
    return answer
