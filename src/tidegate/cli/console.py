"""What the commands show: a live progress line, notes, the verdict and its table."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console as RichConsole
from rich.table import Table

from tidegate.reporting.terminal import score_table, verdict_line
from tidegate.words import words

if TYPE_CHECKING:
    from tidegate.forecasting.evaluation.result import BacktestResult
    from tidegate.training.progress import Progress

_METRICS = ("mae", "rmse", "mape", "mase", "r2")


class Console:
    """Progress and notes on standard error, results on standard output."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._progress: Progress | None = None
        self._errors = RichConsole(stderr=True, highlight=False)

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.__exit__(kind, value, traceback)
            self._progress = None

    def progress(self, epochs: int) -> Progress | None:
        """Start the line that shows how training goes, unless quiet."""
        if self._quiet:
            return None
        from tidegate.training.progress import Progress

        self._progress = Progress(epochs)
        return self._progress.__enter__()

    def note(self, sentence: str) -> None:
        """Show one sentence."""
        if not self._quiet:
            self._errors.print(f"· {sentence}", markup=False)

    def result(self, result: BacktestResult, report: Path, lang: str) -> None:
        """Show the verdict, the table of errors and where the report is."""
        self.__exit__(None, None, None)
        for note in result.notes:
            self.note(note.sentence(lang))
        out = RichConsole(highlight=False)
        out.print(verdict_line(result.verdict.sentence(lang)))
        if not self._quiet:
            out.print(_error_table(result, lang))
        out.print(f"report: {report}", markup=False, soft_wrap=True)


def _error_table(result: BacktestResult, lang: str) -> Table:
    from tidegate.forecasting.evaluation.scores import scored_targets, target_scores, target_words

    say = words("tidegate.forecasting.evaluation", lang)
    groups = {target_words(name, lang): target_scores(result, name, lang, _METRICS) for name in scored_targets(result)}
    title = say["terminal"].format(windows=result.windows)
    return score_table(title, groups, lang, group=say["target_column"])
