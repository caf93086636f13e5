"""New rows behind known ones equal the table read as a whole."""

import numpy as np
import pandas as pd
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


def test_append_does_not_name_a_series_that_the_table_does_not_name():
    frame = frame_of(["a"], 8).drop(columns="unique_id")
    known = build(frame[:5])[0]
    with pytest.raises(DataError, match="the new rows of the series begin at"):
        append_rows(known, build(frame[6:], freq="D")[0])
    with pytest.raises(DataError, match=r"^the series had other targets at"):
        append_rows(known, build(frame.assign(y=-1.0))[0])


@pytest.mark.parametrize("freq", ["B", "h 09:30-15:30 MON-FRI"])
def test_append_goes_on_behind_days_without_trading(freq):
    """A Monday and a Tuesday off: nobody can give their rows."""
    hours = [9.5] if freq == "B" else np.arange(9.5, 16)
    days = [
        day for day in pd.bdate_range("2026-03-02", periods=20) if str(day)[:10] not in ("2026-03-16", "2026-03-17")
    ]
    stamps = [day + pd.Timedelta(hours=hour) for day in days for hour in hours]
    frame = pd.DataFrame({"ds": stamps, "y": np.arange(float(len(stamps)))})
    friday = 10 * len(hours)
    joined, _ = append_rows(build(frame[:friday], freq=freq)[0], build(frame[friday:], freq=freq)[0])
    np.testing.assert_array_equal(joined.times, frame["ds"].to_numpy().astype("datetime64[ns]"))
    assert str(joined.notes[-1]) == "weekdays without a row, taken as days without trading: 2"
    with pytest.raises(
        DataError, match="give the rows between them too"
    ):  # eight days, or the morning of the first one
        append_rows(build(frame[: friday - 6], freq=freq)[0], build(frame[friday + 1 :], freq=freq)[0])
