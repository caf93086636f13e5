"""Settings with what a table showed in place of their defaults."""

from __future__ import annotations

from dataclasses import replace

from tidegate.forecasting.settings import ForecasterSettings
from tidegate.tables.columns import Columns


def resolved(settings: ForecasterSettings, columns: Columns, freq: str | float) -> ForecasterSettings:
    """The settings that name the columns and the step of time that were found, so that a later table is read alike."""
    return replace(
        settings,
        id_col=columns.id or settings.id_col,
        time_col=columns.time or settings.time_col,
        target_col=columns.targets,
        freq=settings.freq or str(freq),
    )
