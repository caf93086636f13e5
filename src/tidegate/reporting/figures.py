"""Figures that every task's report has."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from tidegate.reporting.plotting import Style, key, panels, tame
from tidegate.words import words


def loss_by_epoch(history: pd.DataFrame, best_epoch: int | None, style: Style, lang: str) -> Figure:
    """Training and validation loss, and the epoch whose weights were kept.

    Args:
        history: one row per epoch: epoch, loss, and validation_loss where there was a validation part.
        best_epoch: the epoch to mark.
        style: colours.
        lang: "en" or "zh".
    """
    say = words("tidegate.reporting", lang)
    figure, axes = panels(1, say["figure.loss"], height=3.2)
    ax = axes[0, 0]
    curves = [("loss", say["part.train"], style.network), ("validation_loss", say["part.validation"], style.naive)]
    curves = [curve for curve in curves if curve[0] in history and history[curve[0]].notna().any()]
    _scale(ax, tame(history[[column for column, _, _ in curves]]))
    marker = "o" if len(history) < 3 else None
    for column, _, colour in curves:
        ax.plot(history["epoch"], tame(history[column]), color=colour, marker=marker, markersize=4)
    if best_epoch is not None:
        _mark(ax, best_epoch, say["figure.best_epoch"].format(epoch=best_epoch), history["epoch"].max(), style)
    ax.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    ax.set_xlabel(say["epoch"])
    ax.set_ylabel(say["loss"])
    key(ax, [(text, colour) for _, text, colour in curves])
    return figure


def _scale(ax: Axes, values: np.ndarray) -> None:
    """Logarithmic where the loss falls far."""
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 20 * values.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())


def _mark(ax: Axes, epoch: int, note: str, last: int, style: Style) -> None:
    """A dashed line at an epoch, with words on the side that has room."""
    ax.axvline(epoch, color=style.faint, linewidth=0.8, linestyle=(0, (4, 3)))
    left = epoch < 0.75 * last
    ax.annotate(
        note, (epoch, 1), (4 if left else -4, -3), xycoords=("data", "axes fraction"),
        textcoords="offset points", color=style.faint, va="top", ha="left" if left else "right",
    )  # fmt: skip
