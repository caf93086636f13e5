"""What the reports of all tasks have in common: methods beside one another, the split, training, settings, notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from tidegate.reporting.figures import loss_by_epoch
from tidegate.reporting.formats import setting_text, time_text
from tidegate.reporting.pictures import figure_language, page_svg
from tidegate.reporting.report import (
    Block,
    Heading,
    Listing,
    Paragraph,
    Picture,
    Row,
    Section,
    SettingList,
    Table,
    TableCell,
)
from tidegate.reporting.scores import Scores
from tidegate.words import words

_PACKAGE = "tidegate.reporting"


def score_table(scores: Scores, lang: str, *, label: str, caption: str = "", repeats: bool = False) -> Table:
    """Methods beside one another, the trained one's row and the best of each column marked."""
    columns = [(metric.texts, metric.best) for metric in scores.metrics]
    rows = [
        Row(name, [TableCell(texts[method], method in best) for texts, best in columns], own=method == scores.method)
        for method, name in scores.names.items()
    ]
    headings = [words(_PACKAGE, lang)["method"], *(metric.heading for metric in scores.metrics)]
    return Table(label, headings, rows, caption, repeats)


def split(
    parts: Iterable[tuple[str, object, object, int]], lang: str, *, sentence: str, more: Sequence[Block] = ()
) -> Section:
    """How the data were split.

    Args:
        parts: one row per part: "train", "validation" or "test", its start and end, how many rows.
        lang: "en" or "zh".
        sentence: what each part was for.
        more: what is told of the data after that.
    """
    say = words(_PACKAGE, lang)
    rows = [
        Row(
            say.get(f"part.{part}", part),
            [TableCell(time_text(start)), TableCell(time_text(end)), TableCell(f"{count:,}")],
        )
        for part, start, end, count in parts
    ]
    table = Table(say["data"], [say[name] for name in ("part", "from", "to", "rows")], rows)
    return Section(say["data"], [Paragraph(sentence), table, *more])


def notes(sentences: Iterable[str], lang: str) -> list[Block]:
    """What was inferred or left out, and that no font for the figures was found; nothing where there is nothing."""
    say = words(_PACKAGE, lang)
    said = [*sentences]
    if figure_language(lang) != lang:
        said.append(say["no_chinese_font"])
    return [Heading(say["notes"]), Listing(said)] if said else []


def training(history: pd.DataFrame, best_epoch: int | None, lang: str) -> Section:
    """Loss by epoch; see `figures.loss_by_epoch`. Empty without history."""
    say = words(_PACKAGE, lang)
    if history.empty:
        return Section(say["training"], [])
    svg = page_svg(partial(loss_by_epoch, history, best_epoch), "loss", lang=lang, label=say["alt.loss"])
    return Section(say["training"], [Picture(svg, say["caption.loss"])])


def settings(values: Mapping[str, Any], lang: str) -> Section:
    """Every setting, as used. Empty without settings."""
    items = [(name, setting_text(value)) for name, value in values.items()]
    return Section(words(_PACKAGE, lang)["settings"], [SettingList(items)] if items else [])


def reading(sentences: Sequence[str], lang: str) -> Section:
    """How to read the report, one sentence per item."""
    return Section(words(_PACKAGE, lang)["reading"], [Listing(sentences)])
