"""The step of time that a table keeps, and the rows that are off it."""

import numpy as np
import pandas as pd
from table_tools import build, fault, frame_of


def test_panel_with_freq_row_takes_every_row_as_a_step():
    times = pd.to_datetime(["2020-01-01 00:00:00", "2020-01-01 00:00:09", "2020-01-01 00:00:20", "2020-01-01 00:00:30"])
    panel, _ = build(pd.DataFrame({"ds": times, "y": range(4)}), freq="row")
    assert panel.freq == "row:10s"
    again, _ = build(pd.DataFrame({"ds": times[:2], "y": range(2)}), freq=str(panel.freq))
    assert again.freq == panel.freq


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
