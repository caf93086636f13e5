"""The figures of a report, drawn from a BacktestResult alone; each exists in a light and a dark variant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tidegate.forecasting.evaluation.baselines import method_words
from tidegate.forecasting.evaluation.error_figures import error_per_step, residuals
from tidegate.forecasting.evaluation.result import PARTS, BacktestResult
from tidegate.reporting.figures import loss_by_epoch
from tidegate.reporting.pictures import Drawer
from tidegate.reporting.plotting import Style, key, line, panels, tame, time_axis
from tidegate.words import words

MOST_PANELS = 4
MOST_WINDOWS = 8
MOST_RECENT = 60
_PACKAGE = "tidegate.forecasting.evaluation"


def figure_names(result: BacktestResult) -> list[str]:
    """Names of the figures that can be drawn, in the order of the report."""
    possible = {"loss": not result.history.empty, "ahead": not result.ahead.empty}
    return [name for name in DRAWERS if possible.get(name, True)]


def drawer(result: BacktestResult, name: str) -> Drawer:
    """What draws one figure, by name; `reporting.pictures` makes files and parts of a page of it."""
    return partial(DRAWERS[name], result)


def interval_levels(frame: pd.DataFrame, method: str) -> list[str]:
    """The levels of a method's intervals in a frame of forecasts, as its columns write them, ascending."""
    prefix = f"{method}-lo-"
    return sorted((name.removeprefix(prefix) for name in map(str, frame) if name.startswith(prefix)), key=float)


def _ahead(result: BacktestResult, style: Style, lang: str) -> Figure:
    figure, axes = _example_panels(result, words(_PACKAGE, lang)["figure.ahead"])
    method = result.method
    for ax, label, rows in axes:
        series, target = rows["unique_id"].iloc[0], rows["target"].iloc[0]
        ahead = result.ahead[(result.ahead["unique_id"] == series) & (result.ahead["target"] == target)]
        newest = rows.tail(max(MOST_RECENT, 2 * len(ahead)))
        line(ax, newest["ds"].to_numpy(), newest["y"].to_numpy(), color=style.truth, linewidth=2.2)
        ax.axvline(newest["ds"].iloc[-1], color=style.grid, linewidth=0.8, zorder=0)
        last = newest[newest["y"].notna()].tail(1)
        ax.plot(
            np.append(last["ds"].to_numpy(), ahead["ds"].to_numpy()[:1]),
            tame(np.append(last["y"].to_numpy(), ahead[method].to_numpy()[:1])),
            color=style.network, linewidth=1, linestyle=(0, (2, 2)),
        )  # fmt: skip
        times = ahead["ds"].to_numpy()
        for level in interval_levels(ahead, method):
            low, high = tame(ahead[f"{method}-lo-{level}"]), tame(ahead[f"{method}-hi-{level}"])
            if len(ahead) == 1:
                ax.vlines(times, low, high, color=style.network, alpha=0.3, linewidth=6)
            else:
                ax.fill_between(times, low, high, color=style.network, alpha=0.15, linewidth=0)
        marker = "o" if len(ahead) == 1 else None
        ax.plot(times, tame(ahead[method]), color=style.network, linewidth=1.8, marker=marker, markersize=4)
        _finish(ax, label, pd.concat([newest[["ds"]], ahead[["ds"]]]), lang)
    return _with_key(figure, style, lang, _drawn_methods(result, style, lang, result.ahead))


def _overview(result: BacktestResult, style: Style, lang: str) -> Figure:
    say = words(_PACKAGE, lang)
    figure, axes = _example_panels(result, say["figure.overview"])
    for position, (ax, label, rows) in enumerate(axes):
        _shade_parts(ax, rows, style, lang if position == 0 else None)
        line(ax, rows["ds"].to_numpy(), rows["y"].to_numpy(), color=style.ink, linewidth=1)
        _finish(ax, label, rows, lang)
    return figure


def _forecast(result: BacktestResult, style: Style, lang: str) -> Figure:
    say = words(_PACKAGE, lang)
    figure, axes = _example_panels(result, say["figure.forecast"])
    drawn = _drawn_methods(result, style, lang, result.examples)
    for position, (ax, label, rows) in enumerate(axes):
        times = rows["ds"].to_numpy()
        _shade_parts(ax, rows, style, lang if position == 0 else None)
        line(ax, times, rows["y"].to_numpy(), color=style.truth, linewidth=2.2)
        for method, _, colour in reversed(drawn):
            width = 1.1 if method == result.method else 0.7
            line(ax, times, rows[method].to_numpy(), color=colour, linewidth=width)
        _finish(ax, label, rows, lang)
    return _with_key(figure, style, lang, drawn)


def _zoom(result: BacktestResult, style: Style, lang: str) -> Figure:
    say = words(_PACKAGE, lang)
    figure, axes = _example_panels(result, say["figure.zoom"])
    drawn, forecasts = _drawn_methods(result, style, lang, result.forecasts), result.forecasts_by_step
    for ax, label, rows in axes:
        windows = _last_windows(result, rows, forecasts)
        if windows.empty:
            ax.set_visible(False)
            continue
        shown = rows[(rows["ds"] >= windows["cutoff"].min()) & (rows["ds"] <= windows["ds"].max())]
        line(ax, shown["ds"].to_numpy(), shown["y"].to_numpy(), color=style.truth, linewidth=2.2)
        for cutoff, window in windows.groupby("cutoff", sort=True):
            if result.horizon > 1:
                ax.axvline(cutoff, color=style.grid, linewidth=0.8, zorder=0)  # pyright: ignore[reportArgumentType]
            _fan(ax, window, result, drawn)
        if result.horizon == 1:
            _fan(ax, windows, result, drawn)
        _finish(ax, label, shown, lang)
    return _with_key(figure, style, lang, drawn)


