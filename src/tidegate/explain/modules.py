"""A network of the user's own, or a layer alone, as what is explained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tidegate.errors import DataError
from tidegate.explain.subject import SEQUENCE, Examples, Inputs, NothingToMeasureError, One, Subject, spaced
from tidegate.layers.sequence import SequenceLayer
from tidegate.notes import Note


class ModuleSubject(Subject):
    """A `torch.nn.Module` that takes sequences (B, T, F); what it answers is its output, or the first of several.

    Of a sequence layer alone it is the output that has seen all of the steps.
    """

    def __init__(self, network: nn.Module, x: Tensor, y: Tensor | None) -> None:
        self.network, self.title, self._x, self._y = network, type(network).__name__, x, y

    @classmethod
    def of(cls, network: nn.Module, x: Any, y: Any = None) -> ModuleSubject:
        """Take inputs (B, T, F), or (T, F) for one, and what the network should answer.

        Raises:
            DataError: there are none, or they have another shape.
        """
        like = next(network.parameters(), torch.empty(0))
        if x is None:
            raise DataError("a network alone has no data; give x, inputs of shape (batch, time, features)")
        inputs = torch.as_tensor(np.asarray(x) if not isinstance(x, Tensor) else x).to(like)
        inputs = inputs[None] if inputs.dim() == 2 else inputs
        if inputs.dim() != 3 or 0 in inputs.shape:
            raise DataError(f"x must have shape (batch, time, features), none of them 0, not {tuple(inputs.shape)}")
        truth = None if y is None else torch.as_tensor(y).to(like.device)
        if truth is not None and len(truth) != len(inputs):
            raise DataError(f"y must have as many rows as x, {len(inputs)}, not {len(truth)}")
        return cls(network, inputs, truth)

    def one(self) -> One:
        """Return the only input; of several nobody has said which."""
        if len(self._x) != 1:
            raise DataError(f"x holds {len(self._x)} inputs; give the one to look into, such as x[:1]")
        values = self._x[0].cpu().numpy()
        return One(examples=self._examples(1, None), values={f"x{i}": values[:, i] for i in range(values.shape[1])})

    def several(self, most: int) -> Examples:
        """Return the inputs."""
        return self._examples(most, None)

    def judged(self, most: int) -> Examples:
        """Return the inputs with their mean absolute error."""
        if self._y is None:
            raise NothingToMeasureError(Note("explain.no_truth"))
        chosen = spaced(len(self._x), most)
        truth = self._y[chosen]

        def error(answers: Tensor) -> float:
            if answers.shape != truth.shape:
                shapes = f"{tuple(answers.shape)}, not {tuple(truth.shape)}"
                raise DataError(f"y must have the shape of the answers, {shapes}")
            return float((answers - truth).abs().mean())

        return self._examples(most, error)

    def _examples(self, most: int, error: Callable[[Tensor], float] | None) -> Examples:
        x = self._x[spaced(len(self._x), most)]
        columns = {f"x{i}": {SEQUENCE: [i]} for i in range(x.shape[2])}
        return Examples(inputs={SEQUENCE: x}, columns=columns, answer=self._answer, error=error)

    def _answer(self, inputs: Inputs) -> Tensor:
        output = self.network(inputs[SEQUENCE])
        first = output[0] if isinstance(output, tuple) else output
        return self.network.last(first) if isinstance(self.network, SequenceLayer) else first
