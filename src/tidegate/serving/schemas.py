"""What requests hold, checked by pydantic straight from the bytes; a fault is one sentence that names the field."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidegate.serving.responses import Refusal

Number = Annotated[float, Field(allow_inf_nan=False)]
Cell = Number | None
Stamp = Annotated[str, Field(max_length=64)] | Number
Scalar = bool | int | Number | Annotated[str, Field(max_length=1000)] | None
Name = Annotated[str, Field(max_length=200)]
Levels = Annotated[list[Number], Field(max_length=10)]
Row = Annotated[list[Cell], Field(max_length=1000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PredictBody(_Body):
    """A request for forecasts: either `rows` of a table, or `values` as plain arrays."""

    model: Name | None = Field(None, description="which model, when several are served")
    rows: list[dict[Name, Scalar]] | None = Field(
        None, description="rows of a table with the columns that the model was fitted on"
    )
    values: list[Cell] | list[Row] | list[list[Row]] | None = Field(
        None,
        description="the newest values: numbers, rows of columns, or windows (n, rows, columns); null where missing",
    )
    start: Stamp | None = Field(None, description="time of the first of the values; without it steps are counted")
    series: Name | int | None = Field(None, description="the fitted series that the values continue")
    future: list[Row] | list[dict[Name, Scalar]] | None = Field(None, description="covariates known ahead")
    level: Levels = Field(default=[], description="interval levels in percent, such as [80, 90]")


class HistoryBody(_Body):
    """Rows that a new stream begins with."""

    values: list[Cell] | list[Row] = Field(description="numbers, or rows of columns")
    start: Stamp | None = Field(None, description="time of the first row")


class PushBody(_Body):
    """One observation of a stream."""

    values: Number | Row | dict[Name, Cell] = Field(description="a number, values in column order, or by column name")
    time: Stamp | None = Field(None, description="time of the observation; without it the next step")
    future: list[Row] | list[dict[Name, Scalar]] | None = Field(None, description="covariates known ahead")
    level: Levels = Field(default=[], description="interval levels in percent")
    model: Name | None = Field(None, description="which model, when the stream is new and several are served")
    series: Name | int | None = Field(None, description="the fitted series that a new stream is")
    history: HistoryBody | None = Field(None, description="rows that a new stream begins with")


class InferTensor(_Body):
    """A tensor of the open inference protocol."""

    name: Name
    shape: Annotated[list[Annotated[int, Field(ge=0, le=2**31)]], Field(max_length=8)]
    datatype: Literal["FP64", "FP32", "FP16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8"]
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = None


class InferOutput(_Body):
    """An output that is asked for."""

    name: Name
    parameters: dict[str, Any] | None = None


class InferBody(_Body):
    """A request of the open inference protocol."""

    id: Name | None = None
    parameters: dict[str, Any] | None = None
    inputs: Annotated[list[InferTensor], Field(min_length=1, max_length=16)]
    outputs: Annotated[list[InferOutput], Field(max_length=64)] | None = None


_Kind = TypeVar("_Kind", bound=BaseModel)


def read(kind: type[_Kind], body: bytes) -> _Kind:
    """Read and check a JSON body.

    Raises:
        Refusal: 422, naming the field, what was expected and what came.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Refusal(422, _sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    # Of the branches of a union the one that got furthest is the one that was meant.
    faults = error.errors(include_url=False, include_context=False, include_input=True)
    fault = max(faults, key=lambda item: len(item["loc"]))
    if fault["type"] == "json_invalid":
        return f"the body is not JSON that can be read ({fault['msg'].removeprefix('Invalid JSON: ')}); correct it"
    place = ""
    for part in fault["loc"]:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part.replace("_", "").isalnum() and part not in ("float", "int", "str", "bool", "PushBody"):
            place += f".{part}" if place else part
    if fault["type"] in ("finite_number", "float_type"):
        came = repr(fault["input"])[:40]
        return f"{place or 'the body'} must be a finite number, not {came}; correct it"
    message = fault["msg"][:1].lower() + fault["msg"][1:]
    return f"{place or 'the body'} cannot be used: {message}; correct it (the documentation is at /docs)"


class ErrorAnswer(BaseModel):
    """What every refusal says."""

    error: str = Field(description="one sentence: what is wrong, where, what to do")


class ForecastAnswer(BaseModel):
    """A forecast of one series."""

    series: Any = Field(None, description="the series, when the table names them")
    times: list[Any] = Field(description="time stamps ahead, or step numbers when no times were given")
    columns: dict[str, list[float]] = Field(description="point forecast and interval bounds by column name")


class PredictAnswer(BaseModel):
    """The answer to a request for forecasts."""

    model: str
    version: str
    forecasts: list[ForecastAnswer]


class PushAnswer(BaseModel):
    """The answer to an observation that was taken."""

    stream: str
    model: str
    version: str
    count: int = Field(description="observations taken since the stream began")
    time: Any = Field(None, description="time of the newest observation")
    needed: int = Field(description="observations that are still needed for a forecast")
    forecast: ForecastAnswer | None
