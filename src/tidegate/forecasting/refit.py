"""A model is trained twice: on all rows but the last, which decide for how long, then anew on all of them.

The newest rows are those that a forecast continues, and most like what follows. On M4's weekly series a training
without them had an OWA of 0.74 to 0.75 and 0.83 at two origins, one on all rows 0.73 and 0.81, a shorter one on all
rows from the first one's weights 0.73 to 0.75 and 0.84 (docs/benchmarks.md).
"""

from __future__ import annotations

from dataclasses import replace

from tidegate.errors import TrainingError
from tidegate.forecasting.choosing import as_chosen
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.table_model import TableModel
from tidegate.notes import Note
from tidegate.tables.columns import Columns
from tidegate.tables.panel import Panel
from tidegate.training.hooks import TrainingHooks


def fit(settings: ForecasterSettings, panel: Panel, columns: Columns, hooks: TrainingHooks) -> TableModel:
    """Train on a panel: on all rows, for as many epochs as were best on the last `validation_size` of them.

    The history is that of the training which decided; intervals come from its errors.

    Raises:
        DataError: the panel cannot be used as it is; TrainingError: training diverged.
        CheckpointError: the checkpoint of the hooks is damaged or of another run.
    """
    first = TableModel.fit(settings, panel, columns, hooks)
    if first.history.interrupted or first.history.decided_by == "last epoch":
        return first
    model, problem = refit_or_keep(first, panel, columns, TrainingHooks(on_epoch=hooks.on_epoch, on_step=hooks.on_step))
    if problem is not None:
        model.newest = replace(model.newest, notes=(*model.newest.notes, problem))
    model.history = first.history
    return model


def refit(judged: TableModel, panel: Panel, columns: Columns, hooks: TrainingHooks) -> TableModel:
    """Train on every row of a panel, from the same seed, for as many epochs as were best when `judged` was trained.

    No rows are kept back to decide when to stop. Intervals stay those of `judged`, whose errors were made on rows that
    it had not seen; settings stay the user's, so that `update` and the next `fit` keep a validation part. Where
    `judged` is the linear forecast, for no epoch was clearly better, so is what this returns.

    Raises:
        DataError: as when `judged` was fitted; TrainingError: training diverged.
        CheckpointError: the checkpoint of the hooks is damaged or of another run.
    """
    settings = as_chosen(judged.settings, judged.preprocessor.settings)
    if judged.history.kept_start:
        model = TableModel.fit_linear(settings, panel, columns)
        model.history = judged.history
    else:
        given = replace(settings, epochs=judged.history.best_epoch, validation_size=0.0, patience=None)
        model = TableModel.fit(given, panel, columns, hooks)
    model.settings = judged.settings
    model.preprocessor = replace(model.preprocessor, settings=judged.preprocessor.settings)
    model.residuals, model.by_window, model.origins = judged.residuals, judged.by_window, judged.origins
    model.newest = replace(model.newest, notes=judged.newest.notes)
    return model


def refit_or_keep(
    judged: TableModel, panel: Panel, columns: Columns, hooks: TrainingHooks
) -> tuple[TableModel, Note | None]:
    """As `refit`; where training diverges or the user interrupts it, `judged`, and a note that says so."""
    try:
        model = refit(judged, panel, columns, hooks)
    except TrainingError as error:
        return judged, Note("forecasting.refit_failed", {"reason": str(error)})
    except KeyboardInterrupt:
        return judged, Note("forecasting.refit_interrupted")
    if model.history.interrupted:
        return judged, Note("forecasting.refit_interrupted")
    return model, None
