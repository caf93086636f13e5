"""Fonts of the figures: one that has Chinese characters, where the machine has one, and no tofu where it has none."""

from __future__ import annotations

from collections.abc import Sequence
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
SAMPLE = "预测误差训练验证测试残差"
MISSING = "□"
LONGEST = 80
ADVICE = "No font with Chinese characters was found, so the figures are in English; install one: fonts-noto-cjk."


@lru_cache(maxsize=1)
def chinese_font() -> str | None:
    """The family name of an installed font that has Chinese characters; None where there is none."""
    known = {entry.name: entry.fname for entry in reversed(font_manager.fontManager.ttflist)}
    for family in CHINESE:
        if family in known and _has(known[family], SAMPLE):
            return family
    return _newly_installed(set(known.values()))


def font_families() -> list[str]:
    """What to set as font.family: characters that the first font lacks are taken from the next."""
    chinese = chinese_font()
    return [LATIN, chinese] if chinese else [LATIN]


def drawable(text: str, fonts: Sequence[str] | None = None) -> str:
    """The text, cut where it is very long, with a box for every character that none of the fonts has."""
    known = _characters(tuple(font_families() if fonts is None else fonts))
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return "".join(char if ord(char) in known else MISSING for char in text if char.isprintable())


def has_all(family: str, text: str) -> bool:
    """Whether one font has every character of the text."""
    return {ord(char) for char in text} <= _characters((family,))


def _newly_installed(known: set[str]) -> str | None:
    """Look through font files that matplotlib's cache does not list yet; the one found is added to its list."""
    hints = (*(name.replace(" ", "").lower()[:8] for name in CHINESE), "wqy", "msyh", "sourcehan")
    for path in sorted(font_manager.findSystemFonts()):
        stem = Path(path).stem.replace(" ", "").replace("-", "").lower()
        if path not in known and stem.startswith(hints) and _has(path, SAMPLE):
            font_manager.fontManager.addfont(path)
            return FT2Font(path).family_name
    return None


def _has(path: str, text: str) -> bool:
    try:
        charmap = FT2Font(path).get_charmap()
    except (OSError, RuntimeError):  # uninstalled since matplotlib listed it, or a format it cannot read
        return False
    return all(ord(char) in charmap for char in text)


@lru_cache(maxsize=4)
def _characters(fonts: tuple[str, ...]) -> frozenset[int]:
    paths = [font_manager.findfont(family) for family in fonts]
    return frozenset().union(*(FT2Font(path).get_charmap() for path in paths))
