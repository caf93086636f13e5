"""From a table to a panel: the same panel however the rows lie, and one clear sentence for each fault."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.tables.columns import Columns
from tidegate.tables.table import build_panel

quick = settings(deadline=None, max_examples=40)


def build(source, categories=None, **settings):
    return build_panel(source, ForecasterSettings(**settings), categories=categories)


def frame_of(series=("a", "b"), rows=6, freq="D"):
    times = pd.date_range("2020-01-01", periods=rows, freq=freq)
    parts = [
        pd.DataFrame({"unique_id": name, "ds": times, "y": np.arange(rows) + 10.0 * i}) for i, name in enumerate(series)
    ]
    return pd.concat(parts, ignore_index=True)


def as_dict(panel):
    """Each series' times, targets, covariates and static values by its name."""
    return {
        name: [getattr(panel, role)[panel.rows(i)].tolist() for role in ("times", "targets", "past", "future")]
        + [panel.static[i].tolist()]
        for i, name in enumerate(panel.ids.tolist())
    }


def rows_frame(lengths):
    frame = pd.concat([frame_of([f"s{i}"], length) for i, length in enumerate(lengths)], ignore_index=True)
    frame["p"] = np.arange(len(frame)) * 0.5
    frame["f"] = np.arange(len(frame)) * -1
    frame["kind"] = frame["unique_id"].map(lambda name: "even" if int(name[1:]) % 2 == 0 else "odd")
    return frame


ROLES = {"past_cols": ("p",), "future_cols": ("f",), "static_cols": ("kind",)}


@quick
@given(lengths=st.lists(st.integers(2, 8), min_size=1, max_size=5), seed=st.integers(0, 1000))
def test_panel_does_not_depend_on_the_order_of_rows(lengths, seed):
    frame = rows_frame(lengths)
    sorted_panel, _ = build(frame, **ROLES)
    shuffled, _ = build(frame.sample(frac=1, random_state=seed), **ROLES)
    assert as_dict(sorted_panel) == as_dict(shuffled)


@quick
@given(lengths=st.lists(st.integers(2, 8), min_size=2, max_size=5))
def test_panel_does_not_depend_on_interleaving(lengths):
    frame = rows_frame(lengths)
    grouped, _ = build(frame, **ROLES)
    interleaved, _ = build(frame.sort_values("ds", kind="stable"), **ROLES)
    assert as_dict(grouped) == as_dict(interleaved)
    assert not any("out of order" in note for note in interleaved.notes)


@pytest.mark.parametrize("freq", ["h", "D", "MS", "ME", "W-MON", "QE"])
@quick
@given(data=st.data())
def test_panel_puts_in_the_rows_that_were_removed(freq, data):
    frame = pd.concat([frame_of(["a"], 30, freq), frame_of(["b"], 25, freq)], ignore_index=True)
    inner = [row for row in range(len(frame)) if row not in (0, 29, 30, 54)]
    removed = sorted(data.draw(st.sets(st.sampled_from(inner), max_size=8)))
    whole, _ = build(frame, freq=freq)
    holed, _ = build(frame.drop(index=removed), freq=freq, missing="mask")
    np.testing.assert_array_equal(holed.times, whole.times)
    np.testing.assert_array_equal(holed.starts, whole.starts)
    assert np.flatnonzero(np.isnan(holed.targets[:, 0])).tolist() == removed
    known = ~np.isnan(holed.targets)
    np.testing.assert_array_equal(holed.targets[known], whole.targets[known])


