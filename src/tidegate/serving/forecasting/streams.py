"""The streams of forecasters: bounded in number, least recently used out first, the same whichever worker is asked."""

from __future__ import annotations

import re
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import orjson

from tidegate.arrays import as_numbers
from tidegate.errors import DataError
from tidegate.forecasting.context import Context
from tidegate.forecasting.observations import check_rows, refuse_texts
from tidegate.forecasting.predictor import AnyPredictor
from tidegate.forecasting.streaming import Stream
from tidegate.serving.batching import Batcher
from tidegate.serving.bounds import Bounds
from tidegate.serving.contract import ModelVersion
from tidegate.serving.forecasting.answers import assumptions, forecast_body, head_of
from tidegate.serving.forecasting.loading import forecast, own_series
from tidegate.serving.forecasting.schemas import HistoryBody, PushBody
from tidegate.serving.metrics import asks
from tidegate.serving.responses import Refusal, overloaded, to_json
from tidegate.serving.store import StreamStore
from tidegate.serving.transactions import Transactions, is_busy

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_Result = TypeVar("_Result")


@dataclass
class _Live:
    """A stream in memory, for one version of its model; good while its row is the one of `used`."""

    stream: Stream
    version: ModelVersion
    used: int = -1


@dataclass(frozen=True)
class _Seen:
    """What an answer needs of a stream, as it was inside a transaction."""

    version: ModelVersion
    answer: dict[str, Any]
    context: Context | None
    evicted: int = 0


