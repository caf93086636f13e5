"""Declaring a cell, and finding the built-in ones."""

from pathlib import Path

import pytest

from tidegate import cells
from tidegate.cells import Cell, Initial
from tidegate.errors import SettingError


def declare(**attributes):
    attributes = {"gates": ("a",), "step": staticmethod(lambda z, prev, w: (z.a,))} | attributes
    return type("Mine", (Cell,), attributes)


def test_names_are_the_files_in_the_package():
    files = {path.stem for path in Path(cells.__file__).parent.glob("*.py")}
    assert cells.names() == sorted(files - {"__init__", "cell", "aliases"})
    assert {"rnn", "lstm", "gru"} <= set(cells.names())


@pytest.mark.parametrize("name", cells.names())
def test_built_in_cell_is_found_in_any_case_and_says_where_it_comes_from(name):
    cell = cells.get(name)
    assert cell is cells.get(name.upper()) is cells.get(cell)
    assert cell.name == name
    assert cell.title
    assert cell.paper


@pytest.mark.parametrize("wrong", ["lstn", "cell", "", None, 3, Cell, int])
def test_get_lists_the_cells_for_an_unknown_one(wrong):
    with pytest.raises(SettingError, match="gru, layernorm, lstm"):
        cells.get(wrong)


def test_cell_takes_its_name_from_its_class_and_never_its_parents_title():
    class Twice(cells.get("lstm")):
        pass

    assert (Twice.name, Twice.title) == ("twice", "Twice")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"gates": ()}, "gates"),
        ({"gates": "abc"}, "gates"),
        ({"gates": ("a", "a")}, "differ"),
        ({"gates": ("not a name",)}, "gates"),
        ({"states": ()}, "states"),
        ({"weights": ("_hidden",)}, "weights"),
        ({"split": ("b",)}, "split"),
        ({"step": Cell.step}, "step"),
    ],
)
def test_wrong_declaration_is_refused_at_once(attributes, message):
    with pytest.raises(SettingError, match=message):
        declare(**attributes)


def test_lstm_starts_out_remembering():
    assert cells.get("lstm").initial == Initial(bias={"forget": 1.0})
