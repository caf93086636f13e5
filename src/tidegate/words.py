"""Phrases in English and Chinese: every package keeps its own as data, in `words/en.json` and `words/zh.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from tidegate.errors import SettingError

LANGUAGES = ("en", "zh")


def check_language(lang: str) -> None:
    """Raise a SettingError for a language other than `LANGUAGES`."""
    if lang not in LANGUAGES:
        raise SettingError(f"lang must be one of {', '.join(LANGUAGES)}, not {lang!r}")


@lru_cache(maxsize=64)
def words(package: str, lang: str) -> Mapping[str, str]:
    """The phrases of a package, such as "tidegate.tables", by their keys; what they leave open stands in braces.

    Raises:
        SettingError: for a language other than `LANGUAGES`.
    """
    check_language(lang)
    file = files(package) / "words" / f"{lang}.json"
    return MappingProxyType(json.loads(file.read_text(encoding="utf-8")))


def words_of(packages: Iterable[str], lang: str) -> Mapping[str, str]:
    """The phrases of several packages together, for a reader such as a page that knows no packages."""
    return {key: phrase for package in packages for key, phrase in words(package, lang).items()}
