"""Roles of columns: what is inferred and noted, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from table_tools import build, fault, frame_of

from tidegate.errors import DataError


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


@pytest.mark.parametrize(
    ("renamed", "words"),
    [
        (
            {"sales": "visits"},
            "no column 'sales', which the model was fitted on; the columns are day, visits, wind, city",
        ),
        ({"day": "days"}, "no column 'day', which the model was fitted on; did you mean 'days'"),
        ({"wind": "Wind"}, "no column 'wind', which the model was fitted on; did you mean 'Wind'"),
        ({"city": "town"}, "no column 'city', which the model was fitted on"),
    ],
)
def test_roles_of_a_later_table_are_those_of_the_fitted_one(renamed, words):
    frame = frame_of(["a"]).rename(columns={"unique_id": "city", "ds": "day", "y": "sales"}).assign(wind=1.0)
    frame = frame[["day", "sales", "wind", "city"]]
    settings = {"id_col": "city", "target_col": "sales", "past_cols": ("wind",)}
    _, columns = build(frame, **settings)
    found, _ = build(frame.assign(y=5.0, ds=frame["day"]), like=columns, **settings)
    assert found.targets[:, 0].tolist() == frame["sales"].tolist()
    with pytest.raises(DataError, match=words):
        build(frame.rename(columns=renamed), like=columns, **settings)


def test_roles_of_a_later_table_take_no_other_column_for_an_absent_y():
    _, columns = build(frame_of(["a"]))
    with pytest.raises(DataError, match="no column 'y', which the model was fitted on"):
        build(frame_of(["a"]).rename(columns={"y": "z"}), like=columns)


def test_roles_of_a_later_table_put_the_time_together_from_the_same_parts():
    frame = pd.DataFrame({"year": 2010, "month": 1, "day": [1, 2, 3], "y": 1.0})
    _, columns = build(frame)
    assert build(frame, like=columns, freq="D")[0].times[2] == np.datetime64("2010-01-03")
    with pytest.raises(DataError, match="no column 'month'"):
        build(frame.drop(columns="month"), like=columns, freq="D")


@pytest.mark.parametrize(
    ("dates", "clocks"),
    [
        (["2020-01-01"] * 2 + ["2020-01-02"], ["08:00", "20:00", "08:00"]),
        (["01.01.2020"] * 2 + ["02.01.2020"], ["8:00 am", "8:00 PM", "8:00 am"]),
        (pd.to_datetime(["2020-01-01"] * 2 + ["2020-01-02"]), ["08:00:00", "20:00:00", "08:00:00"]),
    ],
)
def test_roles_join_a_column_of_dates_and_one_of_times(dates, clocks):
    frame = pd.DataFrame({"date": dates, "time": clocks, "y": [1.0, 2, 3]})
    panel, columns = build(frame)
    expected = np.array(["2020-01-01T08", "2020-01-01T20", "2020-01-02T08"], dtype="datetime64[ns]")
    assert panel.times.tolist() == expected.tolist()
    assert (columns.calendar, columns.time, panel.freq) == (("date", "time"), "ds", "12h")
    assert "date, time" in str(panel.notes[0])
    again, _ = build(frame, like=columns, freq="12h")
    assert again.times.tolist() == expected.tolist()
    frame.loc[1, "time"] = "25:00"
    fault(frame, r"time column 'date, time' cannot be read .* in row 2")


def test_roles_leave_times_beside_stamps_alone():
    frame = pd.DataFrame({"date": pd.date_range("2020-01-01 06:00", periods=3), "time": "08:00", "y": 1.0})
    assert build(frame)[1].time == "date"


def test_text_is_a_covariate_and_no_target():
    frame = pd.DataFrame(
        {"ds": pd.date_range("2026-01-01", periods=4), "y": [1.0, 2, 3, 4], "sky": ["sun", "rain"] * 2}
    )
    fault(frame, r"'sky' holds no number but text \('sun'\); name a column of numbers in its place", target_col="sky")
    panel, columns = build(frame, past_cols=("sky",))
    assert panel.past[:, 0].tolist() == [2, 1, 2, 1]
    assert columns.texts == {"sky": ["rain", "sun"]}
    assert "the texts in column 'sky' were taken as categories: rain, sun" in map(str, panel.notes)
