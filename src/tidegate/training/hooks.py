"""What a caller may attach to training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tidegate.training.history import EpochResult
from tidegate.training.meter import StepResult
from tidegate.training.progress import Progress


@dataclass(frozen=True)
class TrainingHooks:
    """Where training writes and whom it tells; the words are those of `tidegate.training.loop.train`."""

    checkpoint: Path | None = None
    on_epoch: Callable[[EpochResult], None] | None = None
    on_step: Callable[[StepResult], None] | None = None
    tensorboard: Path | None = None

    @classmethod
    def of(
        cls, progress: Progress | None, checkpoint: str | Path | None, tensorboard: str | Path | None
    ) -> TrainingHooks:
        """The hooks for a progress line and paths as users give them."""
        return cls(
            checkpoint=None if checkpoint is None else Path(checkpoint),
            on_epoch=None if progress is None else progress.on_epoch,
            on_step=None if progress is None else progress.on_step,
            tensorboard=None if tensorboard is None else Path(tensorboard),
        )
