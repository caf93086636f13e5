"""A report as plain data: what any task says of itself, to be written by `html.to_html` in one look.

Every text is already in the report's language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Tone = Literal["good", "bad", "even", "plain"]


@dataclass(frozen=True)
class Heading:
    """Words above a part of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Sentences; quiet ones are small print."""

    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Listing:
    """One line per item."""

    entries: Sequence[str]


@dataclass(frozen=True)
class TableCell:
    """A value in a table, marked where it is the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a table; `own` is the one that the report is about."""

    name: str
    cells: Sequence[TableCell]
    own: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of named values.

    Attributes:
        label: what it is, for those who cannot see it.
        columns: a heading for the rows' names, then one per value.
        rows: each with a value per column.
        caption: words above it; none where empty.
        repeats: the caption was seen above another table, so it is for those alone who cannot see that.
    """

    label: str
    columns: Sequence[str]
    rows: Sequence[Row]
    caption: str = ""
    repeats: bool = False

    @property
    def marked(self) -> bool:
        """Whether any value is the best of its column; such a table leaves room for the mark."""
        return any(cell.best for row in self.rows for cell in row.cells)


@dataclass(frozen=True)
class Picture:
    """A figure as `pictures.page_svg` draws it, and the words below it.

    Attributes:
        svg: the figure.
        caption: the words.
        end_first: whether a page that is too narrow for it shows its end, and its beginning only when it is moved.
    """

    svg: str
    caption: str = ""
    end_first: bool = False


@dataclass(frozen=True)
class SettingList:
    """Names of settings and their values."""

    entries: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Details:
    """Blocks behind a line that opens them."""

    summary: str
    blocks: Sequence[Block]


Block: TypeAlias = Heading | Paragraph | Listing | Table | Picture | SettingList | Details


@dataclass(frozen=True)
class Section:
    """Blocks below a heading."""

    heading: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """An honest report: whether the method beats the naive ones is its first line, whatever the answer.

    Attributes:
        lang: "en" or "zh".
        title: of the browser's window.
        verdict: one sentence.
        tone: "good" where the method is worth its cost, "bad" where it is not, "even" where nobody can tell;
            "plain" where nothing is judged.
        lead: what the verdict rests on.
        sections: in order; empty ones are left out.
    """

    lang: str
    title: str
    verdict: str
    tone: Tone
    lead: str
    sections: Sequence[Section] = field(default_factory=tuple)
