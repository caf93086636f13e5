"""What stands beside a model's forecast: the verdict of its run, and the naive forecast that did best."""

from __future__ import annotations

import logging
import math
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ValidationError

from tidegate.forecasting.evaluation.baselines import repeat_last, seasonal_naive
from tidegate.forecasting.evaluation.significance import SIGNIFICANT
from tidegate.forecasting.predictor import Predictor
from tidegate.serving.models import stamp_of
from tidegate.tables.frequency import season_of
from tidegate.tables.panel import Panel

_FILE = "metrics.json"
_LOOK_AGAIN = 1.0  # seconds; every answer carries the verdict, and files are not read on the event loop for each
log = logging.getLogger("tidegate.serving")


class RunVerdict(BaseModel):
    """The verdict as `metrics.json` has it.

    Attributes:
        beats: as `Verdict.beats`.
        text: the sentence in each language.
        best_naive: the naive forecast that did best.
        p_value: of the test; None where it could not be made.
    """

    beats: bool | None
    text: dict[str, str]
    best_naive: str | None
    p_value: float | None = None

    @property
    def outcome(self) -> Literal["better", "worse", "undecided"]:
        """Which way the test decides: a network that is not better may still not be worse."""
        if self.beats:
            return "better"
        significant = self.p_value is not None and self.p_value < SIGNIFICANT
        return "worse" if self.beats is False and significant else "undecided"

    @property
    def short(self) -> dict[str, Any]:
        """What stands in every answer with a forecast."""
        return {"outcome": self.outcome, "p_value": self.p_value, "text": self.text["en"]}


class _Test(BaseModel):
    p_value: float | None = None


class _Metrics(BaseModel):
    verdict: RunVerdict
    diebold_mariano: _Test = _Test()


class Judged:
    """The verdict on one version of a model.

    It is looked for again every second that it is asked for, as a run saves its model before its verdict, and no longer
    once the folder holds another version, whose verdict is not this one's.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder as it is now."""
        self._folder, self._stamp = folder, stamp_of(folder)
        inside = folder.resolve().name == "model" and not (folder / "model").is_dir()
        self._file = (folder.parent if inside else folder) / _FILE
        self._found: RunVerdict | None = None
        self._again = -math.inf

    @property
    def verdict(self) -> RunVerdict | None:
        """The verdict of the run that the model belongs to; None where it was saved without one."""
        now = time.monotonic()
        if now >= self._again:
            self._again = now + _LOOK_AGAIN
            self._look()
        return self._found

    def _look(self) -> None:
        if stamp_of(self._folder) == self._stamp:
            try:
                self._found = _read(self._file, self._file.stat().st_mtime_ns)
            except OSError:
                self._found = None

    @property
    def short(self) -> dict[str, Any] | None:
        """As `RunVerdict.short`."""
        verdict = self.verdict
        return None if verdict is None else verdict.short


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
        found = _Metrics.model_validate_json(path.read_bytes())
        return found.verdict.model_copy(update={"p_value": found.diebold_mariano.p_value})
    except ValidationError as error:
        log.warning("%s holds no verdict that can be read, so none is told: %s", path, error.errors()[0]["msg"])
        return None
