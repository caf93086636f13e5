"""Every package's phrases say the same in both languages; none is missing and none is left over."""

import ast
import json
import re
from pathlib import Path
from string import Formatter

import pytest

import tidegate
from tidegate.errors import SettingError
from tidegate.words import LANGUAGES, words

SOURCE = Path(tidegate.__file__).parent
FOLDERS = sorted(path for path in SOURCE.rglob("words") if path.is_dir())
PACKAGES = {".".join(["tidegate", *folder.parent.relative_to(SOURCE).parts]): folder for folder in FOLDERS}


def _unique(pairs):
    assert len({key for key, _ in pairs}) == len(pairs), "a key stands twice"
    return dict(pairs)


def _phrases(package):
    files = [PACKAGES[package] / f"{lang}.json" for lang in LANGUAGES]
    return [json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_unique) for file in files]


def _asked(phrase):
    return {name for _, name, _, _ in Formatter().parse(phrase) if name is not None}


def _patterns():
    """Regular expressions for every text in the source and in pages: what an f-string leaves open may be anything."""
    pages = [path for path in SOURCE.rglob("*") if path.suffix in (".js", ".html") and "vendor" not in path.parts]
    found = {
        re.escape(text)
        for path in pages
        for text in re.findall(r"[\"'`]([\w.]+)[\"'`]", path.read_text(encoding="utf-8"))
    }
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(re.escape(node.value))
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                parts = [
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+" for part in node.values
                ]
                found.add("".join(parts))
    return found


def _keys_of_subscripts():
    """Every constant key by which a phrase is asked for, as in `say["key"]` or `words(package, lang)["key"]`."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                asked = node.value
                if (isinstance(asked, ast.Name) and asked.id == "say") or (
                    isinstance(asked, ast.Call) and isinstance(asked.func, ast.Name) and asked.func.id == "words"
                ):
                    yield path.relative_to(SOURCE), node.slice.value


@pytest.mark.parametrize("package", PACKAGES)
def test_both_languages_have_the_same_phrases(package):
    english, chinese = _phrases(package)
    assert list(english) == list(chinese)
    assert all(isinstance(phrase, str) and phrase.strip() for phrase in [*english.values(), *chinese.values()])


@pytest.mark.parametrize("package", PACKAGES)
def test_both_languages_ask_for_the_same_values(package):
    english, chinese = _phrases(package)
    assert [key for key in english if _asked(english[key]) != _asked(chinese[key])] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_chinese_phrases_are_chinese(package):
    _, chinese = _phrases(package)
    bare = {key: re.sub(r"\{.*?\}", "", phrase) for key, phrase in chinese.items()}
    assert [key for key, phrase in bare.items() if phrase and not re.search(r"[\u4e00-\u9fff]", phrase)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_phrase_is_left_over(package):
    """A phrase is asked for by its key, or as a note by its package and key: "tables.sorted"."""
    short = package.removeprefix("tidegate.")
    used = re.compile("|".join(sorted(_patterns(), key=len, reverse=True)))
    assert [key for key in words(package, "en") if not (used.fullmatch(key) or used.fullmatch(f"{short}.{key}"))] == []


def test_no_phrase_is_missing():
    every = set().union(*(words(package, "en") for package in PACKAGES))
    asked = list(_keys_of_subscripts())
    assert len(asked) > 20
    assert [(str(path), key) for path, key in asked if key not in every] == []


@pytest.mark.parametrize("number", range(len(LANGUAGES)), ids=LANGUAGES)
def test_no_text_stands_in_two_packages(number):
    """What two packages say is written once: the page takes the reports' phrases from the reports."""
    places = {}
    for package in PACKAGES:
        for key, phrase in _phrases(package)[number].items():
            if phrase != "{text}":  # what is said is the user's own
                places.setdefault(phrase.casefold().strip(" .。"), {}).setdefault(package, key)
    assert [where for where in places.values() if len(where) > 1] == []


def test_other_languages_are_refused():
    with pytest.raises(SettingError, match="en, zh"):
        words("tidegate.reporting", "fr")


def test_phrases_cannot_be_changed():
    with pytest.raises(TypeError):
        words("tidegate.reporting", "en")["epoch"] = "step"
