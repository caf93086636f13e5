"""What requests for forecasts hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tidegate.serving.bounds import MOST_COLUMNS
from tidegate.serving.schemas import Body, Name, Number

Value = Number | None
Stamp = Annotated[str, Field(max_length=64)] | Number
Scalar = bool | int | Number | Annotated[str, Field(max_length=1000)] | None
Levels = Annotated[list[Number], Field(max_length=10)]
# The first fault ends a list: a million faults would take a minute and gigabytes to be told.
Values = Annotated[list[Value], Field(fail_fast=True)]
Row = Annotated[list[Value], Field(max_length=1000, fail_fast=True)]
Rows = Annotated[list[Row], Field(fail_fast=True)]
Windows = Annotated[list[Rows], Field(fail_fast=True)]
Record = Annotated[dict[Name, Scalar], Field(max_length=MOST_COLUMNS)]
Named = Annotated[dict[Name, Value | Annotated[str, Field(max_length=1000)]], Field(max_length=1000)]
Records = Annotated[list[Record], Field(fail_fast=True)]


class PredictBody(Body):
    """A request for forecasts: either `rows` of a table, or `values` as plain arrays."""

    model: Name | None = Field(None, description="which model, when several are served")
    rows: Records | None = Field(None, description="rows of a table with the columns that the model was fitted on")
    values: Values | Rows | Windows | None = Field(
        None,
        description="the newest values: numbers, rows of columns, or windows (n, rows, columns); null where missing",
    )
    start: Stamp | None = Field(None, description="time of the first of the values; without it steps are counted")
    series: Name | int | None = Field(None, description="the fitted series that the values continue")
    future: Rows | Records | None = Field(None, description="covariates known ahead")
    level: Levels = Field(default=[], description="interval levels in percent, such as [80, 90]")


class HistoryBody(Body):
    """Rows that a new stream begins with."""

    values: Values | Rows = Field(description="numbers, or rows of columns")
    start: Stamp | None = Field(None, description="time of the first row")


class PushBody(Body):
    """One observation of a stream."""

    values: Number | Row | Named = Field(description="a number, values in column order, or by column name")
    time: Stamp | None = Field(None, description="time of the observation; without it the next step")
    future: Rows | Records | None = Field(None, description="covariates known ahead")
    level: Levels = Field(default=[], description="interval levels in percent")
    model: Name | None = Field(None, description="which model, when the stream is new and several are served")
    series: Name | int | None = Field(None, description="the fitted series that a new stream is")
    history: HistoryBody | None = Field(None, description="rows that a new stream begins with")
