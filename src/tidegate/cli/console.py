"""What the commands show: a live progress line, notes, the verdict, the forecast's first rows, the table of errors."""

from __future__ import annotations

import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.table import Table

from tidegate.errors import TidegateWarning
from tidegate.reporting.terminal import frame_table, score_table, verdict_line
from tidegate.words import words

if TYPE_CHECKING:
    from tidegate.forecasting.evaluation.result import BacktestResult
    from tidegate.forecasting.run import Run
    from tidegate.training.progress import Progress

_METRICS = ("mae", "rmse", "mape", "mase", "r2")
_ROWS = 5
_PACKAGE = "tidegate.forecasting.evaluation"


class Console:
    """Progress and notes on standard error, results on standard output."""

    def __init__(self, *, quiet: bool, lang: str = "en") -> None:
        self._quiet, self._lang = quiet, lang
        self._progress: Progress | None = None
        self._errors = RichConsole(stderr=True, highlight=False)
        self._out = RichConsole(highlight=False)

    def __enter__(self) -> Console:
        self._usual, warnings.showwarning = warnings.showwarning, self._warn
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        warnings.showwarning = self._usual
        self._end_progress()

    def progress(self, epochs: int) -> Progress | None:
        """Start the line that shows how training goes, unless quiet; one before it ends."""
        self._end_progress()
        if self._quiet:
            return None
        from tidegate.training.progress import Progress

        self._progress = Progress(epochs)
        return self._progress.__enter__()

    def note(self, sentence: str) -> None:
        """Show one sentence."""
        if not self._quiet:
            self._errors.print(f"· {sentence}", markup=False)

    def verdict(self, result: BacktestResult) -> None:
        """Show the notes and the verdict."""
        self._end_progress()
        for note in result.notes:
            self.note(note.sentence(self._lang))
        self._out.print(verdict_line(result.verdict.sentence(self._lang)))

    def _end_progress(self) -> None:
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
            self._progress = None

    def _warn(self, message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        """Show a warning of ours as a note, and others as Python does."""
        if issubclass(category, TidegateWarning):
            self._end_progress()
            self.note(str(message))
        else:
            self._usual(message, category, *place, **more)

    def finished(self, run: Run) -> None:
        """Show the first rows of the forecast, the table of errors and where the report is."""
        self._end_progress()
        if not self._quiet:
            if run.forecast is not None:
                say, first = words(_PACKAGE, self._lang), run.forecast.head(_ROWS)
                model = say["terminal.refitted" if run.result.refitted else "terminal.judged"]
                title = say["terminal.forecast"].format(shown=len(first), rows=f"{len(run.forecast):,}", model=model)
                self._out.print(title, markup=False)
                self._out.print(frame_table(first))
            self._out.print(_error_table(run.result, self._lang))
        self._out.print(f"report: {run.report}", markup=False, soft_wrap=True)


def _error_table(result: BacktestResult, lang: str) -> Table:
    from tidegate.forecasting.evaluation.scores import scored_targets, target_scores, target_words

    say = words(_PACKAGE, lang)
    groups = {target_words(name, lang): target_scores(result, name, lang, _METRICS) for name in scored_targets(result)}
    title = say["terminal"].format(windows=result.windows)
    return score_table(title, groups, lang, group=say["target_column"])
