"""A Chinese font is found whatever matplotlib's list of fonts says, in its regular weight, and nothing is logged."""

import logging
import os
import subprocess
import sys

import pytest
from made_figure import labelled
from made_fonts import make_font
from matplotlib import font_manager
from matplotlib.font_manager import FontEntry, FontProperties

from tidegate.reporting import fonts, pictures

SC = "Noto Sans CJK SC"
DRAW = f"""
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
from made_figure import labelled
from matplotlib import font_manager
from tidegate.reporting import fonts, pictures
assert len(pictures.png(labelled("温度"), lang="zh")) > 1000
print(font_manager.findfont(fonts.font_families()[-1]))
"""


@pytest.fixture
def machine(monkeypatch):
    """A machine with these font files, of which matplotlib's list has those."""

    def fresh():
        for cached in (fonts.chinese_font, fonts._characters, font_manager.fontManager._findfont_cached):
            cached.cache_clear()

    def install(files, listed=()):
        own = [entry for entry in font_manager.fontManager.ttflist if entry.name == fonts.LATIN]
        monkeypatch.setattr(font_manager.fontManager, "ttflist", [*own, *listed])
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_, **__: list(files))
        fresh()

    yield install
    monkeypatch.undo()
    fresh()


def test_a_font_that_the_list_does_not_have_is_found(machine, tmp_path, caplog):
    path = make_font(tmp_path / "NotoSansCJK-Regular.ttf")
    machine([path])
    assert fonts.font_families() == [fonts.LATIN, SC]
    assert font_manager.findfont(SC) == path
    assert not caplog.records


def test_the_regular_weight_is_taken(machine, tmp_path):
    bold, regular = (make_font(tmp_path / f"NotoSansCJK-{weight}.ttf", weight=weight) for weight in (700, 400))
    machine([bold, regular])
    assert fonts.chinese_font() == SC
    assert font_manager.findfont(SC) == regular
    machine([regular], listed=[FontEntry(fname=bold, name=SC, weight=400)])  # as where the list mistook the weight
    assert fonts.chinese_font() == SC
    assert font_manager.findfont(SC) == regular
    machine([bold])  # better than none
    assert fonts.chinese_font() == SC


def test_a_variable_fonts_thin_default_is_not_taken(machine, tmp_path):
    thin = make_font(tmp_path / "NotoSansSC[wght].ttf", "Noto Sans SC", 100)
    other = make_font(tmp_path / "wqy-microhei.ttf", "WenQuanYi Micro Hei", 400)
    machine([thin, other])
    assert fonts.chinese_font() == "WenQuanYi Micro Hei"


def test_a_listed_font_that_is_gone_is_passed_over(machine, tmp_path, caplog):
    gone = FontEntry(fname=str(tmp_path / "gone.ttc"), name=SC, weight=400)
    machine([], listed=[gone])
    assert fonts.chinese_font() is None
    path = make_font(tmp_path / "NotoSansCJK-Regular.ttf")
    machine([path], listed=[gone])
    pictures.png(labelled("温度"), lang="zh")
    assert font_manager.findfont(SC) == path
    assert not caplog.records


def test_files_that_are_no_chinese_fonts_are_passed_over(machine, tmp_path):
    (tmp_path / "simhei.ttf").write_bytes(b"not a font")
    machine([str(tmp_path / "simhei.ttf"), make_font(tmp_path / "noto-sans-latin.ttf", "Noto Sans CJK SC", text="abc")])
    assert fonts.chinese_font() is None


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_drawing_logs_nothing_of_fonts(lang, machine, tmp_path, caplog):
    machine([make_font(tmp_path / "NotoSansCJK-Bold.ttf", weight=700)])
    pictures.png(labelled("温度 \U0001f600"), lang=lang)
    assert not [record for record in caplog.records if record.name.startswith("matplotlib")]
    assert not logging.getLogger("matplotlib.font_manager").filters


def test_an_out_of_date_list_prints_nothing_and_gives_the_regular_face(tmp_path):
    """As on a machine where matplotlib was used, then one font was removed and another installed."""
    bold = make_font(tmp_path / "share" / "fonts" / "NotoSansCJK-Bold.ttf", weight=700)
    regular = make_font(tmp_path / "share" / "fonts" / "NotoSansCJK-Regular.ttf")
    manager = font_manager.FontManager.__new__(font_manager.FontManager)
    vars(manager).update({key: value for key, value in vars(font_manager.fontManager).items() if key != "ttflist"})
    gone = FontEntry(fname=str(tmp_path / "gone.ttc"), name="Noto Sans SC", weight=400)
    listed = [FontEntry(fname=bold, name=SC, weight=700), gone]
    manager.ttflist = [entry for entry in font_manager.fontManager.ttflist if entry.name == fonts.LATIN] + listed
    list_file = f"fontlist-v{font_manager.FontManager.__version__}.json"
    (tmp_path / "config").mkdir()
    font_manager.json_dump(manager, tmp_path / "config" / list_file)
    own = {"MPLCONFIGDIR": str(tmp_path / "config"), "XDG_DATA_HOME": str(tmp_path / "share"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", f"exec({DRAW!a})"]  # a locale in ASCII takes no other arguments
    done = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == regular


def test_the_made_fonts_have_the_weights_that_they_should(tmp_path):
    for weight in (400, 700):
        path = make_font(tmp_path / f"{weight}.ttf", weight=weight)
        assert FontProperties(fname=path).get_name() == SC
        assert fonts._weight(fonts._open(path)) == weight