def _fan(ax: Axes, window: pd.DataFrame, result: BacktestResult, drawn: list[tuple[str, str, str]]) -> None:
    """The forecasts of one window, or of several windows of one step as one line; the network's intervals behind."""
    times = window["ds"].to_numpy()
    for method, _, colour in drawn:
        mine = method == result.method
        marker = "o" if len(window) == 1 else None
        ax.plot(times, tame(window[method]), color=colour, linewidth=1.8 if mine else 0.8, marker=marker, markersize=3)
        low = [column for column in window.columns if mine and column.startswith(f"{method}-lo-")]
        for column in low:
            high = tame(window[column.replace("-lo-", "-hi-")])
            ax.fill_between(times, tame(window[column]), high, color=colour, alpha=0.15, linewidth=0)


def _loss(result: BacktestResult, style: Style, lang: str) -> Figure:
    return loss_by_epoch(result.history, result.best_epoch, style, lang)


DRAWERS: dict[str, Callable[[BacktestResult, Style, str], Figure]] = {
    "ahead": _ahead,
    "overview": _overview,
    "forecast": _forecast,
    "zoom": _zoom,
    "error_per_step": error_per_step,
    "residuals": residuals,
    "loss": _loss,
}


def _example_panels(result: BacktestResult, title: str) -> tuple[Figure, list[tuple[Axes, str, pd.DataFrame]]]:
    """A figure with one row per example series and target: its axes, its label and its rows in order of time."""
    groups = result.examples.groupby(["unique_id", "target"], sort=False)
    chosen = [(name, rows.sort_values("ds", kind="stable")) for name, rows in list(groups)[:MOST_PANELS]]
    figure, axes = panels(len(chosen), title, height=3.2 if len(chosen) == 1 else 2.0)
    several = result.series > 1
    return figure, [
        (ax, f"{target} · {series}" if several else str(target), rows)
        for ax, ((series, target), rows) in zip(axes[:, 0], chosen, strict=True)  # pyright: ignore[reportGeneralTypeIssues]
    ]


def _shade_parts(ax: Axes, rows: pd.DataFrame, style: Style, lang: str | None) -> None:
    """Tint the stretch of each part; with a language, name it at the top."""
    first, last = rows["ds"].iloc[0], rows["ds"].iloc[-1]
    starts = [(part, rows.loc[rows["part"] == part, "ds"]) for part in PARTS]
    starts = [(part, times.iloc[0]) for part, times in starts if len(times)]
    ends = [start for _, start in starts[1:]] + [last]
    for (part, start), end in zip(starts, ends, strict=True):
        ax.axvspan(start, end, color=style.parts[part], linewidth=0, zorder=-1)
        name = words("tidegate.reporting", lang)[f"part.{part}"] if lang else ""
        width = 0.008 * sum(1 if char.isascii() else 2 for char in name)
        # a name too long for its part ends there, over the end of the longer part before
        fits = (end - start) > width * (last - first)
        ax.annotate(
            name, (start if fits else end, 1), (4 if fits else -4, -4), xycoords=("data", "axes fraction"),
            textcoords="offset points", color=style.faint, fontsize=9, va="top", ha="left" if fits else "right",
        )  # fmt: skip
    ax.margins(y=0.12)


def _drawn_methods(result: BacktestResult, style: Style, lang: str, frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The network and the best naive: (method, words, colour), where the frame has them."""
    drawn = [(result.method, result.method, style.network)]
    if result.best_naive:
        drawn.append((result.best_naive, method_words(result.best_naive, lang), style.naive))
    return [entry for entry in drawn if entry[0] in frame]


def _with_key(figure: Figure, style: Style, lang: str, drawn: list[tuple[str, str, str]]) -> Figure:
    key(figure.axes[0], [(words(_PACKAGE, lang)["truth"], style.truth), *((text, colour) for _, text, colour in drawn)])
    return figure


def _last_windows(result: BacktestResult, rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The last test windows of the series and target in `rows`; those of several steps do not overlap."""
    own = frame[(frame["unique_id"] == rows["unique_id"].iloc[0]) & (frame["target"] == rows["target"].iloc[0])]
    cutoffs = np.sort(own["cutoff"].unique())
    if result.horizon == 1:
        return own[own["cutoff"].isin(cutoffs[-120:])].sort_values("ds")
    chosen: list = []
    for cutoff in cutoffs[::-1]:
        end = own.loc[own["cutoff"] == cutoff, "ds"].max()
        if not chosen or end <= chosen[-1]:
            chosen.append(cutoff)
        if len(chosen) == MOST_WINDOWS:
            break
    return own[own["cutoff"].isin(chosen)].sort_values(["cutoff", "step"])


def _finish(ax: Axes, label: str, rows: pd.DataFrame, lang: str) -> None:
    ax.set_title(label, loc="left", fontsize=10, color=ax.yaxis.label.get_color())
    time_axis(ax, rows["ds"].to_numpy(), lang)
