"""What a run keeps for `tidegate explain`: the network that was judged, and the rows on which it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from tidegate.errors import ModelFolderError
from tidegate.forecasting.evaluation.held_out import held_out
from tidegate.forecasting.evaluation.window_forecasts import as_learned
from tidegate.forecasting.saved_panel import PANEL, panel_of, panel_parts
from tidegate.forecasting.table_model import TableModel
from tidegate.storage.model_folder import load_model, save_model
from tidegate.tables.columns import Columns
from tidegate.tables.panel import Panel

JUDGED = "judged"
TABLE = "table"
_KIND = "table"


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    ids: list[int | float | str]
    freq: str | int | float
    notes: list[dict[str, object] | str]
    dated: bool


def save_rows(folder: Path, model: TableModel, panel: Panel, columns: Columns, test_size: float) -> None:
    """Write the rows of a table as the model reads them, and where the test part of each series begins."""
    seen = panel.lengths - held_out(test_size, panel.lengths)
    panel, kept = as_learned(model, panel, columns)
    seen = seen[kept]
    config, tensors = panel_parts(panel)
    save_model(folder, _KIND, config, {**tensors, "seen": torch.from_numpy(seen.astype(np.int64))})


def load_rows(folder: Path, columns: Columns) -> tuple[Panel, np.ndarray]:
    """Read what `save_rows` wrote: the panel, and the rows of each series (N,) before its test part.

    Raises:
        ModelFolderError: the folder is damaged, or does not belong to a model with these columns.
    """
    config, tensors = load_model(folder, _KIND)
    try:
        about = _Config.model_validate(config)
        seen = tensors.pop("seen").numpy()
        if set(tensors) - {"ahead"} != set(PANEL):
            raise ValueError(f"arrays {', '.join(sorted(tensors))}")
        panel = panel_of(about.ids, about.freq, about.notes, tensors, dated=about.dated)
        _check(panel, seen, columns)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, ValidationError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ModelFolderError(f"{folder} does not hold the rows of this run ({reason}); fit again") from None
    return panel, seen


def _check(panel: Panel, seen: np.ndarray, columns: Columns) -> None:
    rows, series = len(panel.times), len(panel.ids)
    if panel.starts.shape != (series + 1,) or panel.starts[0] or panel.starts[-1] != rows or (panel.lengths < 1).any():
        raise ValueError("starts")
    if seen.shape != (series,) or (seen < 0).any() or (seen > panel.lengths).any():
        raise ValueError("seen")
    widths = {"targets": columns.targets, "past": columns.past, "future": columns.future}
    for name, own in widths.items():
        if getattr(panel, name).shape != (rows, len(own)):
            raise ValueError(name)
    if panel.static.shape != (series, len(columns.static)):
        raise ValueError("static")
