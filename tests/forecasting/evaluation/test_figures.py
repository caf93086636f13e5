"""The figures can be drawn from any result, in both languages and styles, with few points and no missing glyph."""

import io
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
from fake_result import fake_result
from matplotlib._pylab_helpers import Gcf
from PIL import Image

from lacking import need
from tidegate.forecasting.evaluation import figures
from tidegate.reporting import fonts, pictures
from tidegate.reporting.plotting import DARK, LIGHT, MOST_POINTS, drawing
from tidegate.words import words


@pytest.fixture
def no_chinese_font(monkeypatch):
    monkeypatch.setattr(fonts, "chinese_font", lambda: None)
    monkeypatch.setattr(pictures, "chinese_font", lambda: None)


def svg(result, name, **options):
    return pictures.page_svg(figures.drawer(result, name), name, **options)


def texts_of(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


@pytest.mark.parametrize("name", list(figures.DRAWERS))
def test_every_figure_renders_as_png(name):
    image = Image.open(io.BytesIO(pictures.png(figures.drawer(fake_result(rows=150), name), style=DARK)))
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
def test_figures_take_every_shape_of_result(shape):
    result = fake_result(rows=120, **shape)
    for name in figures.figure_names(result):
        with drawing(LIGHT):
            pictures.draw(figures.drawer(result, name)).canvas.draw()


def test_figures_take_unknown_values_and_no_history():
    result = fake_result(rows=120)
    result.forecasts.loc[::3, "y"] = np.nan
    result.examples.loc[10:30, "y"] = np.nan
    result = type(result)(**{**vars(result), "history": pd.DataFrame(columns=["epoch", "loss"])})
    assert "loss" not in figures.figure_names(result)
    for name in figures.figure_names(result):
        with drawing(LIGHT):
            pictures.draw(figures.drawer(result, name)).canvas.draw()


@pytest.mark.parametrize("broken", [np.nan, np.inf, 1e200])
@pytest.mark.parametrize("horizon", [1, 3])
def test_figures_take_a_diverged_network(broken, horizon):
    result = fake_result(rows=120, horizon=horizon, noise=broken)
    assert result.verdict.beats is not True
    for name in figures.figure_names(result):
        with drawing(LIGHT):
            pictures.draw(figures.drawer(result, name)).canvas.draw()


@pytest.mark.parametrize("points", [18, 80])
def test_autocorrelation_is_drawn_of_enough_residuals_alone(points):
    result = fake_result(rows=400, horizon=1)
    result = type(result)(**{**vars(result), "forecasts": result.forecasts.tail(points)})
    with drawing(LIGHT):
        figure = pictures.draw(figures.drawer(result, "residuals"))
    assert ("fewer than 40 residuals" in texts_of(figure)) is (points == 18)


def test_points_of_residuals_show_where_most_lie():
    """Not the lowest and highest of each stretch alone, as a line has them: those would leave the middle empty."""
    result = fake_result(rows=4000, horizon=1)
    rows = result.forecasts.sample(3 * MOST_POINTS, replace=True, random_state=0, ignore_index=True)
    rng = np.random.default_rng(0)
    rows = rows.assign(ds=np.sort(rows["ds"].to_numpy()), y=rows["LSTM"] + rng.normal(size=len(rows)))
    rows.loc[7, "y"] = rows.loc[7, "LSTM"] + 99
    result = type(result)(**{**vars(result), "forecasts": rows.assign(cutoff=np.arange(len(rows)))})
    with drawing(LIGHT):
        points = pictures.draw(figures.drawer(result, "residuals")).axes[0].collections[0].get_offsets()
    drawn = np.asarray(points)[:, 1]
    assert len(drawn) < 1.1 * MOST_POINTS
    assert np.median(np.abs(drawn)) == pytest.approx(0.6745, rel=0.1)  # that of a normal variable
    assert drawn.max() == pytest.approx(99)


def test_a_curve_that_leaves_the_figure_is_marked():
    result = fake_result(rows=400, horizon=5)
    errors, naive = result.errors, next(m for m in result.methods if m not in (result.method, result.best_naive))
    errors.loc[(errors["method"] == naive) & (errors["step"] == 3), "mae"] = 1000.0  # in the middle alone
    with drawing(LIGHT):
        texts = texts_of(pictures.draw(figures.drawer(result, "error_per_step")))
    assert [text for text in texts if "↑" in text] == [figures.method_words(naive, "en") + " ↑"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_part_is_named_however_short(lang):
    result = fake_result(rows=400)
    examples = result.examples.assign(part=np.repeat(["train", "validation", "test"], [318, 2, 80]))
    result = type(result)(**{**vars(result), "examples": examples})
    said = svg(result, "overview", lang=lang)
    for part in ("train", "validation", "test"):
        assert words("tidegate.reporting", lang)[f"part.{part}"] in said


def test_intervals_are_drawn_behind_the_forecast():
    result = fake_result(rows=120)
    plain = pictures.draw(figures.drawer(result, "zoom"))
    result.forecasts["LSTM-lo-90"] = result.forecasts["LSTM"] - 1
    result.forecasts["LSTM-hi-90"] = result.forecasts["LSTM"] + 1
    assert len(pictures.draw(figures.drawer(result, "zoom")).axes[0].collections) > len(plain.axes[0].collections)


@pytest.mark.parametrize("name", ["overview", "forecast", "residuals"])
def test_long_series_are_thinned(name):
    figure = pictures.draw(figures.drawer(fake_result(rows=20000, horizon=1), name))
    drawn = [len(line.get_xdata()) for ax in figure.axes for line in ax.lines]
    drawn += [len(dots.get_offsets()) for ax in figure.axes for dots in ax.collections if "Path" in type(dots).__name__]
    assert max(drawn) <= MOST_POINTS


def test_chinese_labels_need_no_missing_glyph():
    need(fonts.chinese_font(), "a font with Chinese characters")
    result = fake_result(rows=120, targets=("温度",))
    figure = pictures.draw(figures.drawer(result, "forecast"), lang="zh")
    assert any("真实值" in text for text in texts_of(figure))
    with drawing(LIGHT):
        figure.canvas.draw()  # a missing glyph is a warning, and a warning is an error


@pytest.mark.usefixtures("no_chinese_font")
def test_without_a_chinese_font_labels_are_english():
    assert pictures.figure_language("zh") == "en"
    result = fake_result(rows=120, targets=("温度",))
    for name in figures.DRAWERS:
        figure = pictures.draw(figures.drawer(result, name), lang="zh")
        assert all(text.isascii() for text in texts_of(figure) if text.isalpha() and text != "温度")
        with drawing(LIGHT):
            figure.canvas.draw()  # a missing glyph is a warning, and a warning is an error


@pytest.mark.usefixtures("no_chinese_font")
@pytest.mark.parametrize("name", list(figures.DRAWERS))
def test_figures_of_a_page_are_chinese_without_a_font(name):
    result = fake_result(rows=120, targets=("温度",))
    root = ElementTree.fromstring(svg(result, name, lang="zh", label="说明"))
    texts = ["".join(text.itertext()) for text in root.iter("text")]
    assert _titles()[name] in texts
    assert name == "loss" or any("温度" in text for text in texts)
    assert root.get("aria-label") == "说明"


def _titles():
    say = words("tidegate.forecasting.evaluation", "zh") | words("tidegate.reporting", "zh")
    return {name: say[f"figure.{name}"] for name in figures.DRAWERS}


def test_figures_of_a_page_are_the_same_with_and_without_a_font(monkeypatch):
    result = fake_result(rows=120, targets=("温度",))
    monkeypatch.setattr(fonts, "chinese_font", lambda: "Somebody's Font")
    one = svg(result, "forecast", lang="zh")
    monkeypatch.setattr(fonts, "chinese_font", lambda: None)
    assert one == svg(result, "forecast", lang="zh")


def test_figures_of_a_page_take_its_fonts_and_colours():
    html = svg(fake_result(rows=120, horizon=1, targets=("<b>&\x00",)), "forecast")
    assert "font-family" not in html
    assert "DejaVu" not in html
    # whatever is coloured changes with the theme
    assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", html)) <= {"none"} | {
        f"var(--{name})" for name in pictures.page_colours(LIGHT)
    }
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(html).iter("text")]
    assert "<b>&" in texts


