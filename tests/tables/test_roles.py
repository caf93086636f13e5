"""Roles of columns: what is inferred and noted, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from table_tools import build, fault, frame_of


def test_panel_infers_time_and_target_and_states_it(tmp_path):
    path = tmp_path / "air.csv"
    path.write_text('"Month","Passengers"\n"1949-01",112\n"1949-02",118\n"1949-03",132\n', encoding="utf-8")
    panel, columns = build(path)
    assert (columns.id, columns.time, columns.targets, columns.frame) == (None, "Month", ("Passengers",), "file")
    assert panel.ids.tolist() == ["series"]
    assert panel.freq == "MS"
    assert [note.key for note in panel.notes[:2]] == ["tables.time_column", "tables.target_column"]


def test_panel_counts_rows_when_nothing_is_a_time():
    panel, columns = build(pd.DataFrame({"Y": [5.0, 6.0, 7.0]}))
    assert columns.time is None
    assert panel.times.tolist() == [0, 1, 2]
    assert panel.freq == 1
    many, _ = build(frame_of().drop(columns="ds"))
    assert many.times.tolist() == [0, 1, 2, 3, 4, 5] * 2


def test_panel_takes_a_column_of_seconds_as_time():
    frame = pd.DataFrame({"# time(s)": 1.69e9 + np.arange(50) * 0.04, "steer": np.arange(50.0)})
    panel, columns = build(frame)
    assert columns.time == "# time(s)"
    assert panel.freq == pytest.approx(0.04)


def test_panel_ignores_and_names_leftovers():
    panel, _ = build(frame_of().assign(shop="x", **{"Unnamed: 0": 1}))
    assert any("not used: shop, Unnamed: 0" in str(note) for note in panel.notes)


def test_fault_misspelt_column():
    fault(frame_of(), "no column 'sales', which target_col .--target-col. names; the columns are", target_col="sales")
    fault(frame_of().assign(adjClose=1), "did you mean 'adjClose'", target_col="adjClos")


def test_fault_unclear_target():
    frame = frame_of(["a"]).rename(columns={"y": "open"}).assign(close=1.0)
    fault(frame, "'open', 'close' could all be forecast; name one .* target_col")
    fault(frame[["ds", "unique_id"]], "no column of numbers is left")


def test_fault_several_dates():
    frame = pd.DataFrame({"a": pd.date_range("2020", periods=3), "b": pd.date_range("2020", periods=3), "y": range(3)})
    fault(frame, "'a', 'b' all hold dates; name .* time_col")


def test_fault_text_in_the_only_column_is_named_and_not_passed_over():
    frame = pd.DataFrame({"ds": range(5), "sales": ["1", "2", "oops", "4", "5"], "other": list("abcde")})
    fault(frame, r"'sales' is not a number in row 3 \('oops'\); correct")
    fault(frame, r"'sales' is not a number in row 3 \('oops'\); correct", layout="wide")


def test_fault_column_in_two_roles():
    fault(frame_of(), "'y' is named in target_col and in past_cols; give it one role", past_cols=("y",))
