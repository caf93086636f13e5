"""From a figure to a file: PNG in the fonts of this machine, SVG whose text the reader's browser draws in its own."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure

from tidegate.reporting.fonts import LATIN, drawable, readable

TITLE = "title"  # the gid of a figure's title, a class in the SVG
_WIDE = "—"  # one em wide, as Chinese characters are in every font
_POINTS = 72
_SPACE = "{http://www.w3.org/2000/svg}"
_IMAGE = "data:image/png;"
_LINK = "{http://www.w3.org/1999/xlink}href"


class _PngRenderer(RendererAgg):
    """Draws no character that the fonts lack, which would be a box and a warning."""

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> Any:
        return super().get_text_width_height_descent(drawable(s), prop, ismath)

    def draw_text(self, gc: Any, x: Any, y: Any, s: str, *args: Any, **options: Any) -> None:
        super().draw_text(gc, x, y, drawable(s), *args, **options)


class PngCanvas(FigureCanvasAgg):
    """Matplotlib's, with the renderer above."""

    def get_renderer(self) -> Any:
        """The renderer for the figure's present size."""
        key = *self.figure.bbox.size, self.figure.dpi
        if getattr(self, "_size", None) != key:
            self._size, self.renderer = key, _PngRenderer(*key)
        return self.renderer


class _SvgRenderer(RendererSVG):
    """Measures text without the fonts of this machine: a character that DejaVu lacks counts as one em.

    DejaVu is wider than the fonts of browsers, so that what fits here fits there.
    """

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> Any:
        text = drawable(s, [LATIN])
        wide = "".join(_WIDE if new != old else new for new, old in zip(text, readable(s), strict=True))
        width, height, descent = super().get_text_width_height_descent(wide, prop, ismath)
        size = prop.get_size() if _WIDE in wide else 0  # a dash is as wide as those characters, but not as high
        return width, max(height, 1.1 * size), max(descent, 0.2 * size)

    def draw_text(self, gc: Any, x: Any, y: Any, s: str, *args: Any, **options: Any) -> None:
        super().draw_text(gc, x, y, readable(s), *args, **options)


class _SvgCanvas(FigureCanvasAgg):
    """What a layout asks for the sizes of texts."""

    def get_renderer(self) -> Any:
        width, height = self.figure.get_size_inches() * _POINTS
        return _SvgRenderer(width, height, io.StringIO())


def svg(figure: Figure, name: str, label: str, colours: dict[str, str]) -> str:
    """A figure as an <svg> element to stand in a page, whose font and colours it takes.

    Args:
        figure: what to draw; used up by this.
        name: unlike those of the page's other figures.
        label: what it shows, for those who cannot see it.
        colours: the CSS value to put for each colour, "#rrggbb".
    """
    canvas = _SvgCanvas(figure)
    figure.dpi = _POINTS
    file = io.StringIO()
    width, height = figure.get_size_inches() * _POINTS
    renderer = _SvgRenderer(width, height, file)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tidegate"}):
        canvas.figure.draw(renderer)
        renderer.finalize()
    root = ElementTree.fromstring(file.getvalue().encode())
    for part in list(root):
        if part.tag == _SPACE + "metadata":
            root.remove(part)
    for parent in root.iter():
        for part in [part for part in parent if part.tag == _SPACE + "style"]:
            parent.remove(part)
    for part in root.iter():
        part.tag = part.tag.removeprefix(_SPACE)
        part.attrib = _attributes(part, name, colours)
        if part.tag == "image":  # a heat map's numbers shall not run into one another
            part.attrib["style"] = "image-rendering: pixelated"
        part.tail = None
        if part.tag != "text":
            part.text = None
    root.attrib = {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "aria-label": label}
    return ElementTree.tostring(root, encoding="unicode")


def _attributes(part: ElementTree.Element, name: str, colours: dict[str, str]) -> dict[str, str]:
    """An element's attributes for a page: names that are its own there, the page's font and colours, short numbers."""
    made = {}
    for key, value in part.attrib.items():
        if key == "id":
            if value == TITLE:
                made["class"] = TITLE
            elif part.tag != "g":  # those of groups are never referred to
                made["id"] = f"{name}-{value}"
        elif key == _LINK:
            made["href"] = value if value.startswith(_IMAGE) else f"#{name}-{value.removeprefix('#')}"
        elif key == "clip-path":
            made[key] = value.replace("url(#", f"url(#{name}-")
        elif key == "style":
            made[key] = _style(value, colours)
        else:
            made[key] = _short(value) if key in ("d", "x", "y", "width", "height", "transform") else value
    return made


def _style(style: str, colours: dict[str, str]) -> str:
    parts = dict(part.split(": ", 1) for part in style.split("; ") if ": " in part)
    parts.pop("font-family", None)
    font = parts.pop("font", None)  # until matplotlib 3.9: "700 12px 'DejaVu Sans'"
    if font is not None:
        weight, size = re.search(r"(?:(\d{3}) )?([\d.]+px)", font).groups()  # pyright: ignore[reportOptionalMemberAccess]
        parts |= {"font-size": size, "font-weight": weight or "400"}
    return "; ".join(f"{key}: {colours.get(value, value)}" for key, value in parts.items())


def _short(numbers: str) -> str:
    """A hundredth of a point is finer than any screen."""
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), numbers)
