"""Load whatever was saved: a model folder, or a run folder that holds one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.forecasting.forecaster import Forecaster


def load(folder: str | Path) -> Forecaster:
    """Load a fitted forecaster from its model folder, or from the run folder that `tidegate forecast fit` wrote.

    Raises:
        ModelFolderError: the folder is missing, damaged or of another version.
    """
    from tidegate.forecasting.forecaster import Forecaster

    folder = Path(folder)
    inner = folder / "model"
    return Forecaster.load(inner if inner.is_dir() else folder)
