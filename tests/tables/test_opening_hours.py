"""Rows that come in sessions: found, named, counted and continued, beside pandas' own arithmetic of days."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_tools import build, fault

from tidegate.errors import DataError, SettingError
from tidegate.tables.frequency import default_season_length, future_times, times_ahead
from tidegate.tables.sessions import parse_session
from tidegate.tables.steps import parse_step

# step, stretches of the day, days of the week: minutes, five minutes and hours; a break at noon; over midnight
EXCHANGES = {
    "min 09:30-15:59 MON-FRI": ("min", [("09:30", "15:59")], range(5)),
    "5min 09:30-15:55 MON-FRI": ("5min", [("09:30", "15:55")], range(5)),
    "h 09:30-15:30 MON-FRI": ("h", [("09:30", "15:30")], range(5)),
    "h 08:00-20:00 MON-SAT": ("h", [("08:00", "20:00")], range(6)),
    "15min 08:00-11:45 ": ("15min", [("08:00", "11:45")], range(7)),
    "5min 09:35-11:30,13:05-15:00 MON-FRI": ("5min", [("09:35", "11:30"), ("13:05", "15:00")], range(5)),
    "h 10:30-11:30,14:00-15:00 MON-FRI": ("h", [("10:30", "11:30"), ("14:00", "15:00")], range(5)),
    "30min 18:00-04:30 SUN-THU": ("30min", [("18:00", "23:30"), ("24:00", "28:30")], (6, 0, 1, 2, 3)),
    "h 00:00-23:00 MON-FRI": ("h", [("00:00", "23:00")], range(5)),
    "h 17:00-16:00 SUN-THU": ("h", [("17:00", "23:00"), ("24:00", "40:00")], (6, 0, 1, 2, 3)),
}


def stamps_of(step, stretches, days, first="2026-03-02", count=21, without=()):
    """Each day's stamps by pandas' own ranges."""
    parts = []
    for day in pd.date_range(first, periods=count):
        if day.weekday() in days and day not in pd.DatetimeIndex(without):
            for begin, end in stretches:
                parts.append(
                    pd.date_range(day + pd.Timedelta(begin + ":00"), day + pd.Timedelta(end + ":00"), freq=step)
                )
    return parts[0].append(parts[1:])


def table(times):
    return pd.DataFrame({"ds": times, "y": np.arange(len(times)) % 7 + 1.0})


@pytest.mark.parametrize("name", EXCHANGES)
def test_sessions_are_found_and_continued(name):
    whole = stamps_of(*EXCHANGES[name], count=30)
    size = len(stamps_of(*EXCHANGES[name], count=7)) // len(EXCHANGES[name][2])
    for cut in (len(whole) - 9 * size, len(whole) - 9 * size - 3):  # at the end of a session, and within one
        panel, _ = build(table(whole[:cut]))
        assert panel.freq == name.strip()
        assert len(panel.times) == cut
        assert f"the step of time is {name.strip()}" in " ".join(map(str, panel.notes))
        ahead = times_ahead(panel, 8 * size)[0]
        np.testing.assert_array_equal(ahead, whole[cut : cut + 8 * size].to_numpy())
    assert default_season_length(panel.freq) == size


@given(st.sampled_from(sorted(EXCHANGES)), st.integers(0, 10**9), st.integers(0, 5000))
def test_steps_ahead_are_the_steps_that_are_counted(name, minute, steps):
    step = parse_step(name.strip())
    first = step.ahead(np.array([minute * 60 * 10**9 % (2 * 10**18)]), 1)
    last = step.ahead(first, steps)
    assert step.fits(np.concatenate([first, last])).all()
    counted, exact = step.count(np.concatenate([first, last]))
    assert (counted[0], exact[0]) == (steps, True)
    np.testing.assert_array_equal(step.ahead(last, -steps), first)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_name_is_read_as_it_is_written(name):
    assert parse_session(name.strip()).name == name.strip()


@pytest.mark.parametrize(
    "name",
    ["5min 25:00-26:00 MON-FRI", "5min 09:30-15:57", "h 10:00-12:00,11:00-13:00", "h 10:00-12:00 MO", "0h 10:00-12:00"],
)
def test_a_name_of_no_sessions_is_refused(name):
    with pytest.raises(SettingError, match=r"freq does not know .*5min 09:30-15:55 MON-FRI"):
        parse_step(name)


def test_holidays_and_short_days_are_no_gaps_and_are_said():
    times = stamps_of("5min", [("09:30", "15:55")], range(5), count=40, without=["2026-03-17"])
    early = (times.normalize() == pd.Timestamp("2026-03-20")) & (times.hour >= 13)
    panel, _ = build(table(times[~early]))
    assert len(panel.times) == len(times) - early.sum()
    assert "sessions without a row: 1; shorter than usual: 1; they are no gaps" in map(str, panel.notes)


def test_rows_missing_within_a_session_are_gaps():
    times = stamps_of(*EXCHANGES["h 09:30-15:30 MON-FRI"]).delete([10])
    fault(table(times), r"at step h 09:30-15:30 MON-FRI there are gaps: 1 row missing in 1 place, before row 11")
    panel, _ = build(table(times), missing="mask")
    assert np.flatnonzero(np.isnan(panel.targets[:, 0])).tolist() == [10]
    assert len(panel.times) == len(times) + 1


def test_days_that_the_table_does_not_reach_are_asked_for():
    times = stamps_of("5min", [("09:30", "15:55")], range(5), count=4)
    fault(
        table(times),
        "too short to show on which weekdays; set freq .* to '5min 09:30-15:55 MON-THU', or to '5min 09:30",
    )
    panel, _ = build(table(times), freq="5min 09:30-15:55 MON-FRI")
    assert str(times_ahead(panel, 1)[0, 0])[:16] == "2026-03-06T09:30"
    assert len(build(table(times), missing="mask")[0].times) > 3 * 288  # where gaps are filled, these are


def test_hours_that_are_closed_now_and_then_are_gaps():
    hours = pd.date_range("2026-01-01", periods=400, freq="h").delete(list(range(50, 60)) + list(range(200, 215)))
    fault(table(hours), "at step h there are gaps")


@pytest.mark.parametrize("kind", ["column", "text"])
def test_sessions_keep_the_clock_of_the_exchange_when_clocks_change(kind):
    local = stamps_of(*EXCHANGES["h 09:30-15:30 MON-FRI"], first="2026-02-23", count=11)
    times = local.tz_localize("America/New_York")
    frame = table(times if kind == "column" else [stamp.isoformat() for stamp in times])
    panel, columns = build(frame)
    assert panel.freq == "h 09:30-15:30 MON-FRI"
    ahead = columns.restore_times(times_ahead(panel, 14).ravel())  # clocks change on 8 March
    assert [str(stamp)[11:16] for stamp in ahead] == ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"] * 2
    if kind == "column":
        assert str(ahead.iloc[-1]) == "2026-03-09 15:30:00-04:00"


def test_several_series_share_their_sessions():
    times = stamps_of(*EXCHANGES["5min 09:30-15:55 MON-FRI"])
    frame = pd.concat([table(times).assign(unique_id="a"), table(times[50:-20]).assign(unique_id="b")])
    panel, _ = build(frame)
    assert panel.freq == "5min 09:30-15:55 MON-FRI"
    assert future_times(panel.times[panel.rows(1)][-1], panel.freq, 1)[0] == times[-20].to_datetime64()


def test_a_stamp_outside_the_sessions_is_refused():
    times = stamps_of(*EXCHANGES["h 09:30-15:30 MON-FRI"])
    with pytest.raises(DataError, match="do not keep the given step"):
        build(table(times.append(pd.DatetimeIndex(["2026-03-22 09:30"]))), freq="h 09:30-15:30 MON-FRI")
