"""Write what is known about a forecaster as files: a report to open in a browser, numbers, and figures."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pandas as pd

from tidegate.forecasting.evaluation.baselines import method_words
from tidegate.forecasting.evaluation.figures import MOST_PANELS, drawer, figure_names, interval_levels
from tidegate.forecasting.evaluation.metrics import ALL_STEPS, ALL_TARGETS, METRICS, SCALE_FREE
from tidegate.forecasting.evaluation.result import BacktestResult
from tidegate.forecasting.evaluation.result_files import save_result
from tidegate.forecasting.evaluation.scores import scored_targets, target_scores, target_words
from tidegate.forecasting.finite import quiet
from tidegate.reporting import sections
from tidegate.reporting.formats import list_texts, minus_text, number_text, p_value_text, time_texts
from tidegate.reporting.html import to_html
from tidegate.reporting.pictures import page_svg, png
from tidegate.reporting.report import (
    Block,
    Details,
    Heading,
    Paragraph,
    Picture,
    Report,
    Row,
    Section,
    Table,
    TableCell,
    Tone,
)
from tidegate.storage.files import write_atomically
from tidegate.words import check_language, words

_PACKAGE = "tidegate.forecasting.evaluation"
_FIRST = 12
_TONES: dict[bool | None, Tone] = {True: "good", False: "bad", None: "even"}


@quiet()
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
    check_language(lang)  # before anything is written
    result = result.in_frames_of("pandas")
    folder = Path(folder)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name in figure_names(result):
        write_atomically(folder / "figures" / f"{name}.png", png(drawer(result, name), lang=lang))
    save_result(result, folder)
    write_atomically(folder / "report.html", to_html(forecast_report(result, lang)).encode())
    return folder / "report.html"


def forecast_report(result: BacktestResult, lang: str) -> Report:
    """The report as data."""
    say = words(_PACKAGE, lang)
    verdict = result.verdict
    return Report(
        lang=lang,
        title=f"{result.method} · {say['title']}",
        verdict=verdict.sentence(lang),
        tone=_TONES[verdict.beats],
        lead=_test_windows(result, lang),
        sections=(
            Section(say["heading.ahead"], _ahead(result, lang)),
            Section(say["heading.errors"], [*_error_tables(result, lang), *_evidence(result, lang)]),
            Section(say["heading.forecasts"], [_picture(result, lang, name) for name in ("zoom", "forecast")]),
            Section(say["heading.steps"], _errors_in_detail(result, lang)),
            _data(result, lang),
            sections.training(result.history, result.best_epoch, lang),
            sections.settings(result.settings, lang),
            _reading(result, lang),
        ),
    )


def _test_windows(result: BacktestResult, lang: str) -> str:
    say = words(_PACKAGE, lang)
    start, end = time_texts(result.test_period)
    steps = say["steps.one" if result.horizon == 1 else "steps.many"].format(horizon=result.horizon)
    return say["windows"].format(
        windows=f"{result.windows:,}", steps=steps, series=f"{result.series:,}", start=start, end=end
    )


def _ahead(result: BacktestResult, lang: str) -> list[Block]:
    """The forecast: which network made it, its figure, the next values of each series drawn."""
    if result.ahead.empty:
        return []
    say, ahead = words(_PACKAGE, lang), result.ahead
    blocks: list[Block] = [Paragraph(say["ahead.refitted" if result.refitted else "ahead.judged"])]
    blocks.append(_picture(result, lang, "ahead"))
    several = ahead["unique_id"].nunique() > 1
    for (series, target), rows in list(ahead.groupby(["unique_id", "target"], sort=False))[:MOST_PANELS]:
        title = say["ahead.table"].format(target=f"{target} · {series}" if several else target)
        blocks.append(_next_values(rows.head(_FIRST), result.method, title, lang))
        if len(rows) > _FIRST:
            whole = _next_values(rows, result.method, title, lang)
            blocks.append(Details(say["ahead.rest"].format(steps=len(rows)), [whole]))
    shown = min(ahead["unique_id"].nunique(), MOST_PANELS)
    if shown < result.series:
        blocks.append(Paragraph(say["ahead.more_series"].format(shown=shown, series=f"{result.series:,}"), quiet=True))
    return blocks


def _next_values(rows: pd.DataFrame, method: str, title: str, lang: str) -> Table:
    say, headings, names = words(_PACKAGE, lang), [method], [method]
    for level in interval_levels(rows, method):
        names += [f"{method}-lo-{level}", f"{method}-hi-{level}"]
        headings += [say[f"ahead.{side}"].format(level=level) for side in ("low", "high")]
    texts = [list_texts(rows[name]) for name in names]
    times = time_texts(rows["ds"])
    made = [Row(time, [TableCell(text) for text in cells]) for time, *cells in zip(times, *texts, strict=True)]
    return Table(title, [say["ahead.time"], *headings], made, caption=title)


def _error_tables(result: BacktestResult, lang: str) -> list[Block]:
    """One table per target; with several, their mean first."""
    caption = words(_PACKAGE, lang)["caption.errors"]
    blocks: list[Block] = []
    for target in scored_targets(result):
        scores = target_scores(result, target, lang, SCALE_FREE if target == ALL_TARGETS else METRICS)
        title = _target_title(target, lang)
        repeats = bool(blocks)
        blocks += [
            Heading(title),
            sections.score_table(scores, lang, label=title, caption=caption, repeats=repeats),
        ]
    return blocks


def _target_title(target: str, lang: str) -> str:
    name = target_words(target, lang)
    return name if target == ALL_TARGETS else words(_PACKAGE, lang)["target"].format(target=name)


def _evidence(result: BacktestResult, lang: str) -> list[Block]:
    return [Paragraph(text, quiet=True) for text in [_significance(result, lang), *_coverage(result, lang)]]


def _significance(result: BacktestResult, lang: str) -> str:
    say, test = words(_PACKAGE, lang), result.significance
    if math.isnan(test.p_value) or result.best_naive is None:
        return say["no_test"].format(origins=test.origins, horizon=test.horizon)
    return say["test"].format(
        method=result.method,
        naive=method_words(result.best_naive, lang),
        metric=result.verdict.metric.upper(),
        statistic=minus_text(f"{test.statistic:.2f}"),
        freedom=test.freedom,
        p=p_value_text(test.p_value),
        origins=test.origins,
    )


def _coverage(result: BacktestResult, lang: str) -> list[str]:
    frame = result.forecasts[result.forecasts["y"].notna()]
    sentences = []
    for level in interval_levels(frame, result.method):
        low, high = frame[f"{result.method}-lo-{level}"], frame[f"{result.method}-hi-{level}"]
        share = number_text(100 * frame["y"].between(low, high).mean())
        sentences.append(words(_PACKAGE, lang)["coverage"].format(level=level, share=share))
    return sentences


def _errors_in_detail(result: BacktestResult, lang: str) -> list[Block]:
    blocks: list[Block] = [_picture(result, lang, "error_per_step")]
    if result.horizon > 1:
        tables = [_step_table(result, target, lang) for target in result.targets]
        blocks.append(Details(words(_PACKAGE, lang)["steps_table"], tables))
    return [*blocks, _picture(result, lang, "residuals")]


def _step_table(result: BacktestResult, target: str, lang: str) -> Table:
    errors = result.errors[(result.errors["step"] != ALL_STEPS) & (result.errors["target"] == target)]
    by_step = errors.pivot(index="step", columns="method", values="mae")
    rows = [
        Row(str(step), [TableCell(number_text(row[method], 4)) for method in result.methods])
        for step, row in by_step.iterrows()
    ]
    title = _target_title(target, lang)
    names = [method_words(method, lang) for method in result.methods]
    return Table(title, [words(_PACKAGE, lang)["step"], *names], rows, caption=title)


def _data(result: BacktestResult, lang: str) -> Section:
    parts = result.parts[["part", "start", "end", "rows"]].itertuples(index=False)
    more = [_picture(result, lang, "overview"), *sections.notes([note.sentence(lang) for note in result.notes], lang)]
    return sections.split(map(tuple, parts), lang, sentence=words(_PACKAGE, lang)["split"], more=more)


def _reading(result: BacktestResult, lang: str) -> Section:
    say, every = words(_PACKAGE, lang), words("tidegate.reporting", lang)
    naive = say["reading.naive"].format(metric=result.verdict.metric.upper())
    errors = [say["reading.percent"], say["reading.mase"], say["reading.r2"]]
    return sections.reading([naive, every["reading.errors"], *errors, every["reading.p_value"]], lang)


def _picture(result: BacktestResult, lang: str, name: str) -> Picture:
    say = words(_PACKAGE, lang)
    caption = "caption.zoom_one" if name == "zoom" and result.horizon == 1 else f"caption.{name}"
    levels = interval_levels(result.ahead, result.method) if name == "ahead" else []
    below = say["caption.ahead_interval"].format(levels=", ".join(levels)) if levels else say.get(caption, "")
    label = say[f"alt.{name}"].format(target=", ".join(result.targets), method=result.method)
    picture = page_svg(drawer(result, name), name, lang=lang, label=label)
    return Picture(picture, below, end_first=name == "ahead")
