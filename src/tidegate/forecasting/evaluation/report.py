"""Write what is known about a forecaster as files: a report to open in a browser, numbers, and figures."""

from __future__ import annotations

import json
import math
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from tidegate.forecasting.evaluation.figures import figure_language, figure_names, page_colours, page_svg, png
from tidegate.forecasting.evaluation.metrics import ALL_STEPS, ALL_TARGETS, METRICS, SCALE_FREE
from tidegate.forecasting.evaluation.result import PARTS, BacktestResult
from tidegate.forecasting.evaluation.result_files import save_result
from tidegate.forecasting.evaluation.verdict import number_text, p_value_text
from tidegate.reporting.plotting import DARK, LIGHT
from tidegate.reporting.words import Words, method_name, words
from tidegate.storage.files import write_atomically

TEMPLATE = "report.html.jinja"
HEADINGS = {"r2": "R²", "smape": "sMAPE %", "mape": "MAPE %"}
READING = ("read_naive", "read_units", "read_percent", "read_mase", "read_r2", "read_p")


def write_report(result: BacktestResult, folder: str | os.PathLike[str], lang: str = "en") -> Path:
    """Write report.html, metrics.json, backtest.csv, history.csv, figures/*.png and result/ into a folder.

    `tidegate forecast report FOLDER` writes the report again from these, for instance in another language. Each file
    appears whole or not at all. report.html holds everything that it shows, so it can be moved, mailed and opened
    without a network; its figures are drawn by the browser, in its fonts and in the reader's light or dark theme.

    Args:
        result: what the backtest found.
        folder: made where it does not exist.
        lang: "en" or "zh"; the PNG figures are in English where no font has Chinese characters.

    Returns:
        The path of report.html.
    """
    say = words(lang)
    folder = Path(folder)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name in figure_names(result):
        write_atomically(folder / "figures" / f"{name}.png", png(result, name, lang=lang))
    write_atomically(folder / "metrics.json", metrics_json(result).encode())
    save_result(result, folder)
    write_atomically(folder / "report.html", _html(result, say).encode())
    return folder / "report.html"


