"""What is explained: a network, inputs for it, and what it answers. Each task says of its models what these are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tidegate.errors import DataError
from tidegate.notes import Note

SEQUENCE = "sequence"
"""The name of the input (B, T, C) that runs over time, the newest step last."""

Inputs = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Inputs of a trained model, and what it answers to them or to others like them.

    Attributes:
        inputs: by name, (B, any) each; one of them is `SEQUENCE`.
        columns: where a column is in the inputs' last axes: column -> input -> numbers there.
        answer: from such inputs to the answers (B, any), differentiable, on a scale on which columns can be compared.
        error: how wrong answers to all of the inputs are, 0 being best; None where the truth is not known.
        metric: the error's name.
    """

    inputs: Inputs
    columns: Mapping[str, Mapping[str, Sequence[int]]]
    answer: Callable[[Inputs], Tensor]
    error: Callable[[Tensor], float] | None = None
    metric: str = "MAE"


@dataclass(frozen=True, kw_only=True)
class One:
    """One input, as people know it.

    Attributes:
        examples: the input alone.
        values: its columns over time in the data's own units, (T,) each, for a figure.
        times: (T,) what the steps are called; None where they have no names.
        name: what it is called, such as its series; "" for nothing.
    """

    examples: Examples
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    times: np.ndarray | None = None
    name: str = ""


class NothingToMeasureError(DataError):
    """There is no data on which a model's error could be measured.

    Attributes:
        note: the same sentence in every language.
    """

    def __init__(self, note: Note) -> None:
        super().__init__(str(note))
        self.note = note


class Subject(ABC):
    """A trained model of some task, with the data that its explanation looks at.

    Attributes:
        network: what was trained; layers are found in it.
        title: what a heading calls the model.
        notes: what is to be known of it.
    """

    network: nn.Module
    title: str = ""
    notes: tuple[Note, ...] = ()

    @classmethod
    def of_folder(cls, folder: Path, x: Any = None, **options: Any) -> Subject:
        """Return what the folder of a run, or of a model, holds, with its own data or those given.

        Raises:
            DataError: it cannot be explained from a folder, as none whose model keeps no data.
        """
        raise DataError(
            f"{folder} holds a model that keeps no data to look at; explain it from Python, with tidegate.explain and "
            "the data"
        )

    @abstractmethod
    def one(self) -> One:
        """Return the input whose gates are shown.

        Raises:
            DataError: there is none.
        """

    @abstractmethod
    def several(self, most: int) -> Examples:
        """Return inputs, evenly spaced and at most so many, over which gradients are averaged.

        Raises:
            DataError: there is none.
        """

    @abstractmethod
    def judged(self, most: int) -> Examples:
        """Return inputs whose truth is known and from which the model should not have learned; they have an `error`.

        Raises:
            NothingToMeasureError: there are none.
        """


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Let a network forecast in this block as it does in use, without dropout; afterwards it is as it was."""
    training = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, was in training.items():
            module.training = was


def spaced(count: int, most: int) -> Tensor:
    """Return the numbers of at most so many of `count` inputs, evenly spaced."""
    return torch.linspace(0, count - 1, min(count, most), dtype=torch.float64).round().long()
