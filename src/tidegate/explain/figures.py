"""Figures of what happens inside of a model; each is drawn from a frame alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from tidegate.errors import DataError
from tidegate.explain.looking import ALL, GRADIENT, OCCLUSION
from tidegate.explain.watching import ATTENTION
from tidegate.reporting.formats import number_text
from tidegate.reporting.pictures import draw
from tidegate.reporting.plotting import Style, end_labels, key, panels, tame
from tidegate.words import words

MOST_LINES = 4
MOST_BARS = 20
MOST_HEADS = 4
_PACKAGE = "tidegate.explain"
_SMALLEST = 1e-30  # of a gradient that is drawn


def draw_activations(frame: pd.DataFrame, layer: str, *, lang: str = "en") -> Figure:
    """Draw one layer of `activations`: a heat map of each gate, state and head over time.

    Args:
        frame: what `activations` returned, or a part of it.
        layer: one of its layers.
        lang: "en" or "zh".

    Raises:
        DataError: there is no such layer; the message lists those there are.
    """
    return draw(partial(layer_figure, *quantities_of(frame, layer), {}), lang=lang)


def draw_lookback(frame: pd.DataFrame, *, lang: str = "en") -> Figure:
    """Draw what `lookback` returned: gradient and occlusion by lag, of all columns and of those that matter most."""
    return draw(partial(lookback_figure, frame), lang=lang)


def draw_importance(frame: pd.DataFrame, *, lang: str = "en") -> Figure:
    """Draw what `importance` returned: each column's error beside that without permutation."""
    return draw(partial(importance_figure, frame), lang=lang)


def draw_gradient_norms(frame: pd.DataFrame, *, lang: str = "en") -> Figure:
    """Draw what `gradient_norms` returned: the norm at each distance relative to that at 0, on a logarithmic scale."""
    return draw(partial(gradient_figure, frame), lang=lang)


def quantities_of(frame: pd.DataFrame, layer: str) -> tuple[str, dict[str, np.ndarray]]:
    """Return a layer's name and its quantities (steps, units), in the order in which the frame has them."""
    own = frame[frame["layer"] == layer]
    if own.empty:
        known = ", ".join(map(str, frame["layer"].unique()))
        raise DataError(f"there is no layer {layer!r}; the layers are {known}")
    found = {}
    for quantity, rows in own.groupby("quantity", sort=False):
        shape = int(rows["step"].max()) + 1, int(rows["unit"].max()) + 1
        found[str(quantity)] = rows["value"].to_numpy().reshape(shape)
    return layer, found


def layer_figure(
    layer: str, quantities: Mapping[str, np.ndarray], shown: Mapping[str, np.ndarray], style: Style, lang: str
) -> Figure:
    """Draw heat maps of a layer under the input.

    Args:
        layer: its name.
        quantities: (steps, units) each; weights of attention (steps, steps attended to).
        shown: columns of the input (T,), the newest step last; none where empty.
        style: colours.
        lang: "en" or "zh".
    """
    say = words(_PACKAGE, lang)
    heads = [name for name in quantities if name.partition("_")[0] == ATTENTION]
    maps = [name for name in quantities if name not in heads] + heads[:MOST_HEADS]
    heights = [1.2] * bool(shown) + [2.2 if name in heads and len(quantities[name]) > 1 else 1.2 for name in maps]
    title = say["figure.layer"].format(layer=layer)
    grid = {"height_ratios": heights, "width_ratios": (1, 0.012)}
    figure, axes = panels(len(heights), title, columns=2, height=sum(heights) / len(heights) + 0.15, gridspec_kw=grid)
    column, bars = list(axes[:, 0]), list(axes[:, 1])
    if shown:
        bars.pop(0).set_visible(False)
        _input(column.pop(0), shown, max(len(quantities[name]) for name in maps), style, say["figure.standardised"])
    for ax, bar, name in zip(column, bars, maps, strict=True):
        _heat(ax, bar, quantities[name], attention=name in heads)
        ax.set_title(_words_of(name, lang), loc="left", fontsize=10, color=style.faint)
        ax.set_ylabel(say["figure.attended" if name in heads else "figure.unit"])
    column[-1].set_xlabel(say["figure.before"])
    return figure


def _words_of(quantity: str, lang: str) -> str:
    base, _, number = quantity.partition("_")
    text = words(_PACKAGE, lang).get(f"quantity.{base}", quantity)
    return f"{text} {int(number) + 1}" if base == ATTENTION and number else text


def _input(ax: Axes, shown: Mapping[str, np.ndarray], steps: int, style: Style, standardised: str) -> None:
    """Draw the columns of the input, on one scale where there are several."""
    colours = (style.ink, style.network, style.naive, *style.others)
    chosen = list(shown.items())[:MOST_LINES]
    for (_, values), colour in zip(chosen, colours, strict=False):
        drawn = tame(values[-steps:])
        if len(chosen) > 1:
            spread = np.nanstd(drawn)
            drawn = (drawn - np.nanmean(drawn)) / (spread if spread > 0 else 1.0)
        ax.plot(np.arange(-len(drawn), 0), drawn, color=colour, linewidth=1.2)
    ax.set_xlim(-steps - 0.5, -0.5)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    if len(chosen) > 1:
        ax.set_ylabel(standardised)
    key(ax, [(name, colour) for (name, _), colour in zip(chosen, colours, strict=False)])


