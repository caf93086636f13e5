"""The same figure as a PNG file and as part of a page, in light and dark, in both languages."""

import io
import re
from functools import partial

import pandas as pd
import pytest
from PIL import Image

from tidegate.reporting import fonts, pictures
from tidegate.reporting.figures import loss_by_epoch
from tidegate.reporting.plotting import DARK, LIGHT

HISTORY = pd.DataFrame({"epoch": [1, 2, 3, 4], "loss": [9.0, 3.0, 1.0, 0.1], "validation_loss": [9.5, 4.0, 2.0, 2.5]})
LOSS = partial(loss_by_epoch, HISTORY, 3)


def test_colours_of_a_page_can_be_told_apart():
    """Each of the light theme's stands for one of the dark theme's."""
    light, dark = pictures.page_colours(LIGHT), pictures.page_colours(DARK)
    assert light.keys() == dark.keys()
    assert len(set(light.values())) == len(light)


@pytest.mark.parametrize("style", [LIGHT, DARK], ids=lambda style: style.name)
def test_a_png_has_its_styles_paper(style):
    image = Image.open(io.BytesIO(pictures.png(LOSS, style=style))).convert("RGB")
    paper = tuple(bytes.fromhex(style.paper[1:]))
    assert max(image.getcolors(maxcolors=1000))[1] == paper


def test_a_png_is_in_english_without_a_chinese_font_and_a_page_is_not(monkeypatch):
    monkeypatch.setattr(pictures, "chinese_font", lambda: None)
    asked = []

    def drawer(style, lang):
        asked.append(lang)
        return LOSS(style, lang)

    pictures.png(drawer, lang="zh")
    pictures.page_svg(drawer, "loss", lang="zh")
    assert asked == ["en", "zh"]


def test_the_loss_marks_the_epoch_that_was_kept():
    texts = re.findall(r">([^<>]+)</text>", pictures.page_svg(LOSS, "loss", lang="en"))
    assert {"epoch 3 kept", "training", "validation", "epoch", "loss"} <= set(texts)


def test_the_loss_without_validation_shows_training_alone():
    drawer = partial(loss_by_epoch, HISTORY[["epoch", "loss"]], None)
    texts = re.findall(r">([^<>]+)</text>", pictures.page_svg(drawer, "loss", lang="en"))
    assert "training" in texts
    assert not {"validation", "epoch 3 kept"} & set(texts)


def test_png_figures_ask_for_what_no_font_has():
    assert fonts.drawable("−1 é 温", [fonts.LATIN]) == "−1 é ?"
    assert fonts.drawable("x" * 500).endswith("x…")
    assert fonts.readable("a\x00b\ud800") == "ab"
