"""What the page shows of a model beside its forecast: the verdict of its run, and the naive forecast that did best."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from tidegate.forecasting.evaluation.baselines import repeat_last, seasonal_naive
from tidegate.forecasting.predictor import Predictor
from tidegate.tables.frequency import season_of
from tidegate.tables.panel import Panel

_FILE = "metrics.json"
log = logging.getLogger("tidegate.serving")


class RunVerdict(BaseModel):
    """The verdict as `metrics.json` has it; `text` is the sentence in each language."""

    beats: bool | None
    text: dict[str, str]
    best_naive: str | None


class _Metrics(BaseModel):
    verdict: RunVerdict


def verdict_of(folder: Path) -> RunVerdict | None:
    """The verdict of the run that a model folder belongs to; None where the model was saved without one.

    It is looked for at each call: a run saves its model before its verdict.
    """
    run = folder.parent if folder.resolve().name == "model" and not (folder / "model").is_dir() else folder
    try:
        return _read(run / _FILE, (run / _FILE).stat().st_mtime_ns)
    except OSError:
        return None


def naive_after(predictor: Predictor, panel: Panel, number: int, verdict: RunVerdict | None) -> dict[str, Any]:
    """The naive forecast of one series' next steps: seasonal naive where that did best in the run, else repeat-last.

    Drift and mean rest on all rows from the first, which a model folder does not keep: what they would give here is not
    what was tested.
    """
    history, season = panel.targets[panel.rows(number)], season_of(predictor.settings, panel)
    origins, seasonal = np.array([len(history) - 1]), "SeasonalNaive"
    if verdict is not None and verdict.best_naive == seasonal and 1 < season <= len(history):
        method, values = seasonal, seasonal_naive(history, origins, predictor.steps, season)
    else:
        method, values = "RepeatLast", repeat_last(history, origins, predictor.steps)
    columns = {
        name: [None if value != value else value for value in ahead]
        for name, ahead in zip(predictor.roles.targets, values[0].T.tolist(), strict=True)
    }
    return {"method": method, "columns": columns}


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> RunVerdict | None:
    try:
        return _Metrics.model_validate_json(path.read_bytes()).verdict
    except ValidationError as error:
        log.warning("%s holds no verdict that can be read, so the page shows none: %s", path, error.errors()[0]["msg"])
        return None
