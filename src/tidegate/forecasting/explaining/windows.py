"""A model of plain arrays as what is explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tidegate.errors import DataError
from tidegate.explain.subject import SEQUENCE, Examples, Inputs, NothingToMeasureError, One, Subject, spaced
from tidegate.forecasting.predictor import WindowPredictor
from tidegate.forecasting.window_model import WindowModel
from tidegate.forecasting.window_regressor import WindowRegressor
from tidegate.notes import Note


class WindowSubject(Subject):
    """A `WindowRegressor`; its columns are the features of a window, and its error the mean absolute one of y."""

    def __init__(self, model: WindowModel, windows: np.ndarray, truth: np.ndarray | None) -> None:
        self.network, self.title = model.network, model.settings.layer_settings().title
        self._model, self._windows, self._truth = model, windows, truth

    @classmethod
    def of(cls, regressor: WindowRegressor, x: Any = None, y: Any = None) -> WindowSubject:
        """Take windows as `WindowRegressor.predict` does, and what followed them.

        Raises:
            DataError: there are none, or they do not fit the model.
        """
        if x is None:
            raise DataError("a model of plain arrays keeps no windows; give X, and y to measure errors")
        windows = regressor.windows(x)
        truth = None if y is None else np.asarray(y, dtype=np.float64)
        expected = (len(windows), *regressor.fitted().shape)
        if truth is not None and truth.shape != expected:
            raise DataError(f"y must have shape {expected}, as what the model forecasts of X has, not {truth.shape}")
        return cls(regressor.fitted(), windows, truth)

    def one(self) -> One:
        """Return the last window."""
        names = self._names
        values = {name: self._windows[-1, :, number] for number, name in enumerate(names)}
        return One(examples=self._examples(torch.tensor([len(self._windows) - 1])), values=values)

    def several(self, most: int) -> Examples:
        """Return windows."""
        return self._examples(spaced(len(self._windows), most))

    def judged(self, most: int) -> Examples:
        """Return windows with what followed them."""
        if self._truth is None:
            raise NothingToMeasureError(Note("forecasting.no_y"))
        return self._examples(spaced(len(self._windows), most), self._truth)

    @property
    def _names(self) -> tuple[str, ...]:
        return WindowPredictor(self._model).columns

    def _examples(self, chosen: Tensor, truth: np.ndarray | None = None) -> Examples:
        windows = self._model.scaled(self._windows[chosen.numpy()])

        def error(answers: Tensor) -> float:
            assert truth is not None
            forecasts = self._model.unscaled(answers.double().numpy())
            return float(np.abs(forecasts - truth[chosen.numpy()]).mean())

        columns = {name: {SEQUENCE: [number]} for number, name in enumerate(self._names)}
        measured = None if truth is None else error
        return Examples(inputs={SEQUENCE: windows}, columns=columns, answer=self._answer, error=measured)

    def _answer(self, inputs: Inputs) -> Tensor:
        return self._model.answer(inputs[SEQUENCE])
