"""The figures can be drawn from any judgement, in both languages and styles, with few points and no missing glyph."""

import io

import matplotlib
import numpy as np
import pandas as pd
import pytest
from fake_judgement import fake_judgement
from hypothesis import given
from hypothesis import strategies as st
from matplotlib._pylab_helpers import Gcf
from PIL import Image

from lacking import need
from tidegate.forecasting.judging import figures, fonts
from tidegate.forecasting.judging.plotting import DARK, LIGHT, MOST_POINTS, drawing, thin


@pytest.fixture
def no_chinese_font(monkeypatch):
    monkeypatch.setattr(fonts, "chinese_font", lambda: None)
    monkeypatch.setattr(figures, "chinese_font", lambda: None)


def texts_of(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


@pytest.mark.parametrize("name", list(figures.DRAWERS))
def test_every_figure_renders_as_png(name):
    image = Image.open(io.BytesIO(figures.png(fake_judgement(rows=150), name, style=DARK)))
    assert image.format == "PNG"
    assert image.width > 1000
    assert len(image.convert("RGB").getcolors(maxcolors=1000)) > 5


@pytest.mark.parametrize(
    "shape",
    [
        {"horizon": 1, "numeric_time": True},
        {"series": 3, "targets": ("a", "b"), "horizon": 3},
        {"method": "_my $\\net$", "targets": ("$cost$ \U0001f600",)},
    ],
)
def test_figures_take_every_shape_of_judgement(shape):
    judgement = fake_judgement(rows=120, **shape)
    for name in figures.figure_names(judgement):
        with drawing(LIGHT):
            figures.draw(judgement, name).canvas.draw()


def test_figures_take_unknown_values_and_no_history():
    judgement = fake_judgement(rows=120)
    judgement.forecasts.loc[::3, "y"] = np.nan
    judgement.examples.loc[10:30, "y"] = np.nan
    judgement = type(judgement)(**{**vars(judgement), "history": pd.DataFrame(columns=["epoch", "loss"])})
    assert "loss" not in figures.figure_names(judgement)
    for name in figures.figure_names(judgement):
        with drawing(LIGHT):
            figures.draw(judgement, name).canvas.draw()


@pytest.mark.parametrize("broken", [np.nan, np.inf, 1e200])
@pytest.mark.parametrize("horizon", [1, 3])
def test_figures_take_a_diverged_network(broken, horizon):
    judgement = fake_judgement(rows=120, horizon=horizon, noise=broken)
    assert judgement.verdict.beats is False
    for name in figures.figure_names(judgement):
        with drawing(LIGHT):
            figures.draw(judgement, name).canvas.draw()


def test_intervals_are_drawn_behind_the_forecast():
    judgement = fake_judgement(rows=120)
    plain = figures.draw(judgement, "zoom")
    judgement.forecasts["LSTM-lo-90"] = judgement.forecasts["LSTM"] - 1
    judgement.forecasts["LSTM-hi-90"] = judgement.forecasts["LSTM"] + 1
    assert len(figures.draw(judgement, "zoom").axes[0].collections) > len(plain.axes[0].collections)


@pytest.mark.parametrize("name", ["overview", "forecast", "residuals"])
def test_long_series_are_thinned(name):
    figure = figures.draw(fake_judgement(rows=20000, horizon=1), name)
    drawn = [len(line.get_xdata()) for ax in figure.axes for line in ax.lines]
    drawn += [len(dots.get_offsets()) for ax in figure.axes for dots in ax.collections if "Path" in type(dots).__name__]
    assert max(drawn) <= MOST_POINTS


@given(st.integers(0, 10**6), st.integers(1, 5000))
def test_thin_keeps_the_extremes_and_the_order(seed, length):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=length)
    y[rng.random(length) < 0.1] = np.nan
    x, thinned = thin(np.arange(length), y, 100)
    assert len(thinned) <= max(100, min(length, 100))
    assert (np.diff(x) > 0).all()
    np.testing.assert_array_equal(thinned, y[x])
    if not np.isnan(y).all():
        assert (np.nanmin(thinned), np.nanmax(thinned)) == (np.nanmin(y), np.nanmax(y))


def test_thin_keeps_long_gaps():
    y = np.ones(10000)
    y[4000:6000] = np.nan
    x, thinned = thin(np.arange(10000), y, 100)
    assert np.isnan(thinned[(x > 4200) & (x < 5800)]).all()
    assert ((x > 4200) & (x < 5800)).any()


def test_chinese_labels_need_no_missing_glyph():
    need(fonts.chinese_font(), "a font with Chinese characters")
    judgement = fake_judgement(rows=120, targets=("温度",))
    figure = figures.draw(judgement, "forecast", lang="zh")
    assert any("真实值" in text for text in texts_of(figure))
    with drawing(LIGHT):
        figure.canvas.draw()  # a missing glyph is a warning, and a warning is an error


@pytest.mark.usefixtures("no_chinese_font")
def test_without_a_chinese_font_labels_are_english():
    assert figures.figure_language("zh") == "en"
    judgement = fake_judgement(rows=120, targets=("温度",))
    for name in figures.DRAWERS:
        figure = figures.draw(judgement, name, lang="zh")
        assert all(text.isascii() for text in texts_of(figure) if text.isalpha())
        with drawing(LIGHT):
            figure.canvas.draw()


def test_drawable_boxes_what_no_font_has():
    assert fonts.drawable("−1 é 温", [fonts.LATIN]) == "−1 é □"
    assert fonts.drawable("x" * 500).endswith("x…")


def test_broken_font_files_are_passed_over(tmp_path):
    (tmp_path / "simhei.ttf").write_bytes(b"not a font")
    assert not fonts._has(str(tmp_path / "simhei.ttf"), "温")


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    figures.png(fake_judgement(rows=120), "loss", style=DARK)
    assert dict(matplotlib.rcParams) == before
    assert not Gcf.figs  # pyplot knows of none
