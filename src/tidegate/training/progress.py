"""A live line on a terminal: epoch, losses, best epoch, time left."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from tidegate.training.history import EpochResult, History

if TYPE_CHECKING:
    from tidegate.training.meter import StepResult
    from tidegate.training.objective import Metric


class Progress:
    """Shows how training goes while the `with` block runs; hand its methods to `train`.

    On a terminal one line is rewritten in place, up to five times per second, without a thread. Elsewhere (a file, a
    pipe) a plain line is written about every tenth of the epochs.

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
        from rich.console import Console
        from rich.live import Live

        self.epochs = epochs
        self._history = History() if metric is None else History([], metric.name, metric.higher_is_better)
        self._console = Console(file=file, stderr=file is None)
        self._live = Live("", console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._started = time.perf_counter()
        self._first: int | None = None

    def __enter__(self) -> Progress:
        """Show the line."""
        self._started = time.perf_counter()
        if self._live is not None:
            self._live.start()
            self._show(0.0, "starting")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state of the line."""
        if self._live is not None:
            self._live.stop()

    def on_step(self, result: StepResult) -> None:
        """Show how far the epoch is."""
        self._begin(result.epoch)
        share = result.step / result.steps
        if self._live is not None:
            self._show(result.epoch - 1 + share, self._words(result.epoch, result.loss))

    def on_epoch(self, result: EpochResult) -> None:
        """Show an epoch's result."""
        self._begin(result.epoch)
        self._history.rows.append(result)
        words = self._words(result.epoch, result.loss)
        tenth = max(1, math.ceil(self.epochs / 10))
        if self._live is not None:
            self._show(result.epoch, words)
        elif result.epoch % tenth == 0 or result.epoch == self.epochs:
            self._console.print(f"{words}  {self._left(result.epoch)}", soft_wrap=True, markup=False, highlight=False)

    def _begin(self, epoch: int) -> None:
        if self._first is None:
            self._first = epoch - 1

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
        fresh = done - (self._first or 0)
        if fresh <= 0:
            return ""
        seconds = (time.perf_counter() - self._started) / fresh * (self.epochs - done)
        return f"at most {_duration(seconds)} left" if seconds >= 1 else ""

    def _show(self, done: float, words: str) -> None:
        from rich.text import Text

        assert self._live is not None
        bar = _bar(done / self.epochs)
        self._live.update(Text(f"{bar}  {words}  {self._left(done)}", no_wrap=True, overflow="ellipsis"), refresh=True)


def _bar(share: float, width: int = 20) -> str:
    full = min(width, int(share * width))
    return "█" * full + "░" * (width - full)


def _duration(seconds: float) -> str:
    whole = math.ceil(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
