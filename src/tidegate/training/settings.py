"""How a network is trained: optimiser, schedule, stopping, seed; shared by every task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tidegate.settings import setting

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine", "step", "plateau", "onecycle")


@dataclass(kw_only=True, eq=False, repr=False)
class TrainingSettings:
    """Settings of the training loop; each field's help says what it does."""

    help_group: ClassVar[str] = "Training"

    epochs: int = setting(50, "passes over the training windows, at most", low=1)
    batch_size: int = setting(32, "samples per optimiser step", low=1)
    steps_per_epoch: int | None = setting(
        None, "optimiser steps per epoch, at most; caps validation alike (default: all samples)", low=1
    )
    optimizer: str = setting("adam", "optimiser", choices=OPTIMIZERS)
    learning_rate: float = setting(1e-3, "highest learning rate", above=0)
    schedule: str = setting("constant", "learning-rate schedule", choices=SCHEDULES)
    weight_decay: float = setting(0.0, "L2 penalty (decoupled for adamw)", low=0)
    momentum: float = setting(0.0, "momentum of sgd and rmsprop", low=0, below=1)
    clip_norm: float | None = setting(1.0, "largest gradient norm; larger gradients are scaled down", above=0)
    patience: int | None = setting(
        10, "epochs without improvement before stopping early (plateau halves the rate after a third)", low=1
    )
    seed: int = setting(0, "seed of initial weights, shuffling and dropout", low=0)
    device: str = setting("cpu", "where to train: cpu, cuda, cuda:1, …")
