"""Notes travel through JSON, and no note lacks its phrase."""

import ast
import json
from pathlib import Path
from string import Formatter

import pytest

import tidegate
from tidegate.errors import SettingError
from tidegate.notes import Note
from tidegate.words import words

SOURCE = Path(tidegate.__file__).parent


def placeholders(phrase):
    return sorted({name for _, name, _, _ in Formatter().parse(phrase) if name})


def made_notes():
    """(key, names of params) of every `Note(...)` that the source makes; keys put together there are patterns."""
    for path in SOURCE.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Note":
                params = call.args[1].keys if len(call.args) > 1 else []
                yield call.args[0], sorted(name.value for name in params)


def test_every_note_of_the_source_has_a_phrase_that_asks_for_its_params():
    literal = [(key.value, params) for key, params in made_notes() if isinstance(key, ast.Constant)]
    assert len(literal) > 20
    for key, params in literal:
        package, phrase = key.split(".")
        assert placeholders(words(f"tidegate.{package}", "en")[phrase]) == params, key


def test_note_is_a_sentence_in_each_language():
    note = Note("tables.gaps_closed", {"count": 3})
    assert str(note) == f"{note}" == note.sentence("en") == "rows put in as missing values: 3"
    assert note.sentence("zh") == "作为缺失值补入的行数：3"
    with pytest.raises(SettingError, match="lang must be one of en, zh, not 'fr'"):
        note.sentence("fr")


def test_note_survives_json_and_older_sentences_stay_as_they_were():
    note = Note("tables.step_inferred", {"freq": 0.5})
    assert Note.from_json(json.loads(json.dumps(note.to_json()))) == note
    assert str(Note.from_json("{rows} were left out")) == "{rows} were left out"


@pytest.mark.parametrize(
    "value",
    [
        {"key": "tables.unheard", "params": {}},
        {"key": "nowhere.said", "params": {}},
        {"key": "..", "params": {}},
        {"key": "tables.sorted", "params": {"count": 3}},
    ],
)
def test_note_that_nothing_says_is_refused(value):
    with pytest.raises(ValueError, match="no phrase says the note"):
        Note.from_json(value)
