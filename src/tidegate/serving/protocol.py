"""The open inference protocol (KServe v2) over HTTP, with its binary tensors.

Source: github.com/kserve/open-inference-protocol. What a model's tensors are called and mean is its task's part.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson

import tidegate
from tidegate.arrays import as_numbers
from tidegate.errors import DataError
from tidegate.serving.contract import ModelVersion
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


def server_metadata() -> bytes:
    """The answer to GET /v2."""
    body = {"name": "tidegate", "version": tidegate.__version__, "extensions": ["binary_tensor_data"]}
    return orjson.dumps(body)


def model_metadata(version: ModelVersion) -> bytes:
    """The answer to GET /v2/models/{name}."""
    body: dict[str, Any] = {"name": version.name, "versions": [version.version], "platform": "tidegate"}
    return to_json(body | version.task.metadata(version))


async def infer(version: ModelVersion, content: bytes, json_length: str | None) -> tuple[bytes, dict[str, str]]:
    """Answer an inference request.

    Args:
        version: the model.
        content: the body: JSON, then the bytes of binary tensors.
        json_length: the header Inference-Header-Content-Length, or None when all is JSON.

    Returns:
        The body and its headers.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    body, binary = _split(content, json_length)
    outputs = await version.task.infer(version, _tensors(body, binary), body.parameters or {})
    return _answer(version, body, outputs)


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
    return found


def _binary(tensor: InferTensor, size: Any, binary: bytes) -> np.ndarray:
    dtype = np.dtype(_DTYPES[tensor.datatype]).newbyteorder("<")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary) or size % dtype.itemsize:
        raise DataError(f"the input {tensor.name!r} has no {size} bytes of {tensor.datatype}; correct binary_data_size")
    return np.frombuffer(binary[:size], dtype=dtype).astype(np.float64)


def _answer(version: ModelVersion, body: InferBody, outputs: dict[str, np.ndarray]) -> tuple[bytes, dict[str, str]]:
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
    answer: dict[str, Any] = {"model_name": version.name, "model_version": version.version, "outputs": listed}
    text = to_json(answer | ({} if body.id is None else {"id": body.id}))
    if not pieces:
        return text, {"content-type": "application/json"}
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(text))}
    return text + b"".join(pieces), headers
