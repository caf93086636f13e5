"""Which numbers cells hold: separators, currencies, parentheses; and cells that hold none, with their rows."""

import numpy as np
import pandas as pd
import pytest
from table_tools import build, fault, frame_of

from tidegate.errors import DataError
from tidegate.tables.marks import Marks
from tidegate.tables.numbers import read_numbers
from tidegate.tables.reading import read_table
from tidegate.tables.settings import TableSettings


def test_fault_text_among_numbers():
    frame = frame_of(["a"]).astype({"y": object})
    frame.loc[3, "y"] = "oops"
    fault(frame, r"'y' is not a number in row 4 \('oops'\); correct")


def test_fault_infinite_values():
    frame = frame_of(["a"])
    frame.loc[[1, 4], "y"] = np.inf
    fault(frame, "'y' is infinite in rows 2, 5; replace")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1.234,5", "0,5"], [1234.5, 0.5]),
        (["1,234.5", "0.5"], [1234.5, 0.5]),
        (["1.234.567", "106.500"], [1234567, 106500]),
        (["106.500", "0.5"], [106.5, 0.5]),
        (["106,500", "0,123"], [106.5, 0.123]),
        (["106,500", "1,234,567"], [106500, 1234567]),
        (["1 234,5", "12\N{NO-BREAK SPACE}000"], [1234.5, 12000]),
        (["1'234.5", "12’000.0"], [1234.5, 12000]),
        (["$1,234.50", "-$5.00", "$ 7.5"], [1234.5, -5, 7.5]),
        (["5,50 €", "1.000,25 EUR"], [5.5, 1000.25]),
        (["(12.5)", "\N{MINUS SIGN}3.25", "($4.5)"], [-12.5, -3.25, -4.5]),
        (["12.5%", "7%", "NA"], [12.5, 7, np.nan]),
    ],
)
def test_numbers_in_text_are_what_people_mean(texts, expected):
    np.testing.assert_array_equal(read_numbers(pd.Series(texts), "y")[0], expected)


@pytest.mark.parametrize("text", ["106.500", "106,500", "1.234%"])
def test_numbers_that_read_either_way_are_refused_until_a_setting_says_it(text):
    frame = frame_of(["a"], 2).assign(y=[text, text[:-1] + text[-1]])
    fault(frame, r"'y' may mean .* \(decimal='.'\) or .* \(decimal=','\) by .* in rows 1, 2; say .*--decimal")
    point, comma = (build(frame, decimal=mark)[0].targets[0, 0] for mark in ".,")
    mark = "." if "." in text else ","
    fine, grouped = (point, comma) if mark == "." else (comma, point)
    assert (grouped, fine) == (fine * 1000, float(text.rstrip("%").replace(",", ".")))
    assert build(frame, thousands=mark)[0].targets[0, 0] == grouped


def test_numbers_with_currencies_are_read_with_a_note():
    panel, _ = build(frame_of(["a"], 2).assign(y=["$1,234.50", "(3.25)"]))
    assert "'$1,234.50' as 1234.5" in " ".join(map(str, panel.notes))
    assert not read_numbers(pd.Series(["1.5", "2"]), "y")[1]


def test_fault_groups_of_thousands_that_are_none():
    for texts in (["1,23,456", "5.5"], ["1,2345.5"], ["1.5,5,5"]):
        with pytest.raises(DataError, match="is not a number"):
            read_numbers(pd.Series(texts), "y")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d;y\n1;106.500\n2;99.250\n", None),
        ("d;y\n1;950\n2;1.200\n", None),
        ('d,y\n1,"106,500"\n2,"99,250"\n', None),
        ("d;y\n1;106,500\n2;99,250\n", None),
        ("d;y;z\n1;106.500;1,5\n2;99.250;2,5\n", [106500, 99250]),
        ("d;y;z\n1;106.500;1.5\n2;99.250;2.5\n", [106.5, 99.25]),
        ('d,y,z\n1,"106,500",1.5\n2,"99,250",2.5\n', [106500, 99250]),
        ("d;y\n1;106.500\n2;99.25\n", [106.5, 99.25]),
        ("d,y\n1,106.500\n2,99.250\n", [106.5, 99.25]),
        ("d\ty\n1\t106.500\n2\t99.250\n", [106.5, 99.25]),
        ("d;y;m\n1;106.500;11.2020\n2;99.250;12.2020\n", None),
    ],
)
def test_numbers_of_a_file_are_read_by_the_mark_that_it_shows(tmp_path, text, expected):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    column = read_table(tmp_path / "a.csv")["y"]
    if expected is not None:
        assert read_numbers(column, "y")[0].tolist() == expected
        return
    with pytest.raises(DataError, match="may mean"):
        read_numbers(column, "y")
    comma = read_numbers(read_table(tmp_path / "a.csv", TableSettings(decimal=","))["y"], "y", Marks(","))[0]
    point = read_numbers(read_table(tmp_path / "a.csv", TableSettings(decimal="."))["y"], "y", Marks("."))[0]
    assert {comma[1] / point[1], point[1] / comma[1]} == {1000.0, 0.001}


def test_numbers_after_the_sample_of_a_file_can_be_unclear(tmp_path):
    (tmp_path / "a.csv").write_text("d;y\n" + "1;950\n" * 20_000 + "1;1.200\n", encoding="utf-8")
    with pytest.raises(DataError, match="in row 20001"):
        read_numbers(read_table(tmp_path / "a.csv")["y"], "y")


def test_whole_numbers_of_a_file_stay_whole(tmp_path):
    (tmp_path / "a.csv").write_text("id;day;y\n7;20200101;1,5\n8;20200102;2,5\n", encoding="utf-8")
    assert read_table(tmp_path / "a.csv").dtypes.astype(str).tolist() == ["int64", "int64", "float64"]