def test_figures_of_a_page_share_no_name():
    result = fake_result(rows=120)
    names = [re.findall(r' id="([^"]+)"', svg(result, name)) for name in ("zoom", "loss", "residuals")]
    assert sum(map(len, names)) == len(set().union(*names)) > 0
    html = svg(result, "residuals")
    assert set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)", html)[0]) - {""} <= set(names[2])


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_labels_of_a_page_lie_within_it(lang):
    """Measured as wide as in DejaVu and one em for each Chinese character; browsers' own fonts are narrower."""
    result = fake_result(rows=150, targets=("温度", "x" * 60), series=2)
    for name in figures.DRAWERS:
        root = ElementTree.fromstring(svg(result, name, lang=lang))
        width, height = map(float, root.get("viewBox").split()[2:])
        for text in root.iter("text"):
            if text.get("x") is None:
                continue
            size = float(re.search(r"font-size: ([\d.]+)px", text.get("style"))[1])
            wide = size * sum(0.65 if char.isascii() else 1 for char in text.text)
            left = float(text.get("x")) - wide * {"start": 0, "middle": 0.5, "end": 1}[anchor(text)]
            assert -0.25 * wide <= left, text.text
            assert left + wide <= width + 0.25 * wide, text.text
            assert size * 0.8 <= float(text.get("y")) <= height, text.text


def anchor(text):
    return re.search(r"text-anchor: (\w+)", text.get("style"))[1]


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    pictures.png(figures.drawer(fake_result(rows=120), "loss"), style=DARK)
    assert dict(matplotlib.rcParams) == before
    assert not Gcf.figs  # pyplot knows of none
