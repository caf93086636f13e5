"""A live line on a terminal: epoch, losses, best epoch, time left."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from tidegate.training.history import EpochResult, History

if TYPE_CHECKING:
    from tidegate.training.meter import StepResult
    from tidegate.training.objective import Metric


class Progress:
    """Shows how training goes while the `with` block runs; hand its methods to `train`.

    On a terminal one line is rewritten in place, up to five times per second, without a thread. Elsewhere (a file, a
    pipe) a plain line is written about every tenth of the epochs. Where epochs are counted from 1 again, another
    training has begun.

    Example:
        >>> with Progress(epochs=settings.epochs) as progress:                              # doctest: +SKIP
        ...     train(network, ..., on_epoch=progress.on_epoch, on_step=progress.on_step)
    """

    def __init__(self, epochs: int, *, metric: Metric | None = None, file: TextIO | None = None) -> None:
        """Prepare the line.

        Args:
            epochs: how many there will be, at most.
            metric: what decides which epoch is best, as `train` is given it; None for the loss.
            file: where the line goes (default: standard error).
        """
        from rich import progress
        from rich.console import Console
        from rich.table import Column

        self.epochs = epochs
        self._history = History() if metric is None else History([], metric.name, metric.higher_is_better)
        self._console = Console(file=file, stderr=file is None)
        words = progress.TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1))
        self._bar = progress.Progress(
            progress.BarColumn(20),
            words,
            console=self._console,
            auto_refresh=False,
            expand=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=epochs)
        self._started = time.perf_counter()
        self._first: int | None = None
        self._last = 0

    def __enter__(self) -> Progress:
        """Show the line."""
        self._started = time.perf_counter()
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state of the line."""
        self._bar.stop()

    def on_step(self, result: StepResult) -> None:
        """Show how far the epoch is."""
        self._show(result.epoch, result.step / result.steps, result.loss)

    def on_epoch(self, result: EpochResult) -> None:
        """Show an epoch's result."""
        if self._history.rows and result.epoch <= self._history.rows[-1].epoch:
            self._history.rows.clear()
        self._history.rows.append(result)
        line = self._show(result.epoch, 1.0, result.loss)
        tenth = max(1, math.ceil(self.epochs / 10))
        if self._bar.disable and (result.epoch % tenth == 0 or result.epoch == self.epochs):
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)

    def _show(self, epoch: int, share: float, loss: float) -> str:
        """Draw the line and return its words."""
        if self._first is None:
            self._first = epoch - 1
        elif epoch < self._last:
            self._first, self._started = 0, time.perf_counter()
        self._last = epoch
        done = epoch - 1 + share
        line = f"{self._words(epoch, loss)}  {self._left(done)}"
        self._bar.update(self._task, completed=done, description=line, refresh=True)
        return line

    def _words(self, epoch: int, loss: float) -> str:
        parts = [f"epoch {epoch}/{self.epochs}", f"loss {loss:.4g}"]
        best = next((row for row in self._history.rows if row.epoch == self._history.best_epoch), None)
        if best is not None and best.validation_loss is not None:
            last = self._history.rows[-1]
            parts.append(f"validation {last.validation_loss:.4g}")
            if last.metric is not None:
                parts.append(f"{self._history.metric or 'metric'} {last.metric:.4g}")
            value = best.validation_loss if best.metric is None else best.metric
            parts.append(f"best {value:.4g} in epoch {best.epoch}")
        return "  ".join(parts)

    def _left(self, done: float) -> str:
        # Not rich's estimate: that leaves out the first sample, which for a few long epochs is most of what is known.
        fresh = done - (self._first or 0)
        if fresh <= 0:
            return ""
        seconds = math.ceil((time.perf_counter() - self._started) / fresh * (self.epochs - done))
        return f"at most {timedelta(seconds=seconds)} left" if seconds >= 1 else ""
