"""All that is known about how well a forecaster did, as plain data: what the report and the figures are made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from tidegate.forecasting.evaluation.metrics import ALL_STEPS, ALL_TARGETS
from tidegate.forecasting.evaluation.significance import DieboldMariano
from tidegate.forecasting.evaluation.verdict import Verdict
from tidegate.notes import Note
from tidegate.tables.columns import Columns
from tidegate.tables.reading import as_kind, frame_kind

TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = (TRAIN, VALIDATION, TEST)
FRAMES = ("forecasts", "errors", "parts", "examples", "history", "ahead")


@dataclass(frozen=True, kw_only=True)
class BacktestResult:
    """A network beside the naive forecasts on the same test windows.

    Frames name their columns always alike, whatever the user's table called them. They are of polars where the table
    was (`errors["step"]` is then text).

    Attributes:
        method: the network's name, as in the columns of `forecasts` and in `errors["method"]`.
        forecasts: one row per window and step of the test part, in order of both: unique_id, ds (time forecast), cutoff
            (last known time), y (truth, NaN where unknown), then one column per method, as utilsforecast takes them
            (`evaluate(result.forecasts, …)`). With several targets one row for each, in a column `target` before y.
        errors: the tidy table of `metrics.error_table`.
        verdict: the first line of every report.
        significance: the Diebold-Mariano test of the network (a) against the best naive forecast (b).
        best_naive: the naive method with the lowest error; None where none could be made.
        windows: number of test windows.
        series: number of series.
        parts: one row per part in order of time: part ("train", "validation", "test"), start, end (first and last
            time), rows.
        examples: whole history of a few series, for the figures: unique_id, ds, target, y, part, and one-step-ahead
            forecasts in columns named after the methods (the network's, the best naive's), NaN where there is none.
            Series stand in the order in which they are drawn.
        history: one row per epoch: epoch, loss, validation_loss (absent or NaN without validation), ….
        best_epoch: the epoch whose weights were kept.
        settings: setting -> value, as used.
        notes: what was inferred or left out; `str(note)` is an English sentence, `note.sentence("zh")` a Chinese one.
        ahead: the forecast of what follows the series of `examples`: unique_id, ds, target, the network's column and
            its intervals. Empty where it needs covariates known ahead that were not given.
        refitted: whether `ahead` comes from a network trained on all rows after this one was judged.
        columns: what the table called its columns and how it wrote times, for files; None to name them as here.
    """

    method: str
    forecasts: pd.DataFrame
    errors: pd.DataFrame
    verdict: Verdict
    significance: DieboldMariano
    best_naive: str | None
    windows: int
    series: int
    parts: pd.DataFrame
    examples: pd.DataFrame
    history: pd.DataFrame
    best_epoch: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    ahead: pd.DataFrame = field(default_factory=pd.DataFrame)
    refitted: bool = False
    columns: Columns | None = None

    def noting(self, note: Note | None) -> BacktestResult:
        """The result with one more note, if it is one."""
        return self if note is None else replace(self, notes=(*self.notes, note))

    def in_frames_of(self, kind: str) -> BacktestResult:
        """The result with frames as `frame_kind` names them: of polars for "polars", else of pandas."""
        polars = kind == "polars"
        if polars == (frame_kind(self.errors) == "polars"):
            return self
        frames = {name: getattr(self, name) for name in FRAMES}
        if polars:
            frames["errors"] = self.errors.astype({"step": str})
            return replace(self, **{name: as_kind(frame, "polars") for name, frame in frames.items()})
        frames = {name: frame.to_pandas() for name, frame in frames.items()}
        steps = [step if step == ALL_STEPS else int(step) for step in frames["errors"]["step"]]
        frames["errors"]["step"] = pd.Series(steps, dtype=object)
        return replace(self, **frames)

    @property
    def methods(self) -> list[str]:
        """The network first, then the naive methods."""
        return [self.method, *(name for name in dict.fromkeys(self.errors["method"]) if name != self.method)]

    @property
    def targets(self) -> list[str]:
        """The targets' names, in order."""
        return [target for target in dict.fromkeys(self.errors["target"]) if target != ALL_TARGETS]

    @property
    def horizon(self) -> int:
        """S, the number of steps that a window forecasts."""
        return max(int(step) for step in self.errors["step"] if step != ALL_STEPS)

    @property
    def forecasts_by_step(self) -> pd.DataFrame:
        """`forecasts` with the columns `step` (1 … S) and, also where there is but one, `target`."""
        kind, frame = frame_kind(self.forecasts), self.in_frames_of("pandas").forecasts
        if "target" not in frame:
            frame = frame.assign(target=self.targets[0])
        step = frame.groupby(["unique_id", "target", "cutoff"], sort=False).cumcount() + 1
        return as_kind(frame.assign(step=step), kind)

    @property
    def test_period(self) -> tuple[Any, Any]:
        """First and last time that was forecast."""
        return self.forecasts["ds"].min(), self.forecasts["ds"].max()
