"""Tables with one series per row: recognised, and read as the same observations as a long table."""

import numpy as np
import pandas as pd
import pytest
from table_tools import build, fault

from tidegate import Forecaster
from tidegate.errors import DataError

RAGGED = {
    "V1": ["W1", "W2", "W3"],
    "V2": [1.0, 5, 9],
    "V3": [2.0, 6, 10],
    "V4": [3.0, 7, np.nan],
    "V5": [4.0, np.nan, np.nan],
}
MONTHS = {
    "shop": ["a", "b"],
    "2020-01": [1.0, np.nan],
    "2020-02": [2.0, 5],
    "2020-03": [3.0, 6],
    "2020-04": [4.0, np.nan],
}


@pytest.mark.parametrize("table", [RAGGED, MONTHS, {"x": ["a", "b"], "1990": [1, 2], "1991": [3, 4], "1992": [5, 6]}])
@pytest.mark.parametrize("layout", ["long", "wide"])
def test_rows_are_recognised_by_their_headings(table, layout):
    fault(pd.DataFrame(table), r"say that each row is a series; set layout='rows' \(--layout rows\)", layout=layout)


def test_columns_that_are_series_are_not_taken_for_steps():
    wide = pd.DataFrame({"s1": [1.0, 2], "s2": [3.0, 4], "s3": [5.0, 6]})
    assert len(build(wide, layout="wide")[0].ids) == 3
    dated = wide.assign(ds=["2020-01-01", "2020-01-02"])
    assert len(build(dated, layout="wide")[0].ids) == 3


def test_rows_end_where_their_values_do():
    panel, columns = build(pd.DataFrame(RAGGED), layout="rows")
    assert (panel.ids.tolist(), panel.lengths.tolist()) == (["W1", "W2", "W3"], [4, 3, 2])
    assert panel.targets[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 9, 10]
    assert (columns.id, columns.targets, panel.freq) == ("V1", ("y",), 1)


def test_rows_with_dates_as_headings_are_the_long_table():
    frame = pd.DataFrame(MONTHS)
    panel, _ = build(frame, layout="rows")
    long = frame.melt("shop", var_name="ds", value_name="y").dropna().sort_values(["shop", "ds"])
    expected, _ = build(long, id_col="shop")
    np.testing.assert_array_equal(panel.times, expected.times)
    np.testing.assert_array_equal(panel.targets, expected.targets)
    assert (panel.freq, panel.starts.tolist()) == ("MS", expected.starts.tolist())


def test_rows_keep_static_columns_and_take_the_named_identifier():
    frame = pd.DataFrame({"kind": ["x", "x"], "size": [3.0, 4], **MONTHS})
    panel, columns = build(frame, layout="rows", id_col="shop", static_cols=("size",))
    assert (panel.ids.tolist(), panel.static.tolist(), columns.static) == (["a", "b"], [[3.0], [4.0]], ("size",))
    with pytest.raises(DataError, match="'kind' names more than one row 'x'; name"):
        build(frame, layout="rows")
    assert build(frame.drop(columns=["kind", "shop"]), layout="rows", static_cols=("size",))[0].ids.tolist() == [1, 2]


def test_rows_say_which_columns_they_leave_out():
    table = pd.DataFrame(MONTHS)
    panel, _ = build(table.assign(region="north"), layout="rows")
    assert "not used: region (name them in static_cols to use them)" in map(str, panel.notes)
    assert build(table.assign(region="north"), layout="rows", static_cols=("region",))[0].static.shape[1] == 1


def test_rows_without_values_are_refused():
    frame = pd.DataFrame(MONTHS)
    frame.loc[1, ["2020-02", "2020-03"]] = np.nan
    fault(frame, "row 2 holds no value of its series; remove it", layout="rows")
    frame.loc[0, "2020-03"], frame.loc[1, "2020-01"] = np.nan, 1.0
    fault(frame, "has no value in row 3", layout="rows")
    assert np.isnan(build(frame, layout="rows", missing="mask")[0].targets[2, 0])


def test_a_model_of_rows_forecasts_further_rows():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(4, 30)), columns=[f"V{i}" for i in range(2, 32)]).assign(V1=list("abcd"))
    model = Forecaster(lookback=5, horizon=2, units=3, layers=1, epochs=1, layout="rows").fit(frame)
    assert model.predict().columns.tolist() == ["V1", "ds", "LSTM"]
    pd.testing.assert_frame_equal(model.predict(frame), model.predict(), rtol=1e-5)
