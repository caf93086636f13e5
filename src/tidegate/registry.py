"""The tasks that there are: what the `kind` of a model folder stands for. A new task adds one line to `TASKS`.

Parts are named as "module:name" and imported when first used, so that no task is imported for another's sake.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tidegate.errors import ModelFolderError
from tidegate.storage.model_folder import kind_of


@dataclass(frozen=True)
class Task:
    """Where the parts of a task are.

    Attributes:
        model: the class of its models, which has `load(folder)`.
        service: what `tidegate serve` runs such a model with; empty where it cannot be served.
        explained: the `tidegate.explain.subject.Subject` of such a model; empty where it cannot be explained.
    """

    model: str
    service: str = ""
    explained: str = ""


_FORECASTING = "tidegate.serving.forecasting.service:ForecastingService"
TASKS: dict[str, Task] = {
    "window_regressor": Task(
        "tidegate.forecasting.window_regressor:WindowRegressor",
        _FORECASTING,
        "tidegate.forecasting.explaining.windows:WindowSubject",
    ),
    "forecaster": Task(
        "tidegate.forecasting.forecaster:Forecaster",
        _FORECASTING,
        "tidegate.forecasting.explaining.tables:TableSubject",
    ),
}


def model_folder(folder: str | Path) -> Path:
    """Return the model folder itself, or the one inside a run folder."""
    inner = Path(folder) / "model"
    return inner if inner.is_dir() else Path(folder)


def task_of(folder: str | Path) -> Task:
    """Return the task that saved a model folder, or the one inside a run folder.

    Raises:
        ModelFolderError: the folder is missing or damaged, or its kind is not known.
    """
    kind = kind_of(model_folder(folder))
    if kind not in TASKS:
        raise ModelFolderError(
            f"{folder} holds a model of kind {kind!r}, which this version does not know ({', '.join(sorted(TASKS))}); "
            "load it with the version that saved it"
        )
    return TASKS[kind]


def task_of_model(model: object) -> Task | None:
    """Return the task whose model this is; None when it is none's."""
    classes = {f"{each.__module__}:{each.__qualname__}" for each in type(model).__mro__}
    return next((task for task in TASKS.values() if task.model in classes), None)


def part(name: str) -> Any:
    """Import what "module:name" names."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def load(folder: str | Path) -> Any:
    """Load a fitted model of any task from its model folder, or from the run folder that holds one.

    Raises:
        ModelFolderError: the folder is missing, damaged or of another version.
    """
    return part(task_of(folder).model).load(model_folder(folder))