def _heat(ax: Axes, bar: Axes, values: np.ndarray, *, attention: bool) -> None:
    """Draw values (steps, rows) as colours, from 0 to 1 where they are shares, else around 0; `bar` says which."""
    values = tame(values)
    finite = values[np.isfinite(values)]
    share = bool(len(finite)) and finite.min() >= 0 and finite.max() <= 1
    largest = float(np.abs(finite).max()) if len(finite) and np.abs(finite).max() > 0 else 1.0
    # Of the first steps, which have few others to attend to, the weights are large: they would hide the rest.
    top = float(np.quantile(finite[finite > 0], 0.95)) if attention and (finite > 0).any() else largest
    top = 1.0 if share and not attention else top
    steps, rows = values.shape
    extent = (-steps - 0.5, -0.5, *((-rows - 0.5, -0.5) if attention else (rows - 0.5, -0.5)))
    image = ax.imshow(
        values.T, aspect="auto", interpolation="none", origin="lower" if attention else "upper", extent=extent,
        cmap="viridis" if share else "RdBu_r", vmin=0.0 if share else -top, vmax=top,
    )  # fmt: skip
    ax.grid(visible=False)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    low, high = (0.0 if share else -top), top
    shades = np.linspace(low, high, 64)[:, None]
    bar.imshow(shades, aspect="auto", interpolation="none", origin="lower", extent=(0, 1, low, high), cmap=image.cmap)
    bar.grid(visible=False)
    bar.yaxis.tick_right()
    bar.yaxis.set_major_locator(MaxNLocator(3))
    bar.set_xticks([])
    for spine in (*ax.spines.values(), *bar.spines.values()):
        spine.set_visible(False)


def lookback_figure(frame: pd.DataFrame, style: Style, lang: str) -> Figure:
    """Draw gradient and occlusion by lag, the newest step at the right."""
    say = words(_PACKAGE, lang)
    figure, axes = panels(2, say["figure.lookback"], height=2.3, sharex=True)
    chosen = _leading_columns(frame)
    colours = (style.ink, style.network, style.naive, *style.others)
    for ax, measure in zip(axes[:, 0], (GRADIENT, OCCLUSION), strict=True):
        for column, colour in zip(chosen, colours, strict=False):
            rows = frame[(frame["measure"] == measure) & (frame["column"] == column)]
            marker = "o" if len(rows) < 3 else None
            ax.plot(-rows["lag"], tame(rows["value"]), color=colour, linewidth=1.2, marker=marker, markersize=4)
        ax.set_title(say[f"measure.{measure}"], loc="left", fontsize=10, color=style.faint)
        ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes[-1, 0].set_xlabel(say["figure.before"])
    named = [
        (say["all_columns"] if column == ALL else column, colour)
        for column, colour in zip(chosen, colours, strict=False)
    ]
    key(axes[0, 0], named)
    return figure


def _leading_columns(frame: pd.DataFrame) -> list[str]:
    """Return all columns together, then those that answers depend on most; of one column its name alone."""
    gradients = frame[(frame["measure"] == GRADIENT) & (frame["column"] != ALL)]
    order = gradients.groupby("column", sort=False)["value"].sum().sort_values(ascending=False, kind="stable").index
    return list(order) if len(order) == 1 else [ALL, *order[:MOST_LINES]]


def importance_figure(frame: pd.DataFrame, style: Style, lang: str) -> Figure:
    """Draw the error with each column permuted, most important first, beside that without."""
    say = words(_PACKAGE, lang)
    rows = frame.head(MOST_BARS).iloc[::-1]
    figure, axes = panels(1, say["figure.importance"], height=0.9 + 0.32 * len(rows))
    ax = axes[0, 0]
    places = np.arange(len(rows))
    error = float(frame["error"].iloc[0])
    ax.barh(places, tame(rows["permuted"] - error), left=error, height=0.6, color=style.network)
    ax.errorbar(
        tame(rows["permuted"]), places, xerr=tame(rows["spread"]), fmt="none", ecolor=style.ink, elinewidth=1, capsize=3
    )
    ax.axvline(error, color=style.naive, linewidth=1.2)
    ax.set_yticks(places, [str(name) for name in rows["column"]])
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")
    ax.use_sticky_edges = False  # the line without permutation shall not lie on the axis
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_xlabel(say["figure.error"].format(metric=frame.attrs.get("metric", "MAE")))
    key(ax, [(say["figure.whole"].format(error=number_text(error)), style.naive)])
    return figure


def gradient_figure(frame: pd.DataFrame, style: Style, lang: str) -> Figure:
    """Draw the norms relative to the newest step's; those that are 0 are not drawn."""
    say = words(_PACKAGE, lang)
    figure, axes = panels(1, say["figure.gradients"], height=3.6)
    ax = axes[0, 0]
    colours = (style.network, style.naive, *style.others, style.ink, style.truth, style.faint)
    ends: list[tuple[float, str, str]] = []
    for number, (layer, rows) in enumerate(frame.groupby("layer", sort=False)):
        colour, line = colours[number % len(colours)], ("-", "--", ":")[number // len(colours) % 3]
        relative = tame(rows["relative"])
        relative = np.where(relative > _SMALLEST, relative, np.nan)
        ax.plot(rows["distance"], relative, color=colour, linestyle=line, linewidth=1.4)
        known = relative[np.isfinite(relative)]
        ends.append((float(known[-1]) if len(known) else 1.0, str(layer), colour))
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(numticks=7))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(say["figure.distance"])
    ax.set_ylabel(say["figure.relative"])
    _name_ends(ax, float(frame["distance"].max()), ends)
    return figure


def _name_ends(ax: Axes, x: float, ends: Sequence[tuple[float, str, str]]) -> None:
    """Put names at the ends of lines of a logarithmic axis: as places of the axes, which are linear."""
    low, high = np.log10(ax.get_ylim())
    twin = ax.twinx()
    twin.set_ylim(low, high)
    twin.set_yticks([])
    twin.grid(visible=False)
    end_labels(twin, x, [(float(np.log10(y)), text, colour) for y, text, colour in ends])
    for spine in twin.spines.values():
        spine.set_visible(False)