def test_panel_of_a_plain_frame_shares_memory_and_leaves_it_alone():
    frame = frame_of(["a"])
    before = frame.copy()
    panel, columns = build(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert np.shares_memory(panel.targets, frame["y"].to_numpy())
    assert (columns.id, columns.time, columns.targets) == ("unique_id", "ds", ("y",))
    assert panel.freq == "D"


def test_panel_of_unsorted_rows_says_so():
    panel, _ = build(frame_of(["a"]).iloc[::-1])
    assert panel.targets[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert "out of order in time: 5 rows, the first is row 2; they were sorted" in panel.notes


def test_panel_keeps_float32_and_several_targets():
    frame = frame_of().assign(z=np.float32(1), y=lambda f: f["y"].astype(np.float32))
    assert build(frame, target_col=("y", "z"))[0].targets.dtype == np.float32
    panel, columns = build(frame.assign(z=1), target_col=("y", "z"))
    assert panel.targets.dtype == np.float64
    assert panel.targets.shape == (12, 2)
    assert columns.targets == ("y", "z")


@pytest.mark.parametrize("dtype", ["int64", "category", "string", "Int64"])
def test_panel_takes_identifiers_of_any_kind(dtype):
    frame = frame_of([3, 1])
    plain, _ = build(frame)
    frame["unique_id"] = frame["unique_id"].astype("string" if dtype == "string" else dtype)
    panel, columns = build(frame.sample(frac=1, random_state=1))
    assert sorted(map(str, panel.ids)) == ["1", "3"]
    assert panel.targets.shape == plain.targets.shape
    assert columns.restore_ids(panel.ids).dtype == ("int64" if dtype == "int64" else object)


# What is inferred.


def test_panel_infers_time_and_target_and_states_it(tmp_path):
    path = tmp_path / "air.csv"
    path.write_text('"Month","Passengers"\n"1949-01",112\n"1949-02",118\n"1949-03",132\n', encoding="utf-8")
    panel, columns = build(path)
    assert (columns.id, columns.time, columns.targets, columns.frame) == (None, "Month", ("Passengers",), "file")
    assert panel.ids.tolist() == ["series"]
    assert panel.freq == "MS"
    assert [note.split()[1] for note in panel.notes[:2]] == ["time", "values"]


def test_panel_counts_rows_when_nothing_is_a_time():
    panel, columns = build(pd.DataFrame({"Y": [5.0, 6.0, 7.0]}))
    assert columns.time is None
    assert panel.times.tolist() == [0, 1, 2]
    assert panel.freq == 1
    many, _ = build(frame_of().drop(columns="ds"))
    assert many.times.tolist() == [0, 1, 2, 3, 4, 5] * 2


def test_panel_puts_a_date_together_from_its_parts():
    frame = pd.DataFrame(
        {"No": [1, 2, 3], "year": 2010, "month": 1, "day": 1, "hour": ["08", "09", "10"], "pm": [1.0, 2, 3]}
    )
    panel, columns = build(frame, target_col="pm")
    assert panel.times[0] == np.datetime64("2010-01-01T08")
    assert panel.freq == "h"
    assert columns.time == "ds"
    frame["day"] = [1, 31, 41]
    with pytest.raises(DataError, match="year, month, day, hour make no date in row 3; correct or remove"):
        build(frame, target_col="pm")


def test_panel_takes_a_column_of_seconds_as_time():
    frame = pd.DataFrame({"# time(s)": 1.69e9 + np.arange(50) * 0.04, "steer": np.arange(50.0)})
    panel, columns = build(frame)
    assert columns.time == "# time(s)"
    assert panel.freq == pytest.approx(0.04)


def test_panel_ignores_and_names_leftovers():
    panel, _ = build(frame_of().assign(shop="x", **{"Unnamed: 0": 1}))
    assert any("not used: shop, Unnamed: 0" in note for note in panel.notes)


def test_panel_of_daily_shares_has_no_gaps():
    days = pd.bdate_range("2020-01-01", periods=300).delete([30, 100, 101, 250])
    panel, _ = build(pd.DataFrame({"Date": days, "Close": np.arange(296.0)}))
    assert panel.freq == "B"
    assert len(panel.targets) == 296
    assert "4 weekdays without a row are taken as days without trading" in panel.notes


def test_panel_with_freq_row_takes_every_row_as_a_step():
    times = pd.to_datetime(["2020-01-01 00:00:00", "2020-01-01 00:00:09", "2020-01-01 00:00:20", "2020-01-01 00:00:30"])
    panel, _ = build(pd.DataFrame({"ds": times, "y": range(4)}), freq="row")
    assert panel.freq == "row:10s"
    again, _ = build(pd.DataFrame({"ds": times[:2], "y": range(2)}), freq=str(panel.freq))
    assert again.freq == panel.freq


# Wide tables.


def test_wide_table_equals_its_long_form():
    wide = pd.DataFrame(
        {"when": pd.date_range("2020", periods=4), "a": [1.0, 2, 3, 4], "b": [5.0, 6, 7, 8], "t": list("wxyz")}
    )
    panel, columns = build(wide, layout="wide", time_col="when")
    long = wide.drop(columns="t").melt("when", var_name="unique_id", value_name="y")
    assert as_dict(panel) == as_dict(build(long, time_col="when")[0])
    assert (columns.id, columns.time, columns.targets) == ("unique_id", "when", ("y",))


def test_wide_table_cuts_series_that_begin_later_and_shares_covariates():
    wide = pd.DataFrame(
        {"ds": range(4), "a": [np.nan, 2, 3, np.nan], "b": range(4), "none": np.nan, "temp": [9, 8, 7, 6]}
    )
    panel, _ = build(wide, layout="wide", future_cols=("temp",))
    assert panel.ids.tolist() == ["a", "b"]
    assert as_dict(panel)["a"][:2] == [[1, 2], [[2.0], [3.0]]]
    assert panel.future[:, 0].tolist() == [8, 7, 9, 8, 7, 6]
    assert any("left out: none" in note for note in panel.notes)


def test_wide_table_names_holes():
    wide = pd.DataFrame({"ds": pd.date_range("2020", periods=3), "a": [1, np.nan, 3], "b": range(3)})
    with pytest.raises(DataError, match=r"1 value, the first in column 'a' at 2020-01-02; fill them"):
        build(wide, layout="wide")
    assert np.isnan(build(wide, layout="wide", missing="linear")[0].targets[1, 0])
    with pytest.raises(SettingError, match="static_cols cannot be used with layout='wide'"):
        build(wide, layout="wide", static_cols=("b",))


# Static columns.


def test_static_columns_are_coded_categories_first():
    frame = frame_of(["x", "y", "z"]).assign(size=lambda f: f["unique_id"].map({"x": 1, "y": 2, "z": 3}))
    frame["kind"] = frame["unique_id"].map({"x": "shop", "y": "bank", "z": "shop"})
    panel, columns = build(frame, static_cols=("size", "kind"))
    assert columns.static == ("kind", "size")
    assert columns.categories == {"kind": ["bank", "shop"]}
    assert panel.static.tolist() == [[2, 1], [1, 2], [2, 3]]
    later, _ = build(
        frame.replace({"kind": {"bank": "bar"}}), static_cols=("size", "kind"), categories=columns.categories
    )
    assert later.static[:, 0].tolist() == [2, 0, 2]


def test_static_columns_name_faults():
    frame = frame_of(["x", "y"], 3).assign(kind=["a", "a", "b", "c", "c", "c"])
    with pytest.raises(DataError, match="'kind' changes within series x in row 3; give it one value per series"):
        build(frame, static_cols=("kind",))
    with pytest.raises(DataError, match="'kind' has no value in row 2; give every row"):
        build(frame.assign(kind=["a", None, "a", "c", "c", "c"]), static_cols=("kind",))


def test_columns_survive_json():
    frame = frame_of().assign(kind="a", p=1.0)
    _, columns = build(frame, static_cols=("kind",), past_cols=("p",))
    assert Columns.from_dict(json.loads(json.dumps(columns.to_dict()))) == columns


# Faults, each with its rows and a remedy.


def fault(frame, words, **settings):
    with pytest.raises((DataError, SettingError), match=words) as caught:
        build(frame, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert ";" in message


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


def test_fault_text_among_numbers():
    frame = frame_of(["a"]).astype({"y": object})
    frame.loc[3, "y"] = "oops"
    fault(frame, r"'y' is not a number in row 4 \('oops'\); correct")


def test_fault_text_in_the_only_column_is_named_and_not_passed_over():
    frame = pd.DataFrame({"ds": range(5), "sales": ["1", "2", "oops", "4", "5"], "other": list("abcde")})
    fault(frame, r"'sales' is not a number in row 3 \('oops'\); correct")
    fault(frame, r"'sales' is not a number in row 3 \('oops'\); correct", layout="wide")


def test_fault_infinite_values():
    frame = frame_of(["a"])
    frame.loc[[1, 4], "y"] = np.inf
    fault(frame, "'y' is infinite in rows 2, 5; replace")


@pytest.mark.parametrize("role", ["target", "past_cols", "future_cols"])
def test_fault_missing_values(role):
    frame = frame_of(["a"]).assign(x=1.0)
    column, settings = ("y", {}) if role == "target" else ("x", {role: ("x",)})
    frame.loc[[1, 2, 3, 5], column] = np.nan
    fault(frame, rf"'{column}' has no value in rows 2, 3, 4 and 1 more .4 missing in all.; fill .* 'mask'", **settings)
    build(frame, missing="mask", **settings)


def test_fault_duplicates():
    frame = pd.concat([frame_of(), frame_of().iloc[[2]]], ignore_index=True)
    fault(frame, "rows 3 and 13 of series a have the same time 2020-01-03; keep one row per time or aggregate")
    shops = frame_of().rename(columns={"unique_id": "shop"})
    fault(shops, "rows 1 and 7 have the same time .* if column 'shop' names several series, say so with id_col")


def test_fault_nameless_series():
    frame = frame_of().astype({"unique_id": object})
    for nothing in (None, np.nan, pd.NA):
        frame.loc[[3, 4], "unique_id"] = nothing
        fault(frame, "'unique_id' names no series in rows 4, 5; name")
    fault(frame.astype({"unique_id": "category"}), "'unique_id' names no series in rows 4, 5; name")


def test_fault_gaps():
    frame = frame_of(["a", "b"], 10).drop(index=[4, 5, 16])
    fault(
        frame,
        r"step D .* 3 rows missing in 2 places, before row 5 of series a \(2020-01-04 to 2020-01-07\).*freq='row'",
    )


def test_fault_absurd_gap():
    frame = frame_of(["a"], 10)
    frame.loc[9, "ds"] = pd.Timestamp("2200-01-01")
    fault(
        frame.assign(ds=frame["ds"].dt.as_unit("s")), "would put in .* check those stamps", missing="linear", freq="s"
    )


def test_fault_irregular_steps():
    times = pd.Timestamp("2020-01-01") + pd.to_timedelta([0, 1, 2, 3, 4.5, 5, 6, 7], unit="h")
    fault(
        pd.DataFrame({"ds": times, "y": range(8)}),
        r"most frequent step h; off it: 2 rows, rows 5, 6 .*resampling.*freq='row'",
    )
    jitter = np.cumsum(0.04 + 0.001 * np.array([0, 1, -1, 1, -1, 1, 1, -1]))
    fault(pd.DataFrame({"ds": jitter, "y": range(8)}), "step.* rows .*; bring them .*freq='row'")


def test_fault_step_that_does_not_fit():
    frame = frame_of(["a"])
    fault(frame, r"given step B; off it: 2 rows, rows 4, 5 \(2020-01-04, a Sat\); bring", freq="B")
    fault(frame, "freq='1' does not fit the time column, which holds dates; use", freq="1")
    fault(frame, "freq does not know 'fortnight'; it knows", freq="fortnight")
    fault(frame.assign(ds=range(6)), "freq='h' does not fit the time column, which holds numbers; use", freq="h")


def test_fault_series_with_different_steps():
    frame = pd.concat([frame_of(["a"], 8, "h"), frame_of(["b"], 8, "D")], ignore_index=True)
    fault(
        frame,
        "different steps of time: a has h, but rows of b are at least 24 such steps apart; bring",
        missing="linear",
    )
    frame = pd.concat([frame_of(["a"], 9, "2h"), frame_of(["b"], 5, "3h")], ignore_index=True)
    fault(frame, "different steps of time: a has 2h but b has 3h; bring")


def test_fault_one_row():
    fault(frame_of(["a", "b"], 1), "from one row per series; give more rows, or set freq")
    assert build(frame_of(["a"], 1), freq="D")[0].freq == "D"


def test_fault_column_in_two_roles():
    fault(frame_of(), "'y' is named in target_col and in past_cols; give it one role", past_cols=("y",))
