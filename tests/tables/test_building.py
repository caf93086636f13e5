"""From a table to a panel: what is read, and what is shared with the table."""

import numpy as np
import pandas as pd
import pytest
from table_tools import build, fault, frame_of

from tidegate.errors import DataError


def test_panel_of_a_plain_frame_shares_memory_and_leaves_it_alone():
    frame = frame_of(["a"])
    before = frame.copy()
    panel, columns = build(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert np.shares_memory(panel.targets, frame["y"].to_numpy())
    assert (columns.id, columns.time, columns.targets) == ("unique_id", "ds", ("y",))
    assert panel.freq == "D"


def test_panel_keeps_float32_and_several_targets():
    frame = frame_of().assign(z=np.float32(1), y=lambda f: f["y"].astype(np.float32))
    assert build(frame, target_col=("y", "z"))[0].targets.dtype == np.float32
    panel, columns = build(frame.assign(z=1), target_col=("y", "z"))
    assert panel.targets.dtype == np.float64
    assert panel.targets.shape == (12, 2)
    assert columns.targets == ("y", "z")


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


@pytest.mark.parametrize("role", ["target", "past_cols", "future_cols"])
def test_fault_missing_values(role):
    frame = frame_of(["a"]).assign(x=1.0)
    column, settings = ("y", {}) if role == "target" else ("x", {role: ("x",)})
    frame.loc[[1, 2, 3, 5], column] = np.nan
    fault(frame, rf"'{column}' has no value in rows 2, 3, 4 and 1 more .4 missing in all.; fill .* 'mask'", **settings)
    build(frame, missing="mask", **settings)
