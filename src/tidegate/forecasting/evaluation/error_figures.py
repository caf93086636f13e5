"""The figures of a report that show errors: by step ahead for every method, and what remains unexplained."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tidegate.forecasting.evaluation.baselines import method_words
from tidegate.forecasting.evaluation.metrics import ALL_STEPS
from tidegate.forecasting.evaluation.result import BacktestResult
from tidegate.reporting.formats import number_text
from tidegate.reporting.plotting import MOST_POINTS, Style, end_labels, panels, said, tame, time_axis
from tidegate.words import words

MOST_TARGETS = 6
LEAST_RESIDUALS = 40
_LARGEST = 20
_PACKAGE = "tidegate.forecasting.evaluation"


def error_per_step(result: BacktestResult, style: Style, lang: str) -> Figure:
    """MAE of every method, one row per target: by step ahead, or as bars where there is one step only."""
    say = words(_PACKAGE, lang)
    targets = result.targets[:MOST_TARGETS]
    one_step = result.horizon == 1
    title = say["figure.error" if one_step else "figure.error_per_step"]
    figure, axes = panels(len(targets), title, height=2.8 if len(targets) == 1 else 2.3)
    rest = [m for m in result.methods if m not in (result.method, result.best_naive)]
    colours = {m: style.colour(m, result.method, result.best_naive, rest) for m in result.methods}
    for ax, target in zip(axes[:, 0], targets, strict=True):
        rows = result.errors[result.errors["target"] == target]
        rows = rows.assign(mae=tame(rows["mae"]))
        if one_step:
            _error_bars(ax, rows[rows["step"] == ALL_STEPS], colours, result, lang)
        else:
            _error_lines(ax, rows[rows["step"] != ALL_STEPS], colours, result, lang)
            ax.set_xlabel(say["steps_ahead"])
        ax.set_title(f"MAE · {target}", loc="left", fontsize=10, color=style.faint)
    return figure


def _error_bars(ax: Axes, rows: pd.DataFrame, colours: dict[str, str], result: BacktestResult, lang: str) -> None:
    errors = rows.set_index("method")["mae"]
    methods = result.methods[::-1]
    bars = ax.barh(
        range(len(methods)), errors[methods].to_numpy(float), color=[colours[m] for m in methods], height=0.6
    )
    ax.bar_label(bars, [number_text(errors[m]) for m in methods], padding=5)
    ax.set_yticks(range(len(methods)), [method_words(m, lang) for m in methods])
    ax.margins(x=0.08)
    ax.grid(visible=True, axis="x")
    ax.grid(visible=False, axis="y")


def _error_lines(ax: Axes, rows: pd.DataFrame, colours: dict[str, str], result: BacktestResult, lang: str) -> None:
    by_step = rows.pivot(index="step", columns="method", values="mae")
    steps = by_step.index.to_numpy(float)
    main = [m for m in (result.method, result.best_naive) if m is not None]
    # a naive method that runs away (drift often does) must not press the others to the floor; its name says where it is
    highest = min(
        np.nanmax(by_step.to_numpy(float), initial=0), 8 * np.nanmax(by_step[main].to_numpy(float), initial=0)
    )
    ax.set_ylim(0, 1.05 * highest if highest > 0 else 1)
    marker = "o" if len(steps) <= 31 else None
    for method in reversed(result.methods):
        width = 2.2 if method == result.method else 1.2
        ax.plot(steps, by_step[method], color=colours[method], linewidth=width, marker=marker, markersize=3)
    ax.set_xlim(steps[0] - 0.02 * len(steps), steps[-1] + 0.02 * len(steps))
    ax.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    last = by_step.iloc[-1].dropna()
    beyond = by_step.max() > 1.05 * highest
    labels = [(m, method_words(m, lang) + (" ↑" if beyond[m] else "")) for m in last.index]
    end_labels(ax, steps[-1], [(last[m], label, colours[m]) for m, label in labels])


def residuals(result: BacktestResult, style: Style, lang: str) -> Figure:
    """Truth minus the network's forecast one step ahead: over time, their spread, their autocorrelation."""
    say = words(_PACKAGE, lang)
    targets = result.targets[:MOST_TARGETS]
    figure, axes = panels(len(targets), say["figure.residuals"], columns=3, width_ratios=[2.2, 1, 1])
    forecasts = result.forecasts_by_step
    for (over_time, spread, memory), target in zip(axes, targets, strict=True):
        rows = forecasts[(forecasts["target"] == target) & (forecasts["step"] == 1)].sort_values("ds", kind="stable")
        residual = tame(rows["y"] - rows[result.method])
        drawn = _sample(residual)
        over_time.scatter(
            rows["ds"].to_numpy()[drawn], residual[drawn], s=5, color=style.network, alpha=0.6, linewidths=0
        )
        over_time.axhline(0, color=style.faint, linewidth=0.8)
        time_axis(over_time, rows["ds"].to_numpy(), lang)
        known = residual[np.isfinite(residual)]
        if len(known):
            spread.hist(known, bins=min(40, max(8, int(len(known) ** 0.5))), color=style.network, alpha=0.75)
        spread.axvline(0, color=style.ink, linewidth=1)
        spread.set_xlabel(say["residual"])
        spread.yaxis.set_ticks([])
        spread.xaxis.set_major_locator(MaxNLocator(4))
        if not _autocorrelation(memory, rows["unique_id"].to_numpy(), residual, style):
            said(memory, say["residual.few"].format(least=LEAST_RESIDUALS), style)
        memory.set_xlabel(say["lag"])
        titles = (f"{target} · {say['residual.time']}", say["residual.spread"], say["residual.memory"])
        for ax, title in zip((over_time, spread, memory), titles, strict=True):
            ax.set_title(title, loc="left", fontsize=10, color=style.faint)
    return figure


def _sample(values: np.ndarray) -> np.ndarray:
    """Which values to draw as points: some in equal distances, which show where most lie, and the largest."""
    even = np.linspace(0, len(values) - 1, min(len(values), MOST_POINTS - _LARGEST)).astype(int)
    return np.union1d(even, np.argsort(-np.abs(values))[:_LARGEST])


def _autocorrelation(ax: Axes, ids: np.ndarray, residual: np.ndarray, style: Style) -> bool:
    """Autocorrelation of the residuals, averaged over a few series, with the band in which noise would stay.

    False where no series has residuals enough for bars that mean anything; nothing is drawn then.
    """
    several = []
    for series in pd.unique(ids)[:20]:
        own = residual[(ids == series) & np.isfinite(residual)]
        if len(own) >= LEAST_RESIDUALS and own.std() > 0:
            centred, lags = own - own.mean(), min(30, len(own) // 4)
            several.append([centred[k:] @ centred[: len(own) - k] / (centred @ centred) for k in range(1, lags + 1)])
    if not several:
        return False
    ax.axhline(0, color=style.faint, linewidth=0.8)
    lags = min(len(one) for one in several)
    mean = np.mean([one[:lags] for one in several], axis=0)
    band = 1.96 / np.sqrt(np.isfinite(residual).sum())
    ax.axhspan(-band, band, color=style.faint, alpha=0.18, linewidth=0)
    ax.vlines(np.arange(1, lags + 1), 0, mean, color=style.network, linewidth=2)
    ax.set_ylim(min(-0.3, 1.1 * mean.min()), max(0.3, 1.1 * mean.max()))
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(4))
    return True
