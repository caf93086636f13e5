"""All that a forecaster can be told, with defaults; light to import, for the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tidegate.layers.choice import LayerChoice
from tidegate.settings import setting, takes_old_names
from tidegate.tables.settings import TableSettings
from tidegate.training.settings import SCHEDULES, TrainingSettings

LOSSES = ("mse", "mae", "huber", "quantile")
SHORT_SERIES = ("refuse", "drop", "pad")
TRANSFORMS = ("auto", "none", "log")
SCALERS = ("standard", "minmax", "robust", "none")
SCALE_BY = ("global", "series", "window")
STRATEGIES = ("direct", "recursive")


@dataclass(kw_only=True, eq=False, repr=False)
class WindowSettings(TrainingSettings, LayerChoice):
    """Settings of a network that reads a window and forecasts what follows it; each field's help says what it does."""

    help_group: ClassVar[str] = "Model"

    scaler: str = setting("standard", "scaling of the inputs and targets", choices=SCALERS)
    loss: str = setting("mse", "training loss", choices=LOSSES)
    levels: tuple[float, ...] = setting((80.0, 90.0), "interval levels in percent that loss=quantile learns")
    validation_size: float = setting(0.1, "last share of the training rows kept for early stopping", low=0, below=1)


@dataclass(kw_only=True, eq=False, repr=False)
class TableTraining(TrainingSettings):
    """How a forecaster of tables is trained, where that is not as arrays are; docs/benchmarks.md has the evidence."""

    help_group: ClassVar[str] = "Training"

    batch_size: int = setting(64, "samples per optimiser step", low=1)
    steps_per_epoch: int | None = setting(
        80, "optimiser steps per epoch, at most, of samples drawn anew; caps validation alike", low=1
    )
    learning_rate: float = setting(3e-3, "highest learning rate", above=0)
    schedule: str = setting("cosine", "learning-rate schedule", choices=SCHEDULES)
    patience: int | None = setting(
        25, "epochs without improvement before stopping early (plateau halves the rate after a third)", low=1
    )


@takes_old_names
@dataclass(kw_only=True, eq=False, repr=False)
class ForecasterSettings(TableTraining, WindowSettings, TableSettings):
    """Settings of a forecaster of tables; each field's help says what it does."""

    help_group: ClassVar[str] = "Model"

    units: int = setting(64, "hidden units per layer", low=1)
    layers: int = setting(1, "layers stacked on each other", low=1)
    loss: str = setting("huber", "training loss", choices=LOSSES)

    lookback: int | None = setting(
        None, "past steps that the network sees (default: the longest season found and a quarter more, or 48)", low=1
    )
    horizon: int = setting(1, "steps to forecast", low=1)
    strategy: str = setting("direct", "all steps at once, or one step fed back", choices=STRATEGIES)
    features: tuple[str, ...] | None = setting(
        None,
        "derived: difference_K, mean_K, lag_K, hour, weekday, month, …, holidays:DE (default: lags of seasons found)",
    )
    short_series: str | None = setting(
        None,
        "series shorter than a window (default: pad where the lookback is left open, refuse where it is given)",
        choices=SHORT_SERIES,
    )
    transform: str = setting(
        "auto", "of the targets, before scaling; auto: log where errors grow with the level", choices=TRANSFORMS
    )
    scale_by: str | None = setting(
        None, "one scale for all, per series, or per window (default: window)", choices=SCALE_BY
    )
    linear_skip: int | None = setting(
        None,
        "newest values that are also added linearly, 0 for none (default: the lookback, or 12 without a season)",
        low=0,
        old_name="highway",
    )
    name: str | None = setting(None, "name of the forecast column (default: that of the cell or layer)")


class CompleteSettings(ForecasterSettings):
    """Settings with nothing left open, as `choosing.chosen` returns them: a type, and no object."""

    lookback: int
    features: tuple[str, ...]
    short_series: str
    linear_skip: int
