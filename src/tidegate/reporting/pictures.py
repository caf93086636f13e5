"""From a function that draws a figure to a PNG file, or to an element of a page in the page's own fonts and colours."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeAlias

from matplotlib.figure import Figure

from tidegate.reporting.fonts import LATIN, chinese_font
from tidegate.reporting.plotting import LIGHT, Style, drawing
from tidegate.reporting.rendering import svg

DOTS = 132
Drawer: TypeAlias = Callable[[Style, str], Figure]
"""Draws in a style and a language."""


def figure_language(lang: str) -> str:
    """The language in which PNG figures can be labelled: English where no font has Chinese characters."""
    return "en" if lang == "zh" and chinese_font() is None else lang


def draw(drawer: Drawer, *, style: Style = LIGHT, lang: str = "en") -> Figure:
    """The figure itself. Render it with `png`, or within `plotting.drawing(style)`."""
    with drawing(style):
        return drawer(style, figure_language(lang))


def png(drawer: Drawer, *, style: Style = LIGHT, lang: str = "en") -> bytes:
    """A figure as a PNG of few colours, a third of the size and no different to the eye."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    with drawing(style):
        figure = drawer(style, figure_language(lang))
        figure.set_dpi(DOTS)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    packed = io.BytesIO()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba())).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(packed, format="png", optimize=True)
    return packed.getvalue()


def page_svg(drawer: Drawer, name: str, *, lang: str = "en", label: str = "") -> str:
    """A figure as an <svg> element of a page that has the font and, as in `page_colours`, the colours.

    Args:
        drawer: draws it.
        name: unlike those of the page's other figures.
        lang: "en" or "zh"; the browser has the characters.
        label: what it shows, for those who cannot see it.
    """
    with drawing(LIGHT, [LATIN]):
        colours = {value: f"var(--{key})" for key, value in page_colours(LIGHT).items()}
        return svg(drawer(LIGHT, lang), name, label, colours)


def page_colours(style: Style) -> dict[str, str]:
    """The colours of figures in a page by their names there."""
    own = {name: getattr(style, name) for name in ("paper", "ink", "truth", "faint", "grid", "network", "naive")}
    own |= {f"other{number}": colour for number, colour in enumerate(style.others)}
    own |= {name: style.parts[name] for name in ("validation", "test")}
    return {f"figure-{name}": colour for name, colour in own.items()}
