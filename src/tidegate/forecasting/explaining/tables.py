"""A forecaster of tables as what is explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from tidegate.errors import DataError
from tidegate.explain.subject import SEQUENCE, Examples, Inputs, NothingToMeasureError, One, Subject, spaced
from tidegate.forecasting.evaluation.held_out import held_out
from tidegate.forecasting.evaluation.metrics import ALL_STEPS, error_table, mase_scale
from tidegate.forecasting.evaluation.verdict import verdict_metric
from tidegate.forecasting.explaining.windows import WindowSubject
from tidegate.forecasting.forecaster import Forecaster
from tidegate.forecasting.frames import method_name
from tidegate.forecasting.preparing import Preprocessor
from tidegate.forecasting.recursive import forecast_batch
from tidegate.forecasting.run_rows import JUDGED, TABLE, load_rows
from tidegate.forecasting.table_model import TableModel
from tidegate.forecasting.windows import RawWindow, Windows
from tidegate.notes import Note
from tidegate.registry import load, model_folder
from tidegate.tables.ahead import known_ahead
from tidegate.tables.columns import Columns
from tidegate.tables.frequency import season_of, times_ahead
from tidegate.tables.panel import Panel
from tidegate.tables.series_ids import SeriesIds

_TEST_SIZE = 0.2


@dataclass(frozen=True)
class _Rows:
    """The rows of a table, and how many of each series (N,) come before its test part, where there is one."""

    panel: Panel
    seen: np.ndarray | None = None


class TableSubject(Subject):
    """A `Forecaster`; its columns are those of the table, and of the calendar where the model reads it.

    Its error is that of the verdict on the same windows: MAE with one series and target, else MASE.
    """

    def __init__(self, model: TableModel, rows: _Rows, series: object, notes: tuple[Note, ...] = ()) -> None:
        """Take what is looked at.

        Raises:
            DataError: there is no such series, or one that the model was not fitted on.
        """
        self.network, self.title = model.network, method_name(model.settings)
        self._model, self._rows = model, rows
        self.notes = (*notes, *self._own_notes())
        self._number = 0 if series is None else SeriesIds(rows.panel.ids).number(series)
        known = model.preprocessor.knows(rows.panel.ids)
        if not known.all():
            raise DataError(
                f"the model was not fitted on the series {rows.panel.ids[~known][0]!r}, whose scale it would have to "
                "guess; leave it out"
            )

    @classmethod
    def of(
        cls,
        forecaster: Forecaster,
        x: Any = None,
        y: Any = None,
        *,
        series: object = None,
        test_size: float = _TEST_SIZE,
    ) -> TableSubject:
        """Take a table, of which the last `test_size` of each series is its test part; None the newest rows of `fit`.

        Raises:
            DataError: the table cannot be used.
        """
        if y is not None:
            raise DataError("a forecaster's table holds what follows; leave y out")
        model = forecaster.fitted()
        if x is None:
            return cls(model, _Rows(model.newest), series)
        panel = model.usable(forecaster.panel(x))
        return cls(model, _Rows(panel, panel.lengths - held_out(test_size, panel.lengths)), series)

    @classmethod
    def of_folder(
        cls, folder: Path, data: Any = None, *, series: object = None, test_size: float = _TEST_SIZE
    ) -> Subject:
        """Take the network that a run judged, which has not seen its test part, or a model folder's own.

        Args:
            folder: a run or a model folder.
            data: a table to look at in place of that of the run.
            series, test_size: as for `of`; of a run's own table the test part is that of the run.

        Raises:
            DataError: the folder holds a model of plain arrays, or the table cannot be used.
            ModelFolderError: it holds no model, or is damaged.
        """
        judged = folder / JUDGED
        forecaster = load(judged if judged.is_dir() else model_folder(folder))
        if not isinstance(forecaster, Forecaster):
            return WindowSubject.of_folder(folder)  # one of an earlier version, which refuses
        notes = (Note("forecasting.judged_explained"),) if judged.is_dir() else ()
        if data is not None or not (folder / TABLE).is_dir():
            subject = cls.of(forecaster, data, series=series, test_size=test_size)
            seen = () if data is None else (Note("forecasting.maybe_seen"),)
            subject.notes = (*notes, *seen, *subject.notes)
            return subject
        model = forecaster.fitted()
        return cls(model, _Rows(*load_rows(folder / TABLE, model.preprocessor.columns)), series, notes)

    def one(self) -> One:
        """Return the window at the end of the series."""
        panel = self._rows.panel.select(np.arange(len(self._rows.panel.ids)) == self._number)
        newest, columns = panel.tail(self._prepared.shape.context), self._prepared.columns
        values = {
            name: getattr(newest, role)[:, number]
            for role in ("targets", "past", "future")
            for number, name in enumerate(getattr(columns, role))
        }
        name = "" if columns.id is None else str(panel.ids[0])
        return One(examples=self._examples(self._newest(panel)), values=values, times=newest.times, name=name)

    def several(self, most: int) -> Examples:
        """Return windows of the test part; where there is none, those at the end of the series."""
        if self._rows.seen is not None:
            windows = self._windows(self._rows.seen)
            if len(windows):
                return self._examples(windows.raw(spaced(len(windows), most))[0])
        chosen = np.isin(np.arange(len(self._rows.panel.ids)), spaced(len(self._rows.panel.ids), most).numpy())
        return self._examples(self._newest(self._rows.panel.select(chosen)))

    def judged(self, most: int) -> Examples:
        """Return windows of the test part with the truth."""
        panel, seen = self._rows.panel, self._rows.seen
        if seen is None:
            raise NothingToMeasureError(Note("forecasting.no_test_part"))
        windows = self._windows(seen)
        if not len(windows):
            raise NothingToMeasureError(Note("forecasting.short_test_part"))
        chosen = spaced(len(windows), most)
        rows, series = (each.numpy() for each in windows.locate(chosen))
        settings, columns = self._prepared.settings, self._prepared.columns
        truth = panel.targets[rows[:, None] + np.arange(settings.horizon)].astype(np.float64)
        own_scale, season = self._prepared.scale_of(panel).of(series), season_of(settings, panel)
        numbers, own = np.unique(series, return_inverse=True)
        training = [panel.targets[panel.rows(number)][: seen[number]] for number in numbers.tolist()]
        scale = np.stack([mase_scale(each, season) for each in training])[own]

        def errors(forecast: np.ndarray) -> Any:
            return error_table(truth, {self.title: forecast}, scale, columns.targets)

        metric, target = verdict_metric(errors(truth), len(panel.ids))

        def error(answers: Tensor) -> float:
            scaled = answers.unsqueeze(-1).numpy()
            table = errors(self._prepared.unscale(scaled, own_scale)[..., 0])
            rows = (table["target"] == target) & (table["step"] == ALL_STEPS)
            return float(table.loc[rows, metric].iloc[0])

        return replace(self._examples(windows.raw(chosen)[0]), error=error, metric=metric.upper())

    def _own_notes(self) -> Iterator[Note]:
        if self._model.history.kept_start:
            yield Note("forecasting.explained_linear")
        ahead = known_ahead(self._rows.panel, self._prepared.settings.horizon)
        if self._rows.seen is None and np.isnan(ahead).any():
            yield Note("forecasting.ahead_unknown", {"columns": ", ".join(self._prepared.columns.future)})

    @property
    def _prepared(self) -> Preprocessor:
        return self._model.preprocessor

    def _windows(self, seen: np.ndarray) -> Windows:
        return self._model.windows(self._rows.panel, (seen, self._rows.panel.lengths))

    def _newest(self, panel: Panel) -> RawWindow:
        """Return the windows at the end of series; inputs known ahead that are not known count as their mean."""
        steps = self._prepared.settings.horizon
        scale, filled = self._prepared.scale_of(panel), self._prepared.fill(panel)
        raw = self._prepared.newest(filled, scale, known_ahead(panel, steps), times_ahead(panel, steps))
        return raw._replace(future=raw.future.nan_to_num())

    def _examples(self, raw: RawWindow) -> Examples:
        parts = {"observed": raw.observed, "future": raw.future, "static": raw.static}
        inputs = {name: part for name, part in parts.items() if part is not None and part.shape[-1]}
        columns = _columns(self._prepared, flagged=raw.observed is not None)
        answer = _Answer(self._model, raw)
        return Examples(inputs={SEQUENCE: raw.history, **inputs}, columns=columns, answer=answer)


class _Answer:
    """The point forecasts (B, S, K), scaled, of windows whose inputs may be others than those of these windows."""

    def __init__(self, model: TableModel, raw: RawWindow) -> None:
        self._model, self._raw = model, raw

    def __call__(self, inputs: Inputs) -> Tensor:
        history = inputs[SEQUENCE]
        ahead = self._raw.future[:1].expand(len(history), -1, -1)  # one that is no input has no columns
        static = self._raw.static[:1].expand(len(history), -1)
        raw = RawWindow(history, inputs.get("observed"), inputs.get("future", ahead), inputs.get("static", static))
        preprocessor = self._model.preprocessor
        forecast = forecast_batch(self._model.network, preprocessor.shape, raw, preprocessor.settings.horizon)
        return forecast[..., forecast.shape[-1] // 2]


def _columns(prepared: Preprocessor, *, flagged: bool) -> Mapping[str, Mapping[str, Sequence[int]]]:
    """Return where each column of the table is in the inputs, then those of the calendar."""
    columns, calendar = prepared.columns, prepared.shape.features.calendar
    widths = [(name, 1) for name in columns.targets]
    ahead = len(columns.targets) + columns.width("past")
    widths += [(name, _width(columns, name)) for role in ("past", "future") for name in getattr(columns, role)]
    widths += [(name, prepared.shape.features.width(name)) for name in calendar]
    places: dict[str, dict[str, Sequence[int]]] = {}
    first = 0
    for name, width in widths:
        channels = list(range(first, first + width))
        own: dict[str, Sequence[int]] = {SEQUENCE: channels}
        if flagged:
            own["observed"] = channels
        if first >= ahead:
            own["future"] = [channel - ahead for channel in channels]
        places[name if name not in places else f"{name} (calendar)"] = own
        first += width
    return places | {name: {"static": [number]} for number, name in enumerate(columns.static)}


def _width(columns: Columns, name: str) -> int:
    return len(columns.texts[name]) if name in columns.texts else 1
