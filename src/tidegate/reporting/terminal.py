"""A result on the terminal: its verdict as one line, and methods beside one another."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from rich.table import Table
from rich.text import Text

from tidegate.reporting.formats import list_texts, time_texts
from tidegate.reporting.scores import Scores
from tidegate.words import words


def verdict_line(sentence: str) -> Text:
    """The verdict, to be printed first."""
    return Text(sentence, style="bold")


def score_table(title: str, groups: Mapping[str, Scores], lang: str, *, group: str = "") -> Table:
    """Methods beside one another, the trained one's row in bold.

    Args:
        title: stands above.
        groups: name -> scores by the same metrics, such as one per target; at least one.
        lang: "en" or "zh".
        group: heading of the groups' names, shown where there are several groups.
    """
    several = len(groups) > 1
    table = Table(title=Text(title), title_justify="left")
    for heading in ([group] if several else []) + [words("tidegate.reporting", lang)["method"]]:
        table.add_column(Text(heading))
    for metric in next(iter(groups.values())).metrics:
        table.add_column(Text(metric.heading), justify="right")
    for name, scores in groups.items():
        columns = [metric.texts for metric in scores.metrics]
        for method, shown in scores.names.items():
            cells = [*([name] if several else []), shown, *(texts[method] for texts in columns)]
            table.add_row(*map(Text, cells), style="bold" if method == scores.method else None)
    return table


def frame_table(frame: pd.DataFrame) -> Table:
    """Rows of a frame, its numbers to three digits; see `formats.column_texts`."""
    table = Table()
    columns = []
    for name in frame:
        numbers = frame[name].dtype.kind == "f"
        table.add_column(Text(str(name)), justify="right" if numbers else "left")
        texts = list_texts(frame[name]) if numbers else time_texts(frame[name])
        columns.append([Text(text) for text in texts])
    for row in zip(*columns, strict=True):
        table.add_row(*row)
    return table
