"""Forecasters in the open inference protocol.

A model has one input, `history`, of shape [n, rows, columns], or [n, rows] for one column; when it has covariates known
ahead also `future`, [n, horizon, columns]. Each column of the forecast is an output [n, horizon]. The parameter `level`
asks for intervals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np

from tidegate.errors import DataError
from tidegate.forecasting.context import Context
from tidegate.forecasting.observations import read_ahead, refuse_texts
from tidegate.forecasting.predictor import Predictor
from tidegate.serving.batching import Batcher
from tidegate.serving.bounds import Bounds
from tidegate.serving.contract import ModelVersion
from tidegate.serving.forecasting.loading import forecast
from tidegate.serving.forecasting.predicting import read_windows


def metadata(predictor: Predictor) -> dict[str, Any]:
    """The tensors of a model."""
    inputs = [{"name": "history", "datatype": "FP64", "shape": [-1, -1, len(predictor.columns)]}]
    if predictor.known_ahead:
        inputs.append(
            {"name": "future", "datatype": "FP64", "shape": [-1, predictor.steps, len(predictor.known_ahead)]}
        )
    outputs = [{"name": name, "datatype": "FP64", "shape": [-1, predictor.steps]} for name in predictor.names(())]
    return {"inputs": inputs, "outputs": outputs, "parameters": {"columns": ", ".join(predictor.columns)}}


async def infer(
    version: ModelVersion,
    inputs: dict[str, np.ndarray],
    parameters: Mapping[str, Any],
    batcher: Batcher,
    bounds: Bounds,
) -> dict[str, np.ndarray]:
    """Forecast what follows each window of the input `history`.

    Raises:
        Refusal, TidegateError: in one sentence.
    """
    predictor = version.model.predictor
    refuse_texts(predictor.texts)
    if "history" not in inputs:
        raise DataError("the request has no input 'history'; give the newest rows, [n, rows, columns]")
    unknown = set(inputs) - {"history", "future"}
    if unknown:
        raise DataError(f"the model has no input {min(unknown)[:100]!r}; its inputs are history and future")
    windows = read_windows(inputs["history"], predictor.columns, bounds, predictor.gaps)
    levels = _levels(parameters)
    future = _future(predictor, inputs.get("future"), len(windows))
    contexts = [Context(rows, None, ahead) for rows, ahead in zip(windows, future, strict=True)]
    forecasts = await asyncio.gather(*(forecast(version, batcher, context, levels) for context in contexts))
    values = np.stack([one.values for one in forecasts])
    return {name: values[:, :, i] for i, name in enumerate(predictor.names(levels))}


def _levels(parameters: Mapping[str, Any]) -> tuple[float, ...]:
    """Interval levels, asked for as the request's parameter `level`: a number, or text such as "80,90"."""
    level = parameters.get("level")
    if level is None:
        return ()
    try:
        parts = level.split(",") if isinstance(level, str) else [level]
        return tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        raise DataError('the parameter level must be percentages, such as 80 or "80,90"') from None


def _future(predictor: Predictor, future: np.ndarray | None, count: int) -> list[np.ndarray]:
    """What is known ahead of each window."""
    names, steps = predictor.known_ahead, predictor.steps
    if future is None and not names:
        return [np.empty((steps, 0))] * count
    if future is not None and (future.ndim != 3 or len(future) != count):
        raise DataError(f"the input 'future' must have shape [{count}, {steps}, {len(names)}]")
    return [read_ahead(None if future is None else future[number], names, steps) for number in range(count)]
