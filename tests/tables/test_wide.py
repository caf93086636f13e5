"""Wide tables against their long form."""

import numpy as np
import pandas as pd
import pytest
from table_tools import as_dict, build

from tidegate.errors import DataError, SettingError


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
    assert any("left out: none" in str(note) for note in panel.notes)


def test_wide_table_names_holes():
    wide = pd.DataFrame({"ds": pd.date_range("2020", periods=3), "a": [1, np.nan, 3], "b": range(3)})
    with pytest.raises(DataError, match=r"1 value, the first in column 'a' at 2020-01-02; fill them"):
        build(wide, layout="wide")
    assert np.isnan(build(wide, layout="wide", missing="linear")[0].targets[1, 0])
    with pytest.raises(SettingError, match="static_cols cannot be used with layout='wide'"):
        build(wide, layout="wide", static_cols=("b",))
