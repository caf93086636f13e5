"""What all figures share: colours for light and dark, axes of time, thinned lines, a key of coloured words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tidegate.reporting.fonts import LATIN, font_families, has_all, quiet
from tidegate.reporting.rendering import TITLE, PngCanvas

MOST_POINTS = 2000
LARGEST = 1e30
WIDTH = 9.6


@dataclass(frozen=True)
class Style:
    """Colours of a figure; those of lines are from Okabe & Ito's palette, told apart by colour-blind eyes as well."""

    name: str
    paper: str
    ink: str
    truth: str
    faint: str
    grid: str
    network: str
    naive: str
    others: tuple[str, ...]
    parts: dict[str, str] = field(hash=False)

    def colour(self, method: str, network: str, best_naive: str | None, rest: Sequence[str]) -> str:
        """The colour of a method: the network's, the best naive's, or one of the others'."""
        if method == network:
            return self.network
        return self.naive if method == best_naive else self.others[list(rest).index(method) % len(self.others)]


LIGHT = Style(
    name="light",
    paper="#ffffff",
    ink="#1f2933",
    truth="#7b8794",
    faint="#66727f",
    grid="#e6e9ed",
    network="#0072b2",
    naive="#d55e00",
    others=("#009e73", "#b6538c", "#8a6d00"),
    parts={"train": "#ffffff", "validation": "#fdf3d8", "test": "#e3f1fa"},
)
DARK = Style(
    name="dark",
    paper="#161b22",
    ink="#e6e8eb",
    truth="#8b96a3",
    faint="#9aa5b1",
    grid="#2b323b",
    network="#56b4e9",
    naive="#e69f00",
    others=("#2cc79a", "#e39ac4", "#cfc65a"),
    parts={"train": "#161b22", "validation": "#2a2718", "test": "#172a38"},
)


@contextmanager
def drawing(style: Style, fonts: Sequence[str] | None = None) -> Iterator[None]:
    """Matplotlib's settings while a figure is made and rendered; what was set before comes back."""
    settings: dict[Any, Any] = {
        "font.family": list(fonts or font_families()),
        "font.size": 10,
        "text.parse_math": False,  # a column may be called "$cost$"
        "text.color": style.ink,
        "figure.facecolor": style.paper,
        "axes.facecolor": style.paper,
        "axes.edgecolor": style.faint,
        "axes.labelcolor": style.faint,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "grid.color": style.grid,
        "grid.linewidth": 0.8,
        "xtick.color": style.faint,
        "ytick.color": style.faint,
        "ytick.major.size": 0,
        "xtick.major.size": 3,
        "lines.linewidth": 1.5,
        "lines.solid_capstyle": "round",
    }
    with matplotlib.rc_context(settings), quiet():
        yield


def panels(
    rows: int, title: str, *, columns: int = 1, height: float = 2.6, **options: Any
) -> tuple[Figure, np.ndarray]:
    """A figure of its own (no pyplot, nothing global) with a bold title and rows × columns axes."""
    figure = Figure(figsize=(WIDTH, height * rows + 0.7), layout="constrained")
    PngCanvas(figure)
    # Chinese fonts seldom have a bold face, and asking for it makes matplotlib complain
    bold = {"fontweight": "bold", "fontfamily": LATIN} if has_all(LATIN, title) else {}
    figure.suptitle(title, x=0.012, ha="left", fontsize=12, gid=TITLE, **bold)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def thin(x: np.ndarray, y: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` points that draw the same line: the lowest and the highest of each stretch, and its gaps."""
    if len(y) <= most:
        return x, y
    stretches = most // 2
    size = -(-len(y) // stretches)
    padded = np.full(stretches * size, np.nan)
    padded[: len(y)] = y
    padded = padded.reshape(stretches, size)
    low = np.where(np.isnan(padded), np.inf, padded).argmin(axis=1)
    high = np.where(np.isnan(padded), -np.inf, padded).argmax(axis=1)
    keep = np.sort(np.stack([low, high], axis=1), axis=1) + np.arange(stretches)[:, None] * size
    keep = np.unique(keep[keep < len(y)])
    return x[keep], y[keep]


def tame(values: Any) -> np.ndarray:
    """Values as floats that can be drawn: those of a network that diverged beyond all bounds are left out."""
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(values) < LARGEST, values, np.nan)


def line(ax: Axes, x: np.ndarray, y: np.ndarray, **options: Any) -> None:
    """A thinned line."""
    ax.plot(*thin(x, tame(y)), **options)


def time_axis(ax: Axes, times: np.ndarray, lang: str) -> None:
    """Ticks for dates where times are dates, short and without repetition."""
    ax.margins(x=0.01)
    if not np.issubdtype(times.dtype, np.datetime64):
        ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        return
    locator = AutoDateLocator(minticks=4, maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, **(_CHINESE_DATES if lang == "zh" else {})))


_CHINESE_DATES: dict[str, Any] = {
    "formats": ["%Y年", "%m月", "%d日", "%H:%M", "%H:%M", "%S.%f"],
    "zero_formats": ["", "%Y年", "%m月", "%m月%d日", "%H:%M", "%H:%M"],
    "offset_formats": ["", "%Y年", "%Y年%m月", "%Y年%m月%d日", "%Y年%m月%d日", "%Y年%m月%d日 %H:%M"],
}


def key(ax: Axes, entries: Sequence[tuple[str, str]]) -> None:
    """Coloured words above the axes, one per line drawn: (words, colour)."""
    handles = [Line2D([], [], color=colour, linewidth=2) for _, colour in entries]
    ax.legend(
        handles,
        [text for text, _ in entries],
        loc="lower right",
        bbox_to_anchor=(1.0, 0.995),
        ncols=len(entries),
        frameon=False,
        labelcolor=[colour for _, colour in entries],
        handlelength=1.0,
        handletextpad=0.5,
        columnspacing=1.4,
        borderpad=0,
        borderaxespad=0.2,
    )


def end_labels(ax: Axes, x: float, labels: Sequence[tuple[float, str, str]]) -> None:
    """Words at the right end of lines, (y, words, colour): each as near its line as the others leave room for.

    Where words cannot stand at the end of their line, a thin line leads to them.
    """
    from sklearn.isotonic import isotonic_regression

    low, high = ax.get_ylim()
    gap = 0.1 * (high - low)
    ordered = sorted((min(max(y, low), high), text, colour) for y, text, colour in labels)
    if not ordered:
        return
    ends, room = np.array([y for y, _, _ in ordered]), gap * np.arange(len(ordered))
    places = isotonic_regression(ends - room) + room  # the least squares of all that keep the gap
    places += max(low - places[0], 0.0) - max(places[-1] - high, 0.0)
    for (y, text, colour), place in zip(ordered, places, strict=True):
        lead = {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 2, "relpos": (0, 0.5)}
        ax.annotate(
            text, (x, y), (1.02, place), textcoords=("axes fraction", "data"), color=colour, va="center",
            annotation_clip=False, arrowprops=lead if abs(place - y) > 0.2 * gap else None,
        )  # fmt: skip


def said(ax: Axes, sentence: str, style: Style) -> None:
    """A sentence in place of a drawing that there is too little for."""
    ax.text(0.5, 0.5, sentence, transform=ax.transAxes, ha="center", va="center", color=style.faint, fontsize=9)
    ax.set(xticks=[], yticks=[])
