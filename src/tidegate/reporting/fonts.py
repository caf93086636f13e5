"""Fonts of the figures that are drawn here (PNG): one with Chinese characters, where the machine has one.

Matplotlib keeps a list of fonts in a file and does not notice what was installed or removed later. So the font's own
file is looked at: whether it is there, has the characters, and how bold it is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

LATIN = "DejaVu Sans"  # comes with matplotlib
CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Noto Sans CJK JP",  # the name under which matplotlib knows the first face of the common .ttc with all of them
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "STHeiti",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "SimHei",
    "SimSun",
    "Arial Unicode MS",
)
FILES = (*dict.fromkeys(name.replace(" ", "").lower()[:8] for name in CHINESE), "wqy", "msyh", "sourcehan")
SAMPLE = "预测误差训练验证测试残差"
REGULAR = 400
UNKNOWN = "?"
LONGEST = 80


@lru_cache(maxsize=1)
def chinese_font() -> str | None:
    """The family name of an installed font that has Chinese characters; None where there is none.

    Matplotlib finds its regular face under that name from then on, even where its list of fonts is out of date.
    """
    with quiet():
        listed = {entry.fname for entry in font_manager.fontManager.ttflist if entry.name in CHINESE}
        faces = _faces(listed)
        if not any(weight == REGULAR for weight, *_ in faces):
            faces += _faces(_files() - listed)
    if not faces:
        return None
    _, _, path, family = min(faces)
    # first in the list wins: an entry for a file that is gone, or for the bold face alone, may stand further down
    own = font_manager.FontEntry(fname=path, name=family, weight=REGULAR, stretch="normal", size="scalable")
    font_manager.fontManager.ttflist.insert(0, own)
    return family


def font_families() -> list[str]:
    """What to set as font.family: characters that the first font lacks are taken from the next."""
    chinese = chinese_font()
    return [LATIN, chinese] if chinese else [LATIN]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep matplotlib's log about fonts to ourselves: it tells of its list of fonts, about which nobody asked."""
    log = logging.getLogger("matplotlib.font_manager")
    log.addFilter(_nothing)
    try:
        yield
    finally:
        log.removeFilter(_nothing)


def readable(text: str) -> str:
    """The text without characters that cannot be shown, cut where it is very long."""
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return "".join(char for char in text if char.isprintable())


def drawable(text: str, fonts: Sequence[str] | None = None) -> str:
    """The readable text, with a question mark for every character that none of the fonts has."""
    known = _characters(tuple(font_families() if fonts is None else fonts))
    return "".join(char if ord(char) in known else UNKNOWN for char in readable(text))


def has_all(family: str, text: str) -> bool:
    """Whether one font has every character of the text."""
    return {ord(char) for char in text} <= _characters((family,))


def _nothing(record: logging.LogRecord) -> bool:
    return False


def _files() -> set[str]:
    """Font files on this machine whose names are those of Chinese fonts; its list may not have them yet."""
    stems = {path: Path(path).stem.replace(" ", "").replace("-", "").lower() for path in font_manager.findSystemFonts()}
    return {path for path, stem in stems.items() if stem.startswith(FILES)}


def _faces(paths: set[str]) -> list[tuple[int, int, str, str]]:
    """Those that have Chinese characters: (distance from the regular weight, place in CHINESE, path, family)."""
    found = []
    for path in paths:
        face = _open(path)
        if face is not None and all(ord(char) in face.get_charmap() for char in SAMPLE):
            family = face.family_name
            place = CHINESE.index(family) if family in CHINESE else len(CHINESE)
            found.append((abs(_weight(face) - REGULAR), place, path, family))
    return found


def _open(path: str) -> FT2Font | None:
    try:
        return FT2Font(path)
    except (OSError, RuntimeError):  # uninstalled since matplotlib listed it, or a format it cannot read
        return None


def _weight(face: FT2Font) -> int:
    """From 100, thin, to 900; 400 is regular."""
    table = face.get_sfnt_table("OS/2")
    return int(table["usWeightClass"]) if table else REGULAR


@lru_cache(maxsize=4)
def _characters(fonts: tuple[str, ...]) -> frozenset[int]:
    with quiet():
        paths = [font_manager.findfont(family) for family in fonts]
    return frozenset().union(*(FT2Font(path).get_charmap() for path in paths))