def metrics_json(result: BacktestResult) -> str:
    """The numbers of a report as JSON: the verdict, the test, errors overall and per step; null where undefined."""
    verdict, test = result.verdict, result.significance
    overall: dict[str, Any] = {}
    per_step: dict[str, Any] = {}
    for key, rows in result.errors.groupby(["method", "target"], sort=False):
        method, target = cast(tuple[str, str], key)
        whole, steps = rows[rows["step"] == ALL_STEPS], rows[rows["step"] != ALL_STEPS]
        overall.setdefault(method, {})[target] = {m: _finite(whole[m].iloc[0]) for m in METRICS}
        per_step.setdefault(method, {})[target] = {m: [_finite(value) for value in steps[m]] for m in METRICS}
    content = {
        "verdict": {
            "beats": verdict.beats,
            "text": {"en": verdict.sentence("en"), "zh": verdict.sentence("zh")},
            "method": verdict.method,
            "best_naive": verdict.best_naive,
            "metric": verdict.metric,
            "error": _finite(verdict.error),
            "naive_error": _finite(verdict.naive_error),
        },
        "diebold_mariano": {
            "statistic": _finite(test.statistic),
            "p_value": _finite(test.p_value),
            "origins": test.origins,
            "horizon": test.horizon,
        },
        "test": {
            "windows": result.windows,
            "series": result.series,
            "horizon": result.horizon,
            "start": _moment(result.test_period[0]),
            "end": _moment(result.test_period[1]),
        },
        "overall": overall,
        "per_step": per_step,
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _html(result: BacktestResult, say: Words) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from tidegate import __version__

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    verdict = result.verdict
    notes = list(result.notes)
    if figure_language(say.lang) != say.lang:
        notes.append(say["report.no_chinese_font"])
    return environment.get_template(TEMPLATE).render(
        say=say,
        html_lang={"en": "en", "zh": "zh-CN"}[say.lang],
        method=result.method,
        verdict=_unbroken(verdict.sentence(say.lang)),
        tone={True: "good", False: "bad", None: "even"}[verdict.beats],
        sign={True: "✓", False: "✗", None: "≈"}[verdict.beats],
        judged=_judged(result, say),
        tables=_error_tables(result, say),
        evidence=_evidence(result, say),
        steps=_step_tables(result, say) if result.horizon > 1 else [],
        parts=_parts(result, say),
        notes=notes,
        settings=[(name, _setting(value)) for name, value in result.settings.items()],
        reading=[say[f"report.{key}"].format(metric=verdict.metric.upper()) for key in READING],
        figures={name: _picture(result, say, name) for name in figure_names(result)},
        colours={theme.name: page_colours(theme) for theme in (LIGHT, DARK)},
        version=__version__,
    )


def _judged(result: BacktestResult, say: Words) -> str:
    start, end = (_moment(moment) for moment in result.test_period)
    return say["report.judged"].format(
        windows=f"{result.windows:,}",
        horizon=result.horizon,
        s="" if result.horizon == 1 else "s",
        series=f"{result.series:,}",
        start=start,
        end=end,
    )


def _error_tables(result: BacktestResult, say: Words) -> list[dict[str, Any]]:
    """One table per target; with several, their mean first."""
    errors = result.errors[result.errors["step"] == ALL_STEPS]
    tables = []
    for target in sorted(errors["target"].unique(), key=lambda target: target != ALL_TARGETS):
        own = errors[errors["target"] == target].set_index("method")
        metrics = SCALE_FREE if target == ALL_TARGETS else METRICS
        columns = {m: _column(own[m].to_dict(), 3 if m == "r2" else None) for m in metrics}
        best = {m: own[m].max() if m == "r2" else own[m].min() for m in metrics}
        rows = [
            {
                "name": method_name(method, say.lang),
                "mine": method == result.method,
                "cells": [{"text": columns[m][method], "best": own.at[method, m] == best[m]} for m in metrics],
            }
            for method in result.methods
        ]
        title = say["report.all_targets"] if target == ALL_TARGETS else say["report.target"].format(target=target)
        tables.append({"title": title, "rows": rows, "metrics": [HEADINGS.get(m, m.upper()) for m in metrics]})
    return tables


def _column(values: dict[str, float], decimals: int | None = None) -> dict[str, str]:
    """Numbers to stand under one another: as many decimals for all as the smallest needs to show three digits."""
    sizes = [abs(value) for value in values.values() if math.isfinite(value) and value != 0]
    if decimals is None and sizes:
        decimals = max(0, 2 - math.floor(math.log10(min(sizes))))
    if not sizes or max(sizes) >= 1e9 or decimals is None or decimals > 6:
        return {name: number_text(value) for name, value in values.items()}
    return {
        name: f"{value:,.{decimals}f}".replace("-", "−") if math.isfinite(value) else "–"
        for name, value in values.items()
    }


def _step_tables(result: BacktestResult, say: Words) -> list[dict[str, Any]]:
    errors = result.errors[result.errors["step"] != ALL_STEPS]
    tables = []
    for target in result.targets:
        by_step = errors[errors["target"] == target].pivot(index="step", columns="method", values="mae")
        rows = [
            {"step": step, "cells": [number_text(row[method], 4) for method in result.methods]}
            for step, row in by_step.iterrows()
        ]
        names = [method_name(method, say.lang) for method in result.methods]
        tables.append({"title": say["report.target"].format(target=target), "names": names, "rows": rows})
    return tables


def _evidence(result: BacktestResult, say: Words) -> list[str]:
    test = result.significance
    if math.isnan(test.p_value) or result.best_naive is None:
        sentences = [say["report.no_test"]]
    else:
        naive = method_name(result.best_naive, say.lang)
        statistic = f"{test.statistic:.2f}".replace("-", "−")
        sentence = say["report.test"].format(
            method=result.method,
            naive=naive,
            statistic=statistic,
            p=p_value_text(test.p_value),
            origins=test.origins,
        )
        sentences = [sentence + (" " + say["report.few_origins"] if test.too_few_origins else "")]
    return sentences + _coverage(result, say)


def _coverage(result: BacktestResult, say: Words) -> list[str]:
    frame = result.forecasts[result.forecasts["y"].notna()]
    prefix = f"{result.method}-lo-"
    levels = [column.removeprefix(prefix) for column in map(str, frame) if column.startswith(prefix)]
    sentences = []
    for level in sorted(levels, key=float):
        low, high = frame[prefix + level], frame[f"{result.method}-hi-{level}"]
        share = number_text(100 * frame["y"].between(low, high).mean())
        sentences.append(say["report.coverage"].format(level=level, share=share))
    return sentences


def _parts(result: BacktestResult, say: Words) -> list[dict[str, str]]:
    return [
        {
            "name": say[f"part.{row.part}"] if row.part in PARTS else str(row.part),
            "start": _moment(row.start),
            "end": _moment(row.end),
            "rows": f"{row.rows:,}",
        }
        for row in result.parts.itertuples()
    ]


def _picture(result: BacktestResult, say: Words, name: str) -> dict[str, str]:
    caption = f"caption.{name}_one" if name == "zoom" and result.horizon == 1 else f"caption.{name}"
    label = say[f"alt.{name}"].format(target=", ".join(result.targets), method=result.method)
    return {"svg": page_svg(result, name, lang=say.lang, label=label), "caption": say.get(caption, "")}


def _moment(moment: object) -> str:
    """A time as people write it: without a clock where it is midnight."""
    if isinstance(moment, datetime | np.datetime64):
        stamp = pd.Timestamp(moment)
        return stamp.strftime("%Y-%m-%d" if stamp == stamp.normalize() else "%Y-%m-%d %H:%M")
    return str(moment)


def _unbroken(text: str) -> str:
    """The text kept whole where a line break would hurt: "37 %", "p < 0.001", "Diebold–Mariano"."""
    text = text.replace("Diebold–Mariano", "Diebold–\u2060Mariano")
    return re.sub(r"(?<=\d) (?=%)|(?<=\bp) (?=[<=])|(?<=[<=]) (?=\d)", "\u00a0", text)


def _setting(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "–"
    return "–" if value is None else str(value)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
