"""Gaps: closed where rows were removed, refused with their rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_tools import build, fault, frame_of

quick = settings(deadline=None, max_examples=40)


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


def test_panel_of_daily_shares_has_no_gaps():
    days = pd.bdate_range("2020-01-01", periods=300).delete([30, 100, 101, 250])
    panel, _ = build(pd.DataFrame({"Date": days, "Close": np.arange(296.0)}))
    assert panel.freq == "B"
    assert len(panel.targets) == 296
    assert "weekdays without a row, taken as days without trading: 4" in map(str, panel.notes)


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
