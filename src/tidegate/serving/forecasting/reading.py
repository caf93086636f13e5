"""What requests hold, read into arrays and panels; runs in a process of its own, so nothing here imports torch.

The reader of a table is the one that `Forecaster.panel` uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tidegate.arrays import as_numbers
from tidegate.errors import DataError
from tidegate.serving.bounds import Bounds
from tidegate.serving.forecasting.schemas import PredictBody, PushBody
from tidegate.serving.forecasting.uploads import read_file, read_names, read_upload, renamed, renamed_ahead
from tidegate.serving.responses import Refusal
from tidegate.serving.schemas import read
from tidegate.tables.building import build_panel
from tidegate.tables.columns import Columns
from tidegate.tables.panel import Panel
from tidegate.tables.settings import TableSettings


@dataclass(frozen=True)
class TableReader:
    """How the tables of one model are read.

    Attributes:
        settings: those of the fit, with what the table showed.
        columns: the roles that its columns had.
    """

    settings: TableSettings
    columns: Columns

    def panel(self, source: Any, bounds: Bounds) -> Panel:
        """Read a table.

        Raises:
            DataError: it cannot be read; Refusal: closing its gaps makes too many rows of it.
        """
        panel = build_panel(source, self.settings, like=self.columns)[0]
        width = panel.targets.shape[1] + panel.past.shape[1] + panel.future.shape[1]
        bounds.check_values(len(panel.times) * max(1, width))
        return panel


@dataclass(frozen=True)
class TableRequest:
    """A request for forecasts as it was read.

    Attributes:
        body: the request, without its rows; its values are an array.
        panel: the table of its rows, where it had any and its model takes tables.
        future: the table of what is known ahead of them.
    """

    body: PredictBody
    panel: Panel | None = None
    future: pd.DataFrame | None = None


def read_predict(content: bytes, readers: Mapping[str, TableReader | None], bounds: Bounds) -> TableRequest:
    """Read the body of a request for forecasts.

    Args:
        content: JSON.
        readers: for each model how its tables are read; None for one that takes none.
        bounds: what the request may hold.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    body = read(PredictBody, content)
    check_one(body)
    if body.rows is None:
        return TableRequest(body.model_copy(update={"values": as_numbers(body.values, "values")}))
    rows = body.rows
    if not rows:
        raise DataError("rows is empty; give at least as many rows as the model looks back")
    bounds.check_rows(len(rows))
    frame, future = _frame(rows, bounds), None
    if body.future is not None:
        if body.future and not isinstance(body.future[0], dict):
            raise DataError("future has rows without names; beside rows of a table give each as an object, by column")
        future = _frame(body.future, bounds)
    body = body.model_copy(update={"rows": [], "future": None})
    name = next(iter(readers)) if body.model is None and len(readers) == 1 else body.model
    reader = None if name is None else readers.get(name)
    return TableRequest(body, None if reader is None else reader.panel(frame, bounds), future)


def read_files(
    content: bytes, content_type: str, columns: str | None, reader: TableReader, bounds: Bounds
) -> tuple[Panel | None, pd.DataFrame | None]:
    """Read the table of a CSV file, and that of what is known ahead where a form has it; None for what is not there.

    Args:
        content: the file, or a form of files.
        content_type: says which.
        columns: which of their columns stand for the model's, as JSON; see `read_names`.
        reader: how the model's tables are read.
        bounds: what they may hold.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    roles = reader.columns.names
    upload, names = read_upload(content, content_type), read_names(columns, roles)
    panel = future = None
    if upload.table is not None:
        panel = reader.panel(renamed(_file(upload.table, "the file", bounds), names, roles), bounds)
    if upload.future is not None:
        future = renamed_ahead(_file(upload.future, "the file of what is known ahead", bounds), names, roles)
    return panel, future


def _file(content: bytes, what: str, bounds: Bounds) -> pd.DataFrame:
    bounds.check_text(content)
    frame = read_file(content, what)
    bounds.check_columns(frame.shape[1])
    bounds.check_values(frame.size)
    return frame


def read_push(content: bytes, bounds: Bounds) -> PushBody:
    """Read the body of an observation, the rows of its history as an array.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    body = read(PushBody, content)
    if body.history is None:
        return body
    bounds.check_rows(len(body.history.values))
    values = as_numbers(body.history.values, "history.values")
    return body.model_copy(update={"history": body.history.model_copy(update={"values": values})})


def check_one(body: PredictBody) -> None:
    """Refuse a request that gives both rows and values, or none."""
    if (body.rows is None) == (body.values is None):
        raise Refusal(422, "give either rows of a table or values as arrays, one of the two")


def _frame(rows: list[Any], bounds: Bounds) -> pd.DataFrame:
    """Rows as a frame, whose size is known before it is made."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
        bounds.check_columns(len(names))
    bounds.check_values(len(rows) * len(names))
    return pd.DataFrame(rows, columns=list(names))
