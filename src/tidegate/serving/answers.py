"""What every service answers, for OpenAPI: each answer with its fields and an example."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field


class Answer(BaseModel):
    """An answer with status 200.

    Attributes:
        example: one such answer.
    """

    example: ClassVar[dict[str, Any]]


class ErrorAnswer(BaseModel):
    """What every refusal says."""

    error: str = Field(description="one sentence: what is wrong, where, what to do")


class ModelAnswer(Answer):
    """What is told of any model; each task adds what it knows of its own."""

    name: str = Field(description="what requests call it")
    version: str = Field(description="changes when another model is saved into the folder")
    kind: str = Field(description="what the model takes")


class ServerAnswer(Answer):
    """The server, as the open inference protocol has it."""

    name: str
    version: str
    extensions: list[str]
    example: ClassVar = {"name": "tidegate", "version": "0.1.0", "extensions": ["binary_tensor_data"]}


class LiveAnswer(Answer):
    """The service lives."""

    live: Literal[True]
    example: ClassVar = {"live": True}


class ReadyAnswer(Answer):
    """The service answers requests."""

    ready: Literal[True]
    example: ClassVar = {"ready": True}


class TensorAnswer(BaseModel):
    """A tensor that a model takes or gives."""

    name: str
    datatype: str
    shape: list[int] = Field(description="-1 where any size is taken")


class MetadataAnswer(Answer):
    """A model's inputs and outputs, as the open inference protocol has them."""

    name: str
    versions: list[str]
    platform: Literal["tidegate"]
    inputs: list[TensorAnswer]
    outputs: list[TensorAnswer]
    parameters: dict[str, Any] | None = None
    example: ClassVar = {
        "name": "shares",
        "versions": ["5d0c3f1e9a27"],
        "platform": "tidegate",
        "inputs": [{"name": "history", "datatype": "FP64", "shape": [-1, -1, 1]}],
        "outputs": [{"name": "LSTM", "datatype": "FP64", "shape": [-1, 1]}],
        "parameters": {"columns": "close"},
    }


class ModelReadyAnswer(Answer):
    """Whether a model answers requests."""

    name: str
    ready: bool
    example: ClassVar = {"name": "shares", "ready": True}


class OutputAnswer(BaseModel):
    """An output tensor; its bytes follow the JSON where they were asked for as binary."""

    name: str
    datatype: Literal["FP64"]
    shape: list[int]
    data: list[float | None] | None = None
    parameters: dict[str, int] | None = Field(None, description="binary_data_size, where the bytes follow")


class InferAnswer(Answer):
    """The output tensors."""

    model_name: str
    model_version: str
    id: str | None = Field(None, description="that of the request, when it had one")
    outputs: list[OutputAnswer]
    example: ClassVar = {
        "model_name": "shares",
        "model_version": "5d0c3f1e9a27",
        "outputs": [{"name": "LSTM", "datatype": "FP64", "shape": [1, 1], "data": [190.1]}],
    }


BINARY_EXAMPLE = (
    '{"model_name":"shares","model_version":"5d0c3f1e9a27","outputs":[{"name":"LSTM","datatype":"FP64","shape":[1,1],'
    '"parameters":{"binary_data_size":8}}]}12345678'
)
METRICS_EXAMPLE = (
    "# HELP tidegate_requests_total Requests answered\n# TYPE tidegate_requests_total counter\n"
    'tidegate_requests_total{model="shares",route="/predict",status="200",version="5d0c3f1e9a27"} 17.0\n'
)
