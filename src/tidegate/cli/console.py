"""What the commands show: a live progress line, notes, the verdict and its table."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console as RichConsole
from rich.table import Table

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
        for sentence in result.notes:
            self.note(sentence)
        out = RichConsole(highlight=False)
        out.print(result.verdict.sentence(lang), style="bold", markup=False)
        if not self._quiet:
            out.print(_table(result))
        out.print(f"report: {report}", markup=False, soft_wrap=True)


def _table(result: BacktestResult) -> Table:
    errors = result.errors
    overall = errors[errors["step"] == "all"]
    several = len(result.targets) > 1
    table = Table(title=f"{result.windows} test windows, all steps", title_justify="left")
    for name in (["target"] if several else []) + ["method"]:
        table.add_column(name)
    for name in _METRICS:
        table.add_column(name.upper(), justify="right")
    for row in overall.to_dict("records"):
        cells = ([row["target"]] if several else []) + [row["method"]]
        style = "bold" if row["method"] == result.method else None
        table.add_row(*cells, *(_number(row[name]) for name in _METRICS), style=style)
    return table


def _number(value: float) -> str:
    return "–" if value != value else f"{value:,.4g}"
