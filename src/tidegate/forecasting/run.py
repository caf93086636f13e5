"""One run: a table in; a judged model, a forecast and a report out, in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from tidegate.errors import DataError, StaleCheckpointError, TidegateError
from tidegate.forecasting import persistence
from tidegate.forecasting.evaluation.ahead import with_forecast
from tidegate.forecasting.evaluation.backtest import backtest
from tidegate.forecasting.evaluation.report import write_report
from tidegate.forecasting.evaluation.result import BacktestResult
from tidegate.forecasting.forecaster import Forecaster
from tidegate.forecasting.frames import csv_bytes, read_future
from tidegate.forecasting.intervals import Intervals, check_levels, learned_quantiles
from tidegate.forecasting.refit import refit_or_keep
from tidegate.forecasting.resolving import resolved
from tidegate.forecasting.run_rows import JUDGED, TABLE, save_rows
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.table_model import TableModel
from tidegate.notes import Note
from tidegate.settings import check_settings
from tidegate.storage.files import write_atomically
from tidegate.tables.ahead import known_ahead
from tidegate.tables.building import build_panel
from tidegate.tables.columns import Columns
from tidegate.tables.frequency import times_ahead
from tidegate.tables.panel import Panel
from tidegate.tables.reading import read_table
from tidegate.training.hooks import TrainingHooks
from tidegate.training.progress import Progress
from tidegate.words import check_language

_MARK = "settings.toml"
_CHECKPOINT = "checkpoint.safetensors"
_REFIT_CHECKPOINT = "refit-checkpoint.safetensors"


class Watcher(Protocol):
    """What a run tells while it runs."""

    def note(self, sentence: str) -> None:
        """Take one sentence about what was inferred or is being done."""

    def progress(self, epochs: int) -> Progress | None:
        """The line that shows how training goes, if any."""

    def verdict(self, result: BacktestResult) -> None:
        """Take what is known once the network is judged, so that no later failure loses it."""


@dataclass(frozen=True)
class Request:
    """What is asked of a run beside the settings.

    Attributes:
        data: the table.
        out: the run folder.
        test_size: last share, or number, of each series' rows, to judge on.
        future: a table of values known ahead.
        levels: interval levels in percent.
        lang: language of the report and of notes, "en" or "zh".
        tensorboard: whether to write event files.
        overwrite: whether to replace a finished run.
        refit: whether to train again on all rows before forecasting.
    """

    data: Path
    out: Path
    test_size: float = 0.2
    future: Path | None = None
    levels: tuple[float, ...] = ()
    lang: str = "en"
    tensorboard: bool = False
    overwrite: bool = False
    refit: bool = True


@dataclass(frozen=True)
class Run:
    """What a run leaves.

    Attributes:
        result: how good the network is.
        report: path of the report.
        forecast: what forecast.csv holds; None where there is no forecast.
        settings: those used.
        problem: why there is no forecast, where that was asked for and failed.
    """

    result: BacktestResult
    report: Path
    forecast: pd.DataFrame | None
    settings: dict[str, Any]
    problem: TidegateError | None


def run(request: Request, values: dict[str, Any], console: Watcher) -> Run:
    """Fit, judge, refit, forecast and write everything; carry on where an interrupted run stopped.

    Raises:
        TidegateError: nothing could be begun, or written, in one sentence. What can be checked is checked before
            training: the folder, the levels, the table of values known ahead.
    """
    check_language(request.lang)
    forecaster, out = Forecaster(**values), request.out
    check_settings(forecaster)
    settings = forecaster.settings()
    _check_levels(settings, request.levels)
    with _claimed(out, request.overwrite):
        panel, columns = build_panel(request.data, settings)
        future = _read_future(request, settings, panel, columns)
        forecaster.model_, result = _judge(request, settings, panel, columns, console)
    console.verdict(result)
    judged = forecaster.model_
    if request.refit:
        forecaster.model_, problem = _refit(request, judged, panel, columns, console)
        result = result.noting(problem)
    refitted = forecaster.model_ is not judged
    (out / "metrics.json").unlink(missing_ok=True)  # of the run before: what is judged there is not this model
    forecaster.save(out / "model")
    _keep_judged(request, judged, panel, columns, refitted=refitted)
    forecast, problem = _forecast(request, forecaster, future, console)
    shown = with_forecast(result, forecaster.model_, future, request.levels, refitted=refitted)
    report = write_report(shown, out, lang=request.lang)
    for name in (_CHECKPOINT, _REFIT_CHECKPOINT):
        (out / name).unlink(missing_ok=True)
    used = asdict(settings)
    return Run(shown, report, forecast, {f.name: used[f.name] for f in fields(ForecasterSettings)}, problem)


def _check_levels(settings: ForecasterSettings, levels: tuple[float, ...]) -> None:
    """Refuse before training what no model of these settings could give; a short validation part shows only later."""
    check_levels(levels)
    quantiles = learned_quantiles(settings)
    if quantiles is not None:
        learned = Intervals(settings.levels, quantiles, np.empty((0, 1, 1)), by_window=False, origins=0)
        learned.around(np.zeros((1, 1, 1, len(quantiles))), levels)


def _read_future(request: Request, settings: ForecasterSettings, panel: Panel, columns: Columns) -> pd.DataFrame | None:
    """The table of values known ahead, once it is sure that it has all that the forecast will need."""
    if request.future is None:
        return None
    future = read_table(request.future)
    read_future(future, panel, columns, resolved(settings, columns, panel.freq), times_ahead(panel, settings.horizon))
    return future


def _judge(
    request: Request, settings: ForecasterSettings, panel: Panel, columns: Columns, console: Watcher
) -> tuple[TableModel, BacktestResult]:
    checkpoint, lang = request.out / _CHECKPOINT, request.lang
    if checkpoint.exists():
        console.note(Note("forecasting.carrying_on", {"checkpoint": str(checkpoint)}).sentence(lang))
    else:  # one that is left of an earlier run
        (request.out / _REFIT_CHECKPOINT).unlink(missing_ok=True)
    hooks = TrainingHooks.of(
        console.progress(settings.epochs), checkpoint, request.out / "tensorboard" if request.tensorboard else None
    )
    model, result = _resumed(
        lambda: backtest(settings, panel, columns, request.test_size, hooks),
        checkpoint,
        lambda reason: console.note(Note("forecasting.stale_checkpoint", {"reason": reason}).sentence(lang)),
        replace=request.overwrite,
    )
    if model.history.interrupted:
        result = result.noting(Note("forecasting.interrupted"))
    return model, result


def _refit(
    request: Request, judged: TableModel, panel: Panel, columns: Columns, console: Watcher
) -> tuple[TableModel, Note | None]:
    epochs = judged.history.best_epoch or 1
    console.note(Note("forecasting.refitting", {"epochs": epochs}).sentence(request.lang))
    checkpoint = request.out / _REFIT_CHECKPOINT
    hooks = TrainingHooks.of(console.progress(epochs), checkpoint, None)
    model, problem = _resumed(
        lambda: refit_or_keep(judged, panel, columns, hooks), checkpoint, lambda reason: None, replace=True
    )
    if problem is not None:
        console.note(problem.sentence(request.lang))
    return model, problem


def _keep_judged(request: Request, judged: TableModel, panel: Panel, columns: Columns, *, refitted: bool) -> None:
    """Keep what `tidegate explain` looks at: the rows, and the judged network where it is not the saved one."""
    if refitted:
        persistence.save(request.out / JUDGED, judged)
    else:  # one that is left of an earlier run
        shutil.rmtree(request.out / JUDGED, ignore_errors=True)
    save_rows(request.out / TABLE, judged, panel, columns, request.test_size)


def _resumed(train: Callable[[], Any], checkpoint: Path, say: Callable[[str], None], *, replace: bool) -> Any:
    """Train, resuming from the checkpoint; one that cannot be resumed from is refused, or replaced."""
    try:
        return train()
    except StaleCheckpointError as error:
        reason = str(error).partition("; ")[0]
        if not replace:
            raise StaleCheckpointError(
                f"{reason}; give --overwrite to begin anew, or carry on with the settings that it was begun with"
            ) from None
        say(reason)
        checkpoint.unlink()
        return train()


def _forecast(
    request: Request, forecaster: Forecaster, future: pd.DataFrame | None, console: Watcher
) -> tuple[pd.DataFrame | None, TidegateError | None]:
    """Write forecast.csv, where that can be; what was judged is to be written whatever fails here."""
    ahead, file = forecaster.columns_.future, request.out / "forecast.csv"
    file.unlink(missing_ok=True)  # that of a run which this one replaces
    if ahead and future is None and np.isnan(known_ahead(forecaster.fitted().newest, forecaster.horizon)).any():
        console.note(
            Note("forecasting.fill_in", {"columns": ", ".join(ahead), "out": str(request.out)}).sentence(request.lang)
        )
        return None, None
    try:
        frame = forecaster.predict(future=future, level=request.levels)
    except TidegateError as error:
        return None, error
    write_atomically(file, csv_bytes(frame, forecaster.columns_, forecaster.freq_))
    return frame, None


@contextmanager
def _claimed(out: Path, overwrite: bool) -> Iterator[None]:
    """Make the run folder, or refuse one that holds something else or a finished run; on failure leave no trace."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file; name a folder with --out")
    # A run killed while it wrote leaves a hidden file of its own.
    held = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.exists() else set()
    if _MARK in held and not overwrite:
        raise DataError(f"{out} holds a finished run; give --overwrite to replace it, or another --out")
    if held - {_CHECKPOINT, _REFIT_CHECKPOINT, "tensorboard"} and _MARK not in held and "model" not in held:
        raise DataError(f"{out} holds files that are not a run's ({sorted(held)[0]}); name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    probe = out / ".writable"
    write_atomically(probe, b"")  # better refused now than after hours of training
    probe.unlink()
    try:
        yield
    finally:
        if not any(out.iterdir()):
            out.rmdir()
