"""The open inference protocol (KServe v2) over HTTP, with its binary tensors.

Source: github.com/kserve/open-inference-protocol. What a model's tensors are called and mean is its task's part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

import tidegate
from tidegate.errors import DataError
from tidegate.serving.bounds import LARGE, Bounds
from tidegate.serving.contract import ModelVersion
from tidegate.serving.isolation import Isolation
from tidegate.serving.responses import to_json
from tidegate.serving.schemas import InferBody
from tidegate.serving.tensors import json_size, read_tensors


def server_metadata() -> bytes:
    """The answer to GET /v2."""
    body = {"name": "tidegate", "version": tidegate.__version__, "extensions": ["binary_tensor_data"]}
    return orjson.dumps(body)


def model_metadata(version: ModelVersion) -> bytes:
    """The answer to GET /v2/models/{name}."""
    body: dict[str, Any] = {"name": version.name, "versions": [version.version], "platform": "tidegate"}
    return to_json(body | version.task.metadata(version))


async def infer(
    version: ModelVersion, isolation: Isolation, bounds: Bounds, content: bytes, json_length: str | None
) -> tuple[bytes, dict[str, str]]:
    """Answer an inference request.

    Args:
        version: the model.
        isolation: reads what is large.
        bounds: what a request may hold.
        content: the body: JSON, then the bytes of binary tensors.
        json_length: the header Inference-Header-Content-Length, or None when all is JSON.

    Returns:
        The body and its headers.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    size = json_size(content, json_length)
    bounds.check_json(content[:size])
    if size <= LARGE:
        body, tensors = read_tensors(content, size, bounds)
    else:
        body, tensors = await isolation.run(read_tensors, content, size, bounds)
    outputs = await version.task.infer(version, tensors, body.parameters or {})
    return _answer(version, body, outputs)


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