class Streams:
    """The streams as one worker sees them: what is in memory is only read again when another worker has written."""

    def __init__(
        self,
        version: Callable[[str | None], ModelVersion],
        batcher: Batcher,
        transactions: Transactions,
        *,
        limit: int,
        bounds: Bounds,
        evicted: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Begin.

        Args:
            version: the newest version of a model by its name.
            batcher: computes the forecasts.
            transactions: read and write the streams of all workers.
            limit: streams kept, at most.
            bounds: what a request may hold.
            evicted: told how many streams had to go.
        """
        self._version, self._batcher, self._transactions = version, batcher, transactions
        self._limit, self._bounds, self._evicted = limit, bounds, evicted
        self._live: OrderedDict[str, _Live] = OrderedDict()  # touched inside transactions only: in one thread

    async def push(self, id: str, body: PushBody) -> bytes:
        """Take one observation and answer with the next forecast, as JSON.

        Raises:
            Refusal, TidegateError: the observation was not taken, or it was and cannot be forecast from.
        """
        if not _ID.fullmatch(id):
            raise Refusal(422, "a stream's id must be 1 to 128 of letters, digits and _ . : -; choose another")
        seen = await self._run(lambda store: self._push(store, id, body), _unsaved)
        self._evicted(seen.evicted)
        return await self._answer(seen, tuple(body.level))

    async def look(self, id: str, levels: tuple[float, ...]) -> bytes:
        """A stream's newest rows and its forecast, as JSON; changes nothing."""
        return await self._answer(await self._run(lambda store: self._look(store, id), _unread), levels)

    async def drop(self, id: str) -> bytes:
        """Forget a stream."""
        if not await self._run(lambda store: store.drop(id), _unsaved):
            raise _absent(id)
        return to_json({"dropped": id})

    async def list(self) -> bytes:
        """How many streams there are, and the hundred used last, newest first."""
        count, names = await self._run(lambda store: (len(store), store.names(100)), _unread)
        return to_json({"count": count, "streams": names})

    async def _run(
        self, work: Callable[[StreamStore], _Result], refusal: Callable[[sqlite3.Error], Refusal]
    ) -> _Result:
        try:
            return await self._transactions.run(work)
        except sqlite3.Error as error:
            if is_busy(error):
                raise overloaded("other workers keep the streams busy; try again in a second") from None
            raise refusal(error) from None

    async def _answer(self, seen: _Seen, levels: tuple[float, ...]) -> bytes:
        asks(seen.version)
        if seen.context is None:
            return to_json(seen.answer)
        found = await forecast(seen.version, self._batcher, seen.context, levels)
        return to_json(seen.answer | assumptions(seen.version, levels) | {"forecast": forecast_body(found)})

    def _push(self, store: StreamStore, id: str, body: PushBody) -> _Seen:
        live = self._open(store, id)
        fresh = live is None
        live = self._begin(id, body) if live is None else _continued(live, id, body)
        stream, version = live.stream, live.version
        version.model.predictor.check_levels(tuple(body.level))
        future = stream.read_future(body.future)
        observation = stream.check(body.values, body.time)
        self._live.pop(id, None)  # until it is written, its row is older
        stream.take(observation)
        live.used = store.write(id, version.name, stream.count, orjson.dumps(stream.state()))
        evicted = store.evict(self._limit) if fresh else 0
        self._remember(id, live)
        return _Seen(version, _answer(id, live), stream.context(future) if stream.ready else None, evicted)

    def _look(self, store: StreamStore, id: str) -> _Seen:
        live = self._open(store, id)
        if live is None:
            raise _absent(id)
        stream, predictor = live.stream, live.version.model.predictor
        context = stream.context(np.zeros((predictor.steps, len(predictor.known_ahead))))
        rows = [[None if value != value else value for value in row] for row in context.rows.tolist()]
        times = None if context.times is None else predictor.clock.texts(context.times)
        answer = _answer(id, live) | {"columns": stream.columns, "history": rows, "times": times}
        return _Seen(live.version, answer, context if stream.ready and not predictor.known_ahead else None)

    def _open(self, store: StreamStore, id: str) -> _Live | None:
        """A stream for the newest version of its model: from memory, when its row has not changed since."""
        used = store.used(id)
        if used is None:
            return None
        live = self._live.get(id)
        if live is not None and live.used == used and live.version is self._version(live.version.name):
            return live
        saved = store.read(id)
        if saved is None:
            return None
        version = self._version(saved.model)
        state = orjson.loads(saved.state)
        try:
            stream = Stream(version.model.predictor, series=state["series"]).restore(state)
        except DataError as error:
            raise Refusal(409, f"{error}: delete it first, for model {saved.model!r} has changed") from None
        live = _Live(stream, version, saved.used)
        self._remember(id, live)
        return live

    def _begin(self, id: str, body: PushBody) -> _Live:
        version = self._version(body.model)
        named = id if body.series is None and id in version.model.predictor.series else body.series
        stream = Stream(version.model.predictor, series=own_series(version, named))
        if body.history is not None:
            _take_history(stream, body.history, version.model.predictor, self._bounds)
        return _Live(stream, version)

    def _remember(self, id: str, live: _Live) -> None:
        self._live[id] = live
        self._live.move_to_end(id)
        if len(self._live) > self._limit:
            self._live.popitem(last=False)


def _continued(live: _Live, id: str, body: PushBody) -> _Live:
    """The stream, when a request may go on with it."""
    name = live.version.name
    if body.model not in (None, name):
        raise Refusal(409, f"the stream {id!r} belongs to model {name!r}; delete it or choose another id")
    if body.history is not None:
        raise Refusal(409, f"the stream {id!r} has begun, so it takes no history; delete it to begin again")
    return live


def _take_history(stream: Stream, history: HistoryBody, predictor: AnyPredictor, bounds: Bounds) -> None:
    """Begin a stream with older rows; all are checked and counted, and those that are kept are taken."""
    bounds.check_rows(len(history.values))
    refuse_texts(predictor.texts)
    rows, width = as_numbers(history.values, "history.values"), len(stream.columns)
    rows = rows.reshape(-1, 1) if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] != width:
        raise DataError(f"history.values must be rows of {width} ({', '.join(stream.columns)[:200]})")
    check_rows(rows, stream.columns, predictor.gaps, "history.values")
    stream.begin(rows, history.start)


def _answer(id: str, live: _Live) -> dict[str, Any]:
    """What every answer says of a stream; the forecast is still to come."""
    stream, version = live.stream, live.version
    return {
        "stream": id,
        **head_of(version),
        "series": stream.series,
        "count": stream.count,
        "time": stream.last_time,
        "needed": max(0, stream.needed - len(stream)),
        "forecast": None,
    }


def _absent(id: str) -> Refusal:
    return Refusal(404, f"there is no stream {id[:128]!r}; push an observation to begin it")


def _unsaved(error: sqlite3.Error) -> Refusal:
    sentence = f"the streams cannot be saved ({error}), so the observation was not taken; make room and try again"
    return Refusal(507, sentence)


def _unread(error: sqlite3.Error) -> Refusal:
    return Refusal(503, f"the streams cannot be read ({error}); make room and try again", retry_after=1)
