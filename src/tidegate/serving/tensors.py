"""The tensors of a request in the open inference protocol, as arrays; large ones are read in a process of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidegate.arrays import as_numbers
from tidegate.errors import DataError
from tidegate.serving.bounds import Bounds
from tidegate.serving.responses import Refusal
from tidegate.serving.schemas import InferBody, InferTensor, read

_DTYPES = {
    "FP64": np.float64,
    "FP32": np.float32,
    "FP16": np.float16,
    "INT64": np.int64,
    "INT32": np.int32,
    "INT16": np.int16,
    "INT8": np.int8,
    "UINT64": np.uint64,
    "UINT32": np.uint32,
    "UINT16": np.uint16,
    "UINT8": np.uint8,
}


def json_size(content: bytes, json_length: str | None) -> int:
    """Bytes of the JSON before binary tensors, as the header Inference-Header-Content-Length tells.

    Raises:
        Refusal: the header cannot be true.
    """
    if json_length is None:
        return len(content)
    if (
        not json_length.isdecimal()
        or not json_length.isascii()
        or len(json_length) > 12
        or int(json_length) > len(content)
    ):
        raise Refusal(400, "the header Inference-Header-Content-Length is not the length of the JSON; correct it")
    return int(json_length)


def read_tensors(content: bytes, size: int, bounds: Bounds) -> tuple[InferBody, dict[str, np.ndarray]]:
    """Read a request whose first `size` bytes are JSON: the request without its data, and its tensors by name.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    body = read(InferBody, content[:size])
    tensors = _tensors(body, content[size:], bounds)
    inputs = [tensor.model_copy(update={"data": None}) for tensor in body.inputs]
    return body.model_copy(update={"inputs": inputs}), tensors


def _tensors(body: InferBody, binary: bytes, bounds: Bounds) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for tensor in body.inputs:
        size = (tensor.parameters or {}).get("binary_data_size")
        if size is None:
            values = as_numbers(tensor.data, f"the input {tensor.name!r}") if tensor.data is not None else None
        else:
            values, binary = _binary(tensor, size, binary), binary[size if isinstance(size, int) and size > 0 else 0 :]
        if values is None:
            raise DataError(f"the input {tensor.name!r} has no data; give data or binary_data_size")
        if math.prod(tensor.shape) != values.size:
            raise DataError(f"the input {tensor.name!r} has {values.size} values and its shape is {tensor.shape}")
        bounds.check_values(values.size)
        found[tensor.name] = values.reshape(tensor.shape)
    if binary:
        raise DataError(f"{len(binary)} bytes follow the last binary input; correct binary_data_size")
    return found


def _binary(tensor: InferTensor, size: Any, binary: bytes) -> np.ndarray:
    dtype = np.dtype(_DTYPES[tensor.datatype]).newbyteorder("<")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary) or size % dtype.itemsize:
        raise DataError(f"the input {tensor.name!r} has no {size} bytes of {tensor.datatype}; correct binary_data_size")
    return np.frombuffer(binary[:size], dtype=dtype).astype(np.float64)
