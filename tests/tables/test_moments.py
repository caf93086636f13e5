"""Stamps in a zone, over the changes of its clocks: hours in UTC, days by the wall clock."""

import numpy as np
import pandas as pd
import pytest
from table_tools import build, fault

from tidegate.errors import DataError

CHANGES = [
    ("Europe/Berlin", "2024-03-31"),
    ("Europe/Berlin", "2024-10-27"),
    ("America/New_York", "2024-03-10"),
    ("America/New_York", "2024-11-03"),
    ("Australia/Lord_Howe", "2024-04-07"),  # by half an hour
    ("Australia/Lord_Howe", "2024-10-06"),
]


def hours(zone, day, rows=96, freq="h"):
    times = pd.date_range(pd.Timestamp(day, tz=zone) - pd.Timedelta(days=2), periods=rows, freq=freq)
    return pd.DataFrame({"ds": times, "y": np.arange(float(rows))})


@pytest.mark.parametrize(("zone", "day"), CHANGES)
@pytest.mark.parametrize("freq", ["30min", "h"])
def test_moments_are_regular_over_a_change_of_clocks(zone, day, freq):
    frame = hours(zone, day, freq=freq)
    panel, columns = build(frame)
    assert panel.freq == freq
    np.testing.assert_array_equal(panel.times, frame["ds"].dt.tz_convert("UTC").dt.tz_localize(None))
    assert list(columns.restore_times(panel.times)) == list(frame["ds"])
    wall = columns.wall_clock(panel.times)
    np.testing.assert_array_equal(wall, frame["ds"].dt.tz_localize(None))


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_moments_as_text_are_those_of_a_pandas_column(zone, day):
    frame = hours(zone, day)
    panel, _ = build(frame.assign(ds=[stamp.isoformat() for stamp in frame["ds"]]))
    np.testing.assert_array_equal(panel.times, build(frame)[0].times)
    spelt = frame["ds"].map(lambda stamp: stamp.strftime("%d.%m.%Y %H:%M %z"))
    np.testing.assert_array_equal(build(frame.assign(ds=spelt))[0].times, panel.times)


def test_moments_before_a_change_count_in_utc_too():
    winter = hours("Europe/Berlin", "2024-03-15")
    assert build(winter)[1].in_utc
    assert build(winter.assign(ds=winter["ds"].map(pd.Timestamp.isoformat)))[1].in_utc


@pytest.mark.parametrize("written", [lambda ds: ds, lambda ds: ds.map(pd.Timestamp.isoformat)])
def test_moments_of_days_keep_the_wall_clock(written):
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": pd.date_range(first, periods=30, tz="Europe/Berlin"), "y": 1.0})
        for name, first in (("a", "2024-03-20"), ("b", "2024-03-20 12:00"))
    )
    panel, columns = build(frame.assign(ds=written(frame["ds"])))
    assert (panel.freq, columns.in_utc) == ("D", False)
    assert panel.times[29] == np.datetime64("2024-04-18")
    assert "Europe/Berlin" in str(panel.notes[0]) or "+01:00, +02:00" in str(panel.notes[0])


def test_moments_of_a_later_table_are_on_the_clock_of_the_model():
    frame = hours("Europe/Berlin", "2024-03-31", rows=200)
    _, columns = build(frame[:30])
    expected = frame["ds"][30:].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    naive = frame["ds"].dt.tz_localize(None)
    for column in (frame["ds"], frame["ds"].dt.tz_convert("Asia/Tokyo"), frame["ds"].map(str), naive):
        panel, _ = build(frame.assign(ds=column)[30:], like=columns, freq="h")
        np.testing.assert_array_equal(panel.times, expected)
    seconds = (frame["ds"].astype("int64") // 10 ** (9 if frame["ds"].dt.unit == "ns" else 6)).astype("int64")
    np.testing.assert_array_equal(build(frame.assign(ds=seconds)[30:], like=columns, freq="h")[0].times, expected)


def test_moments_without_a_zone_are_refused_where_the_clock_shows_them_twice():
    frame = hours("Europe/Berlin", "2024-10-27")
    _, columns = build(frame[:24])
    clock = frame.assign(ds=frame["ds"].dt.tz_localize(None))
    with pytest.raises(DataError, match=r"show 2024-10-27 02:00:00 twice or never \(rows 51, 52\); write the offset"):
        build(clock, like=columns, freq="h")
    _, of_offsets = build(frame.assign(ds=frame["ds"].map(pd.Timestamp.isoformat)))
    with pytest.raises(DataError, match="has no zone and the model's times do; write the offset"):
        build(clock, like=of_offsets, freq="h")


def test_moments_with_a_zone_are_refused_where_the_model_has_none():
    frame = hours("Europe/Berlin", "2024-10-27")
    _, columns = build(frame[:24].assign(ds=frame["ds"][:24].dt.tz_localize(None)))
    fault(frame, "is in Europe/Berlin but the model's times have no zone; give local time", like=columns, freq="h")


def test_moments_of_days_in_another_zone_are_dates_of_the_model():
    days = pd.date_range("2024-03-20", periods=30, freq="D", tz="Europe/Berlin")
    frame = pd.DataFrame({"ds": days, "y": 1.0})
    panel, columns = build(frame)
    there, _ = build(frame.assign(ds=days.tz_convert("UTC")), like=columns, freq="D")
    np.testing.assert_array_equal(there.times, panel.times)
