"""What the routes of forecasters answer, for OpenAPI: each answer with its fields and an example."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from tidegate.serving.answers import Answer, ModelAnswer

_WHOSE = {"model": "shares", "version": "5d0c3f1e9a27"}
_SENTENCE = (
    "The LSTM beats the best naive forecast (repeating the last value): MAE 2.1 against 2.4, 12% lower; "
    "Diebold–Mariano p = 0.003."
)
_CHINESE = "LSTM 优于最好的朴素预测（重复最后一个值）：MAE 2.1 对 2.4，低 12%；Diebold–Mariano 检验 p = 0.003。"
_SHORT = {"outcome": "better", "p_value": 0.003, "text": _SENTENCE}
_FORECAST = {
    "times": ["2026-01-06T00:00:00"],
    "columns": {"LSTM": [190.1], "LSTM-lo-80": [187.0], "LSTM-hi-80": [193.2]},
}
_DRAWN = {
    "history": {"times": ["2026-01-04T00:00:00", "2026-01-05T00:00:00"], "columns": {"close": [188.2, None]}},
    "naive": {"method": "RepeatLast", "columns": {"close": [188.2]}},
}
Outcome = Literal["better", "worse", "undecided"]


class VerdictAnswer(BaseModel):
    """How good the model was found on rows that it had not seen, beside the best naive forecast."""

    outcome: Outcome = Field(description="which way the test decides: better or worse than naive, or neither")
    p_value: float | None = Field(description="of the Diebold-Mariano test; null where there was too little to test")
    text: str = Field(description="the verdict in one sentence")


class Headed(Answer):
    """Whose answer it is."""

    model: str
    version: str = Field(description="of the model")
    verdict: VerdictAnswer | None = Field(description="null where the model was saved without a test")
    assumptions: list[str] | None = Field(
        None, description="what the intervals rest on, where there are too few errors that were not learned from"
    )


class DrawnAnswer(BaseModel):
    """Values by time."""

    times: list[Any]
    columns: dict[str, list[float | None]]


class NaiveAnswer(BaseModel):
    """The naive forecast that did best in the test, or else the last value repeated."""

    method: str
    columns: dict[str, list[float | None]]


class ForecastAnswer(BaseModel):
    """A forecast of one series."""

    series: Any = Field(None, description="the series, when the table names them")
    times: list[Any] = Field(description="time stamps ahead, or step numbers when no times were given")
    columns: dict[str, list[float]] = Field(description="point forecast and interval bounds by column name")
    history: DrawnAnswer | None = Field(None, description="the newest rows, where they were asked for")
    naive: NaiveAnswer | None = Field(None, description="beside them, a naive forecast")


class PredictAnswer(Headed):
    """The answer to a request for forecasts."""

    notes: list[str] | None = Field(None, description="what was inferred of a table")
    forecasts: list[ForecastAnswer]
    example: ClassVar = {**_WHOSE, "verdict": _SHORT, "forecasts": [_FORECAST]}


class NewestAnswer(Headed):
    """The newest rows of one series that a model was fitted on, and the forecast that follows them."""

    series: list[Any] = Field(description="all that the model was fitted on, the first thousand; null for a lone one")
    forecasts: list[ForecastAnswer]
    example: ClassVar = {**_WHOSE, "verdict": _SHORT, "series": [None], "forecasts": [_FORECAST | _DRAWN]}


class PushAnswer(Headed):
    """A stream after an observation that was taken."""

    stream: str
    series: Any = Field(None, description="the fitted series that the stream is, if any")
    count: int = Field(description="observations taken since the stream began")
    time: Any = Field(None, description="time of the newest observation")
    needed: int = Field(description="observations that are still needed for a forecast")
    forecast: ForecastAnswer | None
    example: ClassVar = {
        "stream": "meter-1",
        **_WHOSE,
        "verdict": _SHORT,
        "series": None,
        "count": 60,
        "time": "2026-01-05T00:00:00",
        "needed": 0,
        "forecast": _FORECAST,
    }


class StreamAnswer(PushAnswer):
    """A stream and its newest rows."""

    columns: list[str] = Field(description="the columns of a row")
    history: list[list[float | None]] = Field(description="the newest rows")
    times: list[Any] | None = Field(description="their times")
    example: ClassVar = PushAnswer.example | {
        "columns": ["close"],
        "history": [[188.2]],
        "times": ["2026-01-05T00:00:00"],
    }


class DroppedAnswer(Answer):
    """The stream is forgotten."""

    dropped: str = Field(description="its id")
    example: ClassVar = {"dropped": "meter-1"}


class StreamsAnswer(Answer):
    """How many streams there are."""

    count: int
    streams: list[str] = Field(description="the hundred used last, newest first")
    example: ClassVar = {"count": 1, "streams": ["meter-1"]}


class WholeVerdictAnswer(BaseModel):
    """The verdict in each language."""

    beats: bool | None = Field(description="whether the network is better than the best naive forecast; null: not told")
    outcome: Outcome
    p_value: float | None
    text: dict[str, str] = Field(description="the sentence by language")
    best_naive: str | None


class ForecasterAnswer(ModelAnswer):
    """What is told of a forecaster."""

    kind: Literal["table", "arrays"]
    layer: str
    cell: str | None = None
    layers: int | None = None
    units: int | None = None
    columns: list[str] = Field(description="of its input")
    roles: dict[str, Any] | None = Field(description="columns of a table by what they are for")
    outputs: list[str] = Field(description="columns of its forecast")
    known_ahead: list[str] = Field(description="covariates that a forecast needs values of")
    needed: int = Field(description="rows of history that a forecast needs")
    horizon: int = Field(description="steps of a forecast")
    series: int = Field(description="how many it was fitted on")
    newest: Any = Field(description="time of the newest row that it was fitted on")
    levels: list[float] = Field(description="usual interval levels that it has, in percent")
    verdict: WholeVerdictAnswer | None
    example: ClassVar = {
        "name": "shares",
        "version": "5d0c3f1e9a27",
        "kind": "table",
        "layer": "recurrent",
        "cell": "lstm",
        "layers": 2,
        "units": 50,
        "columns": ["close"],
        "roles": {"time": "ds", "id": None, "targets": ["close"], "past": [], "future": [], "static": []},
        "outputs": ["LSTM"],
        "known_ahead": [],
        "needed": 60,
        "horizon": 1,
        "series": 1,
        "newest": "2026-01-05T00:00:00",
        "levels": [80.0, 90.0],
        "verdict": {
            "beats": True,
            "outcome": "better",
            "p_value": 0.003,
            "text": {"en": _SENTENCE, "zh": _CHINESE},
            "best_naive": "RepeatLast",
        },
    }
