"""New rows behind known ones equal the table read as a whole."""

import numpy as np
import pytest
from table_tools import as_dict, build, frame_of

from tidegate.errors import DataError
from tidegate.tables.append import append_rows


def test_appended_rows_equal_the_whole_table():
    frame = frame_of(["a", "b"], 8)
    early = frame[frame["ds"] < "2020-01-06"]
    late = frame[frame["ds"] >= "2020-01-06"]
    joined, known = append_rows(build(early)[0], build(late)[0])
    assert as_dict(joined) == as_dict(build(frame)[0])
    assert known.tolist() == [5, 5]


def test_append_keeps_series_without_new_rows_and_puts_new_ones_last():
    known_frame, other = frame_of(["a", "b"], 5), frame_of(["c"], 4)
    joined, known = append_rows(build(known_frame)[0], build(other)[0])
    assert joined.ids.tolist() == ["a", "b", "c"]
    assert known.tolist() == [5, 5, 0]
    assert np.diff(joined.starts).tolist() == [5, 5, 4]


def test_append_takes_those_rows_that_are_new_and_says_so():
    frame = frame_of(["a", "b"], 8)
    known = build(frame[frame["ds"] < "2020-01-06"])[0].tail(2)
    joined, count = append_rows(known, build(frame)[0])
    assert as_dict(joined) == as_dict(build(frame)[0].tail(5))
    assert count.tolist() == [2, 2]
    assert str(joined.notes[-1]) == "rows known already were left out: 10"


def test_append_refuses_rows_that_do_not_follow():
    known = build(frame_of(["a"], 5))[0]
    with pytest.raises(DataError, match=r"series a begin at 2020-01-08.*expected at 2020-01-06; give the rows between"):
        append_rows(known, build(frame_of(["a"], 9)[7:])[0])
    with pytest.raises(DataError, match=r"no row after 2020-01-05.*; give rows that follow"):
        append_rows(known, known)


def test_append_refuses_known_rows_with_other_values():
    frame = frame_of(["a", "b"], 8)
    known = build(frame[frame["ds"] < "2020-01-06"])[0]
    frame.loc[12, "y"] = -1
    with pytest.raises(DataError, match=r"series b had other targets at 2020-01-05 before \(14, now -1\); correct"):
        append_rows(known, build(frame)[0])
    assert append_rows(known, build(frame)[0], filled=True)[0].lengths.tolist() == [8, 8]
