"""The report says the verdict first, holds everything it shows, and cannot be hijacked by a column's name."""

import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from fake_result import fake_result
from matplotlib import font_manager
from PIL import Image

from browser import chromium
from lacking import need
from tidegate.errors import SettingError
from tidegate.forecasting.evaluation import figures, report
from tidegate.forecasting.evaluation.report import write_report
from tidegate.notes import Note
from tidegate.reporting import fonts, pictures, sections

HOSTILE = "<script>alert('x')</script>\"&{{ 1 }}"


class Page(HTMLParser):
    """What a browser would find: tags with their attributes, and the text in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self._styling = [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._styling = tag in ("style", "title")

    def handle_endtag(self, tag):
        self._styling = False

    def handle_data(self, data):
        if data.strip() and not self._styling:
            self.words.append(data.strip())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def result():
    return fake_result(rows=150, targets=(HOSTILE, "温度"), series=2, horizon=3)


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "report"
    assert write_report(result, folder) == folder / "report.html"
    return folder


@pytest.fixture
def one_pixel(monkeypatch):
    """Figures that cost no time, for tests of what stands around them."""
    monkeypatch.setattr(report, "png", lambda *_, **__: b"\x89PNG")
    for module in (report, sections):
        monkeypatch.setattr(module, "page_svg", lambda *_, label, **__: f'<svg aria-label="{escape(label)}"></svg>')


def test_folder_holds_every_file_and_no_leftovers(folder, result):
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    images = sorted(f"figures/{name}.png" for name in figures.figure_names(result))
    kept = [
        f"result/{name}"
        for name in ("ahead.csv", "errors.csv", "examples.csv", "forecasts.csv", "result.json", "parts.csv")
    ]
    assert found == sorted(["backtest.csv", *images, "history.csv", *kept, "metrics.json", "report.html"])
    for path in (folder / "figures").iterdir():
        Image.open(path).verify()


def test_first_line_is_the_verdict(folder, result):
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    first = " ".join(page.words[:2]).replace("\u00a0", " ").replace("\u2060", "")
    assert result.verdict.text in first


def test_report_needs_nothing_from_outside_and_is_small(folder):
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert len(html) < 3_000_000
    page = Page(html)
    for _, attributes in page.tags:
        for name in ("src", "srcset", "href"):
            assert attributes.get(name, "data:").startswith(("data:", "#"))
    assert set(re.findall(r"url\(.", html)) <= {"url(#"}
    assert "@import" not in html


def test_report_escapes_every_user_string(result, tmp_path, one_pixel):
    notes = (Note("tables.said", {"text": HOSTILE}),)
    hostile = replace(result, notes=notes, settings={HOSTILE: HOSTILE}, verdict=replace(result.verdict, method=HOSTILE))
    html = write_report(hostile, tmp_path).read_text(encoding="utf-8")
    page = Page(html)
    assert not page.all("script")
    assert sum(HOSTILE in word for word in page.words) >= 5


def test_figures_escape_every_user_string(folder, result):
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert not page.all("script")
    assert any(HOSTILE in image["aria-label"] for image in page.all("svg"))
    assert any(word.startswith(HOSTILE) for word in page.words)


def test_report_is_accessible(folder):
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("svg")) == 7
    assert all(image["aria-label"] and image["role"] == "img" for image in page.all("svg"))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    assert len(page.all("h1")) == 1


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_of_text_have_contrast(folder, theme):
    css = re.findall(r":root \{(.*?)\}", (folder / "report.html").read_text(encoding="utf-8"), re.S)[theme]
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", css))
    pairs = [("ink", paper) for paper in ("paper", "soft", "good-soft", "bad-soft", "even-soft")]
    pairs += [("faint", "paper"), ("accent", "soft"), ("good", "good-soft"), ("bad", "bad-soft"), ("even", "even-soft")]
    for ink, paper in pairs:
        light, dark = sorted((_luminance(colours[ink]), _luminance(colours[paper])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def _luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_chinese_report_is_chinese(result, tmp_path, one_pixel):
    page = Page(write_report(result, tmp_path, "zh").read_text(encoding="utf-8"))
    assert page.all("html")[0]["lang"] == "zh-CN"
    assert "如何阅读本报告" in page.words
    assert {"时间步长为 h，由时间戳推断得出", "作为缺失值补入的行数：3"} <= set(page.words)
    assert result.verdict.sentence("zh") in " ".join(page.words[:2]).replace("\u00a0", " ").replace("\u2060", "")


def test_without_a_chinese_font_the_report_says_which_to_install(result, tmp_path, one_pixel, monkeypatch):
    monkeypatch.setattr(fonts, "chinese_font", lambda: None)
    monkeypatch.setattr(pictures, "chinese_font", lambda: None)
    assert "fonts-noto-cjk" in write_report(result, tmp_path, "zh").read_text(encoding="utf-8")


def test_other_languages_are_refused(result, tmp_path):
    with pytest.raises(SettingError, match="en, zh"):
        write_report(result, tmp_path / "run", "fr")
    assert not (tmp_path / "run").exists()


def test_best_of_each_column_is_marked(tmp_path, one_pixel):
    html = write_report(fake_result(rows=150, noise=0.1), tmp_path).read_text(encoding="utf-8")
    rows = re.findall(r"<tr( class=\"mine\")?><th scope=\"row\">(.*?)</tr>", html, re.S)
    assert next(row for own, row in rows if own).count('class="best"') == 7
    assert sum(row[1].count('class="best"') for row in rows) == 7


def test_backtest_csv_reads_back_as_the_forecasts(folder, result):
    read = pd.read_csv(folder / "backtest.csv", parse_dates=["ds", "cutoff"])
    pd.testing.assert_frame_equal(read, result.forecasts, check_dtype=False)


def test_forecast_stands_behind_the_verdict(tmp_path, one_pixel):
    result = fake_result(rows=150, horizon=20)
    page = Page(write_report(result, tmp_path).read_text(encoding="utf-8"))
    said = page.words
    assert said.index("The forecast") < said.index("Errors on the test windows")
    assert "trained again on all rows" in " ".join(said)
    rows = [row for row in re.findall(r"<tr>.*?</tr>", (tmp_path / "report.html").read_text(encoding="utf-8"), re.S)]
    first = result.ahead.iloc[0]
    row = next(row for row in rows if f"{first['ds']:%Y-%m-%d %H:%M}" in row)
    for column in ("LSTM", "LSTM-lo-80", "LSTM-hi-80"):
        assert f"{first[column]:.3f}" in row
    assert "All 20 steps" in said


def test_without_a_forecast_its_section_is_left_out(tmp_path, one_pixel):
    result = replace(fake_result(rows=150), ahead=pd.DataFrame())
    page = Page(write_report(result, tmp_path).read_text(encoding="utf-8"))
    assert "The forecast" not in page.words
    assert result.verdict.text in " ".join(page.words[:2]).replace("\u00a0", " ").replace("\u2060", "")


def test_intervals_coverage_is_told(tmp_path, one_pixel):
    result = fake_result(rows=150, horizon=1)
    truth = result.forecasts["y"].to_numpy()
    result.forecasts["LSTM-lo-90"] = truth - 1
    result.forecasts["LSTM-hi-90"] = np.where(np.arange(len(truth)) % 2, truth + 1, truth - 0.5)
    page = Page(write_report(result, tmp_path).read_text(encoding="utf-8"))
    assert any(re.search(r"90 % intervals held (50|4\d|5\d).*%", word) for word in page.words)


OVERLAPS = """
[...document.querySelectorAll('figure svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect(), all = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim())
  const boxes = all.map(t => [t.getBoundingClientRect(), t.textContent]), wrong = []
  boxes.forEach(([a, said], i) => {
    if (a.left < frame.left - 1 || a.right > frame.right + 1) wrong.push(`${said} is cut`)
    if (a.top < frame.top - 1 || a.bottom > frame.bottom + 1) wrong.push(`${said} is cut`)
    boxes.slice(i + 1).forEach(([b, other]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left)
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
      if (wide > 1 && high > 0.4 * Math.min(a.height, b.height)) wrong.push(`${said} lies on ${other}`)
    })
  })
  return wrong
})
"""


def test_a_phone_scrolls_tables_and_figures_but_not_the_page(folder):
    need(font_manager.findSystemFonts(), "any font for Chromium")
    with chromium(viewport={"width": 390, "height": 800}) as page:
        page.goto((folder / "report.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        size = "parseFloat(getComputedStyle(document.querySelector('figure svg text')).fontSize)"
        scale = "document.querySelector('figure svg').getBoundingClientRect().width / 691.2"
        assert page.evaluate(f"{size} * {scale}") > 8
        first, second = page.evaluate(
            "[...document.querySelectorAll('figure svg')].slice(0, 2).map(e => e.getBoundingClientRect().right)"
        )
        assert first <= 390 < second  # the forecast stands at the end of its figure, and must not need to be looked for


@pytest.mark.parametrize("family", ["", "DejaVu Sans"])  # the browser's own, and the widest that is common
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("shape", [{"targets": ("温度", "load"), "horizon": 6}, {"horizon": 1, "numeric_time": True}])
def test_labels_in_chromium_are_whole_and_apart(lang, shape, family, tmp_path, monkeypatch):
    need(font_manager.findSystemFonts(), "any font for Chromium")
    monkeypatch.setattr(report, "png", lambda *_, **__: b"\x89PNG")
    path = write_report(fake_result(rows=150, **shape), tmp_path, lang)
    if family:
        page = path.read_text(encoding="utf-8").replace("font-family: system-ui", f"font-family: '{family}'")
        path.write_text(page, encoding="utf-8")
    with chromium(locale={"en": "en-US", "zh": "zh-CN"}[lang], viewport={"width": 1100, "height": 1400}) as page:
        page.goto(path.as_uri())
        assert page.evaluate("document.querySelectorAll('figure svg text').length") > 50
        assert page.evaluate(OVERLAPS) == []
        assert page.said == []
