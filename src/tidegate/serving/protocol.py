"""The open inference protocol (KServe v2) over HTTP, with its binary tensors.

Source: github.com/kserve/open-inference-protocol.

A model has one input, `history`, of shape [n, rows, columns], or [n, rows] for one column; when it has covariates known
ahead also `future`, [n, horizon, columns]. Each column of the forecast is an output [n, horizon].
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

import numpy as np
import orjson

import tidegate
from tidegate.errors import DataError
from tidegate.forecasting.observations import as_numbers, read_ahead
from tidegate.forecasting.predictor import History
from tidegate.serving.batching import Batcher
from tidegate.serving.models import ModelVersion
from tidegate.serving.predicting import read_windows
from tidegate.serving.responses import Refusal, to_json
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
_LEVEL = "level"


def server_metadata() -> bytes:
    """The answer to GET /v2."""
    body = {"name": "tidegate", "version": tidegate.__version__, "extensions": ["binary_tensor_data"]}
    return orjson.dumps(body)


def model_metadata(served: ModelVersion) -> bytes:
    """The answer to GET /v2/models/{name}."""
    predictor = served.predictor
    inputs = [{"name": "history", "datatype": "FP64", "shape": [-1, -1, len(predictor.columns)]}]
    if predictor.known_ahead:
        inputs.append(
            {"name": "future", "datatype": "FP64", "shape": [-1, predictor.steps, len(predictor.known_ahead)]}
        )
    outputs = [{"name": name, "datatype": "FP64", "shape": [-1, predictor.steps]} for name in predictor.names(())]
    body: dict[str, Any] = {"name": served.name, "versions": [served.version], "platform": "tidegate"}
    return to_json(
        body | {"inputs": inputs, "outputs": outputs, "parameters": {"columns": ", ".join(predictor.columns)}}
    )


async def infer(
    served: ModelVersion, content: bytes, json_length: str | None, batcher: Batcher, most_rows: int
) -> tuple[bytes, dict[str, str]]:
    """Answer an inference request.

    Args:
        served: the model.
        content: the body: JSON, then the bytes of binary tensors.
        json_length: the header Inference-Header-Content-Length, or None when all is JSON.
        batcher: computes the forecasts.
        most_rows: rows that a request may have.

    Returns:
        The body and its headers.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    body, binary = _split(content, json_length)
    tensors = _tensors(body, binary)
    predictor = served.predictor
    windows = read_windows(tensors.pop("history"), predictor.columns, most_rows, predictor.gaps)
    future = tensors.pop("future", None)
    if tensors:
        raise DataError(f"the model has no input {next(iter(tensors))[:100]!r}; its inputs are history and future")
    levels = _levels(body)
    ahead = [_ahead(served, future, number, len(windows)) for number in range(len(windows))]
    casts = [
        batcher.predict(served, History(rows, None, known), levels) for rows, known in zip(windows, ahead, strict=True)
    ]
    forecasts = await asyncio.gather(*casts)
    values = np.stack([forecast.values for forecast in forecasts])
    outputs = {name: values[:, :, i] for i, name in enumerate(predictor.names(levels))}
    return _answer(served, body, outputs)


def _split(content: bytes, json_length: str | None) -> tuple[InferBody, bytes]:
    if json_length is None:
        return read(InferBody, content), b""
    if not json_length.isdigit() or int(json_length) > len(content):
        raise Refusal(400, "the header Inference-Header-Content-Length is not the length of the JSON; correct it")
    size = int(json_length)
    return read(InferBody, content[:size]), content[size:]


def _tensors(body: InferBody, binary: bytes) -> dict[str, np.ndarray]:
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
        found[tensor.name] = values.reshape(tensor.shape)
    if binary:
        raise DataError(f"{len(binary)} bytes follow the last binary input; correct binary_data_size")
    if "history" not in found:
        raise DataError("the request has no input 'history'; give the newest rows, [n, rows, columns]")
    return found


def _binary(tensor: InferTensor, size: Any, binary: bytes) -> np.ndarray:
    dtype = np.dtype(_DTYPES[tensor.datatype]).newbyteorder("<")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary) or size % dtype.itemsize:
        raise DataError(f"the input {tensor.name!r} has no {size} bytes of {tensor.datatype}; correct binary_data_size")
    return np.frombuffer(binary[:size], dtype=dtype).astype(np.float64)


def _levels(body: InferBody) -> tuple[float, ...]:
    """Interval levels, asked for as the request's parameter `level`: a number, or text such as "80,90"."""
    level = (body.parameters or {}).get(_LEVEL)
    if level is None:
        return ()
    try:
        parts = level.split(",") if isinstance(level, str) else [level]
        return tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        raise DataError('the parameter level must be percentages, such as 80 or "80,90"') from None


def _ahead(served: ModelVersion, future: np.ndarray | None, number: int, count: int) -> np.ndarray:
    predictor = served.predictor
    if future is None and not predictor.known_ahead:
        return np.empty((predictor.steps, 0))
    if future is not None and (future.ndim != 3 or len(future) != count):
        raise DataError(
            f"the input 'future' must have shape [{count}, {predictor.steps}, {len(predictor.known_ahead)}]"
        )
    return read_ahead(None if future is None else future[number], predictor.known_ahead, predictor.steps)


def _answer(served: ModelVersion, body: InferBody, outputs: dict[str, np.ndarray]) -> tuple[bytes, dict[str, str]]:
    wanted = {output.name: output.parameters or {} for output in body.outputs or []}
    unknown = [name for name in wanted if name not in outputs]
    if unknown:
        raise DataError(f"the model has no output {unknown[0][:100]!r}; its outputs are {', '.join(outputs)}")
    all_binary = (body.parameters or {}).get("binary_data_output") is True
    listed: list[dict[str, Any]] = []
    pieces: list[bytes] = []
    for name in wanted or outputs:
        values = np.ascontiguousarray(outputs[name])
        tensor: dict[str, Any] = {"name": name, "datatype": "FP64", "shape": list(values.shape)}
        if wanted.get(name, {}).get("binary_data", all_binary) is True:
            pieces.append(values.astype("<f8").tobytes())
            tensor["parameters"] = {"binary_data_size": len(pieces[-1])}
        else:
            tensor["data"] = values.reshape(-1).tolist()
        listed.append(tensor)
    answer: dict[str, Any] = {"model_name": served.name, "model_version": served.version, "outputs": listed}
    text = to_json(answer | ({} if body.id is None else {"id": body.id}))
    if not pieces:
        return text, {"content-type": "application/json"}
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(text))}
    return text + b"".join(pieces), headers
