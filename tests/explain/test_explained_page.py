"""The page of an explanation: words in both languages, figures that hold their numbers, what it says first."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from tidegate import Recurrent, SettingError, explain
from tidegate.explain.figures import layer_figure
from tidegate.explain.finding import subject_of
from tidegate.explain.page import explanation
from tidegate.layers.registry import read
from tidegate.reporting.html import to_html
from tidegate.reporting.pictures import png
from tidegate.reporting.report import Picture, Table

X = np.random.default_rng(0).standard_normal((1, 8, 3))


class Newest(nn.Module):
    """Reads the newest two steps alone, by construction."""

    def forward(self, x):
        return x[:, -1] + x[:, -2]


class Nothing(nn.Module):
    def forward(self, x):
        return torch.zeros(len(x), 1)


class Network(nn.Module):
    def __init__(self, layer="lstm"):
        super().__init__()
        torch.manual_seed(0)
        self.layer = Recurrent("lstm", 3, 4) if layer == "lstm" else read(layer).build(3)
        self.head = nn.Linear(self.layer.output_size, 1)

    def forward(self, x):
        return self.head(self.layer.last(self.layer(x)[0]))


def texts(html):
    body = re.sub(r"<(style|title).*?</\1>", "", html, flags=re.S)
    return [text.strip() for text in re.findall(r">([^<]+)<", body) if text.strip()]


def test_the_first_line_says_how_far_back_the_model_looks():
    report = explanation(subject_of(Newest(), X), "en")
    assert report.verdict == (
        "Half of the gradient of the Newest lies in the newest 1 of 8 steps, nine tenths in the newest 2."
    )
    report = explanation(subject_of(Nothing(), X), "zh")
    assert report.verdict == "Nothing 的回答不依赖它的输入。"


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", ["Which columns matter", "How far back it looks", "Gates, memory and attention", "How gradients vanish",
                "input gate", "forget gate", "candidate", "output gate", "memory c", "hidden state h"]),
        ("zh", ["哪些列重要", "它回看多远", "门、记忆与注意力", "梯度如何消失",
                "输入门", "遗忘门", "候选值", "输出门", "记忆 c", "隐藏状态 h"]),
    ],
)  # fmt: skip
def test_a_page_is_whole_in_each_language(lang, said, tmp_path):
    page = explain.write_explanation(Network(), tmp_path / "page.html", X, lang=lang)
    html = page.read_text(encoding="utf-8")
    assert set(said) <= set(texts(html))
    assert f'lang="{ {"en": "en", "zh": "zh-CN"}[lang] }"' in html
    assert '<h1 class="plain">' in html
    assert "http" not in re.sub(r"http://www\.w3\.org/\S*", "", html)
    images = re.findall(r"<image [^>]*>", html)
    assert len(images) == 2 * 6  # a map and its scale for each gate and state
    assert all('href="data:image/png;base64,' in image and "pixelated" in image for image in images)
    if lang == "zh":
        words = " ".join(texts(html))
        assert not re.search(r"\b(the|of|and)\b", words), "English among the Chinese"


def test_importance_stands_in_a_table_or_the_page_says_why_not():
    x = np.random.default_rng(1).standard_normal((6, 8, 3))
    subject = subject_of(Newest(), x[:1], x[:1, -1] + x[:1, -2])
    report = explanation(subject_of(Newest(), X), "zh")
    assert report.sections[0].blocks[0].text.startswith("没有衡量：要计算误差")
    frame = explain.importance(Newest(), x, x[:, -1] + x[:, -2])
    assert (frame["importance"] > 0).all()
    assert (frame["error"] < 1e-6).all()
    assert subject.title == "Newest"


@pytest.mark.parametrize("layer", ["attention", "tcn"])
def test_other_layers_have_a_page(layer):
    report = explanation(subject_of(Network(layer), X), "en")
    kinds = [type(block) for section in report.sections for block in section.blocks]
    assert kinds.count(Picture) >= 3
    assert Table not in kinds
    assert "<svg" in to_html(report)


def test_frames_are_drawn_as_figures():
    frame = explain.activations(Network(), X)
    figure = explain.draw_activations(frame, "layer.l0")
    assert [ax.get_title(loc="left") for ax in figure.axes[::2]] == [
        "input gate", "forget gate", "candidate", "output gate", "hidden state h", "memory c"
    ]  # fmt: skip
    drawn = figure.axes[0].images[0].get_array()
    gate = frame[frame["quantity"] == "input"]["value"].to_numpy().reshape(8, 4)
    np.testing.assert_allclose(drawn, gate.T)
    assert explain.draw_lookback(explain.lookback(Network(), X), lang="zh").axes
    assert explain.draw_gradient_norms(explain.gradient_norms({"a": Recurrent("rnn", 2, 3)}, steps=4)).axes
    y = np.ones((3, 1))
    matter = explain.importance(Network(), np.repeat(X, 3, 0), y)
    (bars,) = explain.draw_importance(matter).axes
    assert [label.get_text() for label in bars.get_yticklabels()] == matter["column"].tolist()[::-1]


def test_a_heat_map_is_drawn_on_png_too():
    drawer = partial(layer_figure, "layer", {"h": X[0], "attention": np.eye(8)}, {"y": X[0, :, 0]})
    assert png(drawer).startswith(b"\x89PNG")


def test_a_language_that_there_is_not_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(SettingError, match="lang must be one of en, zh"):
        explain.write_explanation(Network(), tmp_path / "page.html", X, lang="fr")
    assert not list(tmp_path.iterdir())
