"""A second task, told by the same page, words and table as forecasts are: a classifier of flowers, made up here."""

import re
from functools import partial

import pandas as pd
import pytest

from tidegate import __version__
from tidegate.reporting import sections
from tidegate.reporting.figures import loss_by_epoch
from tidegate.reporting.html import to_html
from tidegate.reporting.pictures import page_svg
from tidegate.reporting.report import Details, Paragraph, Picture, Report, Section, Table
from tidegate.reporting.scores import MetricColumn, Scores

HISTORY = pd.DataFrame({"epoch": [1, 2, 3], "loss": [1.1, 0.6, 0.5], "validation_loss": [1.2, 0.8, 0.9]})
VERDICT = {
    "en": "The GRU beats the most frequent class: accuracy 0.91 against 0.40.",
    "zh": "GRU 优于最常见的类别：准确率 0.91 对 0.40。",
}
NAIVE = {"en": "most frequent class", "zh": "最常见的类别"}


def flower_report(lang, tone="good"):
    scores = Scores(
        method="GRU",
        names={"GRU": "GRU", "Frequent": NAIVE[lang]},
        metrics=(
            MetricColumn("accuracy", {"GRU": 0.912, "Frequent": 0.4}, higher_is_better=True, decimals=2),
            MetricColumn("log loss", {"GRU": 0.31, "Frequent": 1.09}),
        ),
    )
    picture = Picture(page_svg(partial(loss_by_epoch, HISTORY, 2), "own", lang=lang, label="loss"), "caption")
    flowers = [Paragraph("iris < rose & tulip"), sections.score_table(scores, lang, label="flowers"), picture]
    return Report(
        lang=lang,
        title="GRU",
        verdict=VERDICT[lang],
        tone=tone,
        lead="150 flowers",
        sections=(
            Section("Flowers", [*flowers, Details("more", [Paragraph("hidden words", quiet=True)])]),
            sections.split([("train", 1, 100, 100), ("test", 101, 150, 50)], lang, sentence="At random."),
            sections.training(HISTORY, 2, lang),
            sections.settings({"cell": "gru", "units": None}, lang),
            sections.reading(["Accuracy is the share of flowers told right."], lang),
        ),
    )


def texts_of(html):
    body = re.sub(r"<(style|title).*?</\1>", "", html, flags=re.S)
    return [text.strip() for text in re.findall(r">([^<]+)<", body) if text.strip()]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_another_tasks_report_says_its_verdict_first(lang):
    html = to_html(flower_report(lang))
    texts = texts_of(html)
    assert texts[:3] == ["✓", VERDICT[lang], "150 flowers"]
    assert f'lang="{ {"en": "en", "zh": "zh-CN"}[lang] }"' in html
    said = {"en": ["method", "Data and split", "training", "Training", "Settings", "How to read this"],
            "zh": ["方法", "数据与划分", "训练", "训练过程", "设置", "如何阅读本报告"]}[lang]  # fmt: skip
    assert set(said) <= set(texts)
    assert texts[-1] == {"en": "Made by Tidegate", "zh": "由 Tidegate 生成"}[lang] + f" {__version__}"
    assert html.count("<svg") == 2


def test_the_best_of_each_column_is_marked_whichever_way_is_up():
    values = {"a": 2.0, "b": 1.0}
    metrics = (MetricColumn("error", values), MetricColumn("hits", values, higher_is_better=True))
    table = sections.score_table(Scores("a", {"a": "a", "b": "b"}, metrics), "en", label="scores")
    assert [[cell.best for cell in row.cells] for row in table.rows] == [[False, True], [True, False]]
    assert [row.own for row in table.rows] == [True, False]
    assert table.marked


def test_a_metric_without_any_value_has_no_best():
    metric = MetricColumn("error", {"a": float("nan"), "b": float("nan")})
    assert metric.best == set()
    assert metric.texts == {"a": "–", "b": "–"}


@pytest.mark.parametrize(("tone", "sign"), [("good", "✓"), ("bad", "✗"), ("even", "≈")])
def test_the_tone_is_a_sign_and_a_colour(tone, sign):
    html = to_html(flower_report("en", tone))
    assert texts_of(html)[0] == sign
    assert f'<h1 class="{tone}">' in html


def test_texts_are_escaped_and_blocks_stand_in_order():
    html = to_html(flower_report("en"))
    assert "iris &lt; rose &amp; tulip" in html
    order = [html.index(part) for part in ("iris", "most frequent class</th>", "<figure>", "<details>", "hidden words")]
    assert order == sorted(order)


def test_sections_and_notes_without_content_are_left_out():
    empty = [sections.settings({}, "en"), sections.training(HISTORY[:0], None, "en")]
    assert not any(section.blocks for section in empty)
    assert sections.notes([], "en") == []
    report = Report(lang="en", title="t", verdict="v", tone="even", lead="l", sections=empty)
    assert "<h2>" not in to_html(report)


def test_a_caption_that_repeats_is_for_screen_readers_alone():
    tables = [Table("one", ["a"], [], "said once"), Table("two", ["a"], [], "said once", repeats=True)]
    html = to_html(Report("en", "t", "v", "even", "l", [Section("s", tables)]))
    assert html.count("<caption><span>said once") == 1
    assert html.count('<caption class="hidden"><span>said once') == 1
