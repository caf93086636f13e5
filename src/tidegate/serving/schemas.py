"""What requests hold, checked by pydantic straight from the bytes; a fault is one sentence that names the field."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidegate.serving.responses import Refusal

Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=200)]


class Body(BaseModel):
    """A JSON body: no field that is not known, and no value turned into another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class InferTensor(Body):
    """A tensor of the open inference protocol."""

    name: Name
    shape: Annotated[list[Annotated[int, Field(ge=0, le=2**31)]], Field(max_length=8)]
    datatype: Literal["FP64", "FP32", "FP16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8"]
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = None


class InferOutput(Body):
    """An output that is asked for."""

    name: Name
    parameters: dict[str, Any] | None = None


class InferBody(Body):
    """A request of the open inference protocol."""

    id: Name | None = None
    parameters: dict[str, Any] | None = None
    inputs: Annotated[list[InferTensor], Field(min_length=1, max_length=16)]
    outputs: Annotated[list[InferOutput], Field(max_length=64)] | None = None


_MOST_FAULTS = 10_000
_Kind = TypeVar("_Kind", bound=BaseModel)


def read(kind: type[_Kind], body: bytes) -> _Kind:
    """Read and check a JSON body.

    Raises:
        Refusal: 422, naming the field, what was expected and what came; 400 where an object names a field twice.
    """
    try:
        found = kind.model_validate_json(body)
    except ValidationError as error:
        raise Refusal(422, _sentence(error)) from None
    refuse_twice(body)
    return found


def refuse_twice(text: str | bytes) -> None:
    """Refuse JSON of which an object names a field twice: pydantic takes the last one without a word.

    Raises:
        Refusal: 400.
    """
    content = text.encode() if isinstance(text, str) else text
    if content.count(b":") > 1:  # the values of one array, however long, hold no name at all
        _DECODER.decode(content.decode())


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len(dict(pairs)) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refusal(400, f"an object of the JSON names {twice[:100]!r} more than once; give each name once")


# Numbers are of no interest here, and one with thousands of digits has no int.
_DECODER = json.JSONDecoder(object_pairs_hook=_distinct, parse_int=float)


def _sentence(error: ValidationError) -> str:
    if error.error_count() > _MOST_FAULTS:  # to tell them all would take seconds
        return f"the body has {error.error_count()} faults; compare it with the documentation at /docs"
    # Of the branches of a union the one that got furthest is the one that was meant.
    faults = error.errors(include_url=False, include_context=False, include_input=True)
    fault = max(faults, key=lambda item: len(item["loc"]))
    if fault["type"] == "json_invalid":
        return f"the body is not JSON that can be read ({fault['msg'].removeprefix('Invalid JSON: ')}); correct it"
    place = ""
    for part in fault["loc"]:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part.replace("_", "").isalnum() and part not in ("float", "int", "str", "bool"):
            place += f".{part}" if place else part
    if fault["type"] in ("finite_number", "float_type"):
        came = repr(fault["input"])[:40]
        return f"{place or 'the body'} must be a finite number, not {came}; correct it"
    message = fault["msg"][:1].lower() + fault["msg"][1:]
    return f"{place or 'the body'} cannot be used: {message}; correct it (the documentation is at /docs)"
