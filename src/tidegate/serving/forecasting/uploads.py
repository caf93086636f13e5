"""What is posted as files: a table, or a form with a table and the table of what is known ahead of it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from tidegate.errors import DataError
from tidegate.serving.responses import Refusal
from tidegate.serving.schemas import refuse_twice
from tidegate.tables.messages import name_list
from tidegate.tables.reading import read_table

_FORM = "multipart/form-data"
_NAMES = TypeAdapter(dict[str, str])


@dataclass(frozen=True)
class Upload:
    """Files of one request.

    Attributes:
        table: the rows to continue; None continues the rows that the model was fitted on.
        future: what is known ahead of them, if anything.
    """

    table: bytes | None
    future: bytes | None = None


def read_upload(content: bytes, content_type: str) -> Upload:
    """Take the files out of a body: a table as it is, or a form of the parts `table` and `future`.

    Raises:
        Refusal: 422, it is a form of other parts, or of none.
    """
    if content_type.partition(";")[0].strip().lower() != _FORM:
        return Upload(content)
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    form = BytesParser(policy=HTTP).parsebytes(head + content)
    files = {}
    for part in form.iter_parts() if form.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        if name not in ("table", "future") or name in files:
            raise Refusal(422, f"the form has a part {str(name)[:100]!r}; give `table` and `future`, each once")
        files[name] = part.get_payload(decode=True) or b""
    if not files:
        raise Refusal(422, "the form has no part that can be read; give a file as `table`, as `future`, or both")
    return Upload(files.get("table"), files.get("future"))


def read_names(text: str | None, roles: Sequence[str]) -> dict[str, str]:
    """Read which columns of the files stand for the model's: a JSON object, {"the model's name": "the file's name"}.

    Raises:
        Refusal: 422, it is none, or the model has no such column; 400, it names one twice.
    """
    if text is None:
        return {}
    try:
        names = _NAMES.validate_json(text)
    except ValidationError:
        raise Refusal(
            422, 'columns must be a JSON object of names, the model\'s before the file\'s: {"y": "sales"}'
        ) from None
    refuse_twice(text)
    unknown = [name for name in names if name not in roles]
    if unknown:
        raise Refusal(422, f"the model has no column {unknown[0][:100]!r}; its columns are {name_list(list(roles))}")
    return names


def read_file(content: bytes, what: str) -> pd.DataFrame:
    """Read the table of a CSV file.

    Raises:
        DataError: in one sentence that calls the file `what`.
    """
    descriptor, name = tempfile.mkstemp(suffix=".csv")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        return read_table(name)
    except DataError as error:
        raise DataError(str(error).replace(name, what)) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)


def renamed(frame: pd.DataFrame, names: Mapping[str, str], roles: Sequence[str]) -> pd.DataFrame:
    """The table with the model's names for its columns; a column whose name another one takes is left out.

    Raises:
        DataError: the table has no such column.
    """
    absent = [own for own in names.values() if own not in frame.columns]
    if absent:
        raise DataError(f"the file has no column {absent[0]!r}; it has {name_list(map(repr, frame.columns))}")
    used_up = {own for own in names.values() if own not in roles}
    kept = frame.drop(columns=[name for name in frame.columns if name in names or name in used_up])
    return kept.assign(**{name: frame[own] for name, own in names.items()})


def renamed_ahead(frame: pd.DataFrame, names: Mapping[str, str], roles: Sequence[str]) -> pd.DataFrame:
    """As `renamed`, for what is known ahead: a file of its own, which may call its columns as the model does."""
    given = {name: own for name, own in names.items() if own in frame.columns and name not in frame.columns}
    return renamed(frame, given, roles)
