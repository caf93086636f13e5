"""Cells that hold no number, with their rows."""

import numpy as np
from table_tools import fault, frame_of


def test_fault_text_among_numbers():
    frame = frame_of(["a"]).astype({"y": object})
    frame.loc[3, "y"] = "oops"
    fault(frame, r"'y' is not a number in row 4 \('oops'\); correct")


def test_fault_infinite_values():
    frame = frame_of(["a"])
    frame.loc[[1, 4], "y"] = np.inf
    fault(frame, "'y' is infinite in rows 2, 5; replace")
