"""Which task's model is to be explained: found through the registry, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from tidegate import registry
from tidegate.errors import DataError
from tidegate.explain.modules import ModuleSubject
from tidegate.explain.subject import Subject


def subject_of(model: Any, x: Any = None, y: Any = None, **options: Any) -> Subject:
    """Return what is to be explained of a fitted model of any task, or of a network.

    Args:
        model: of a task, as its `fit` or `tidegate.load` returns it, or a `torch.nn.Module` of sequences.
        x, y: data as the task's own methods take them.
        options: what the task can be told beside them.

    Raises:
        DataError: it is no such model, or the data cannot be used.
    """
    task = registry.task_of_model(model)
    if task is not None and task.explained:
        return registry.part(task.explained).of(model, x, y, **options)
    if isinstance(model, nn.Module):
        return ModuleSubject.of(model, x, y, **options)
    raise DataError(f"tidegate.explain takes a fitted model of a task or a torch.nn.Module, not {type(model).__name__}")


def subject_of_folder(folder: Path, x: Any = None, **options: Any) -> Subject:
    """Return what is to be explained of a run or a model folder.

    Raises:
        ModelFolderError: the folder is missing, damaged or of another version.
        DataError: its model cannot be explained from a folder, or the data cannot be used.
    """
    task = registry.task_of(folder)
    if not task.explained:
        raise DataError(f"{folder} holds a model of a task that has no explanation yet")
    return registry.part(task.explained).of_folder(folder, x, **options)
