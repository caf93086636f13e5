"""The HTML shell: a report as one file that holds everything it shows and needs no network."""

from __future__ import annotations

from pathlib import Path

from tidegate import __version__
from tidegate.reporting.formats import unbroken
from tidegate.reporting.pictures import page_colours
from tidegate.reporting.plotting import DARK, LIGHT
from tidegate.reporting.report import Report
from tidegate.words import words

_TEMPLATE = "report.html.jinja"
_LANGUAGE_TAGS = {"en": "en", "zh": "zh-CN"}
_SIGNS = {"good": "✓", "bad": "✗", "even": "≈", "plain": ""}


def to_html(report: Report) -> str:
    """The page. Every text is escaped; the figures are drawn by the browser, in the reader's light or dark theme."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    say = words("tidegate.reporting", report.lang)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.get_template(_TEMPLATE).render(
        report=report,
        html_lang=_LANGUAGE_TAGS[report.lang],
        verdict=unbroken(report.verdict),
        sign=_SIGNS[report.tone],
        best=say["best"],
        colours={theme.name: page_colours(theme) for theme in (LIGHT, DARK)},
        footer=say["made_by"].format(version=__version__),
    )
