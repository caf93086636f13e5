"""What a task gives the service so that its models can be served; `tidegate.registry` names the class that does.

The service itself knows names, versions, limits, the open inference protocol and where streams are kept. Everything
about what a model is asked, and what it answers, is behind this contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

from tidegate.serving.answers import ModelAnswer


class TaskService(Protocol):
    """One per task and worker; it serves all models of the task, and is made of the `Service` that all tasks share.

    Attributes:
        bodies: the JSON bodies of its routes, for OpenAPI.
        description: what `describe` tells, with name and version, for OpenAPI.
        words: packages whose phrases the page says of its models, such as those of the task's reports.
        reading: modules that read its requests in a process of their own (`Service.isolation`); they import no torch.
    """

    bodies: Sequence[type[BaseModel]]
    description: type[ModelAnswer]
    words: Sequence[str]
    reading: Sequence[str]

    def load(self, folder: Path) -> Any:
        """Load a model from its model or run folder, and run it once, so that the first request does not pay for that.

        What is returned is the `model` of a `ModelVersion`. May be called beside the event loop.

        Raises:
            ModelFolderError: the folder holds no usable model.
        """
        ...

    def describe(self, version: ModelVersion) -> dict[str, Any]:
        """What `GET /models` tells of a model beside its name and version, as JSON values."""
        ...

    def metadata(self, version: ModelVersion) -> dict[str, Any]:
        """The `inputs`, `outputs` and any `parameters` of a model, as the open inference protocol has them."""
        ...

    async def infer(
        self, version: ModelVersion, inputs: dict[str, np.ndarray], parameters: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Answer tensors (float64, by name) with tensors, as `metadata` describes them.

        Raises:
            Refusal, TidegateError: in one sentence.
        """
        ...

    def add_routes(self, app: FastAPI) -> None:
        """Add the routes that only this task has."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Open what needs the event loop, and close it again when the service ends."""
        ...


@dataclass(frozen=True, eq=False)
class ModelVersion:
    """One version of a model; requests in work keep theirs while a newer one takes its place.

    Attributes:
        name: what requests call it.
        version: first digits of the checksum of its config.
        task: answers what it is asked.
        model: what the task's `load` returned.
        stamp: size, time and inode of its config, to notice a change.
    """

    name: str
    version: str
    task: TaskService
    model: Any
    stamp: tuple[int, ...]
