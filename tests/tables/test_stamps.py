"""Time stamps in the forms in which people write them, against dates written out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_tools import build, fault

from tidegate.errors import DataError, SettingError
from tidegate.tables.clock import Clock
from tidegate.tables.columns import Columns
from tidegate.tables.moments import in_steps
from tidegate.tables.stamps import parse_times

quick = settings(deadline=None, max_examples=40)


def dates(*texts):
    return np.array(texts, dtype="datetime64[ns]")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1949-01", "1949-02"], dates("1949-01-01", "1949-02-01")),
        (["2020-01-05T06:00:00.000Z", "2020-01-06T06:00:00.000Z"], dates("2020-01-05T06", "2020-01-06T06")),
        (["2020/1/5", "2020/1/6 7:30"], dates("2020-01-05", "2020-01-06T07:30")),
        (["04/30/2021", "02/8/1991"], dates("2021-04-30", "1991-02-08")),
        (["30.4.2021 18:00", "8.2.1991 6:05:04.5"], dates("2021-04-30T18", "1991-02-08T06:05:04.5")),
        (["15-Jan-20", "16-feb-1999"], dates("2020-01-15", "1999-02-16")),
        (["January 5, 2020 3:00 PM", "Jan 6, 2020 12 am"], dates("2020-01-05T15", "2020-01-06T00")),
        (["Wed, 1 Jan 2020", "Thu, 2 Jan 2020"], dates("2020-01-01", "2020-01-02")),
        (["Jan 2020", "February 2020"], dates("2020-01-01", "2020-02-01")),
        (["2020年1月15日", "2020年2月1日 18时30分"], dates("2020-01-15", "2020-02-01T18:30")),
        (["2020年1月", "2020年12月"], dates("2020-01-01", "2020-12-01")),
        (["2020Q1", "Q3 2021"], dates("2020-01-01", "2021-07-01")),
        (["2020-W05", "2020W06"], dates("2020-01-27", "2020-02-03")),
        (["01/2020", "12/2020"], dates("2020-01-01", "2020-12-01")),
        (["20200131", "20200201"], dates("2020-01-31", "2020-02-01")),
        (["2020-01-01 24:00", "2020-01-02 01:00"], dates("2020-01-02", "2020-01-02T01")),
        (["1-01", "3-12"], dates("2001-01-01", "2003-12-01")),
    ],
)
def test_timestamps_read_common_forms(texts, expected):
    assert parse_times(pd.Series(texts), "ds").values.tolist() == expected.tolist()


FORMATS = [
    "%Y-%m-%d %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%d.%m.%Y %H:%M:%S",
    "%d %B %Y %H:%M",
    "%Y年%m月%d日 %H:%M",
]


@pytest.mark.parametrize("form", FORMATS)
@settings(deadline=None, max_examples=15)
@given(
    start=st.datetimes(
        min_value=pd.Timestamp("1800-01-01").to_pydatetime(), max_value=pd.Timestamp("2200-01-01").to_pydatetime()
    ),
    step=st.sampled_from(["h", "D", "7D", "MS"]),
)
def test_timestamps_equal_what_strftime_wrote(form, start, step):
    expected = pd.date_range(pd.Timestamp(start).floor("min"), periods=40, freq=step).floor("min")
    written = expected.strftime(form)
    read = parse_times(pd.Series(written), "ds").values
    shown = pd.to_datetime(written, format=form)
    if ("%d/%m" in form or "%m/%d" in form) and expected.day.max() <= 12:
        # Forty steps without a day above 12 leave the order open, unless they are months.
        assert len(read) == 40
        return
    np.testing.assert_array_equal(read, shown.to_numpy().astype("datetime64[ns]"))


def test_timestamps_choose_the_order_that_is_regular():
    months = pd.Series([f"01/{month:02d}/{year}" for year in (2019, 2020) for month in range(1, 13)])
    read = parse_times(months, "ds")
    assert (read.values == pd.date_range("2019-01-01", periods=24, freq="MS").to_numpy()).all()
    assert "day first" in str(read.notes[0])


def test_timestamps_say_when_day_and_month_cannot_be_told_apart():
    read = parse_times(pd.Series(["01/02/2020", "02/02/2020"]), "ds")
    assert "nothing in the column tells day from month" in str(read.notes[0])


@pytest.mark.parametrize(
    ("numbers", "kind", "expected"),
    [
        ([20200131, 20200201], "yyyymmdd", dates("2020-01-31", "2020-02-01")),
        ([202001, 202102], "yyyymm", dates("2020-01-01", "2021-02-01")),
        ([1609459200, 1609462800], "unix_s", dates("2021-01-01", "2021-01-01T01")),
        ([1609459200000, 1609459200500], "unix_ms", dates("2021-01-01", "2021-01-01T00:00:00.5")),
        ([20200131.0, 20200201.0], "yyyymmdd", dates("2020-01-31", "2020-02-01")),
    ],
)
def test_timestamps_read_dates_as_numbers_and_write_them_back(numbers, kind, expected):
    read = parse_times(pd.Series(numbers), "date")
    assert read.values.tolist() == expected.tolist()
    assert read.kind == kind
    assert len(read.notes) == 1
    columns = Columns("id", "date", ("y",), time_kind=kind)
    assert columns.restore_times(read.values).tolist() == numbers


def test_timestamps_leave_other_numbers_alone():
    for numbers in ([1990, 1991], [0.04, 0.08], [0, 1, 2], [-5, 3]):
        read = parse_times(pd.Series(numbers), "ds")
        assert read.kind == "numbers"
        assert read.values.tolist() == numbers
    assert parse_times(pd.Series(["1990", "1991"]), "ds").values.tolist() == [1990, 1991]
    assert parse_times(pd.Series([1990.0, 1991.0]), "ds").values.dtype.kind == "i"


def test_timestamps_read_excel_serials_in_date_columns_only():
    assert parse_times(pd.Series([43831, 43832]), "date").values.tolist() == dates("2020-01-01", "2020-01-02").tolist()
    assert parse_times(pd.Series([43831, 43832]), "ds").kind == "numbers"


def test_timestamps_periods_go_there_and_back():
    periods = pd.Series(pd.period_range("2020-01", periods=3, freq="M"))
    read = parse_times(periods, "ds")
    assert read.values.tolist() == dates("2020-01-01", "2020-02-01", "2020-03-01").tolist()
    columns = Columns(None, "ds", ("y",), time_kind=read.kind)
    assert list(columns.restore_times(read.values)) == list(periods)
    assert parse_times(periods.astype(object), "ds").kind == read.kind


@pytest.mark.parametrize("step", ["h", "D"])
def test_timestamps_of_one_zone_go_there_and_back_over_a_change_of_clocks(step):
    column = pd.Series(pd.date_range("2020-10-20", periods=200, freq=step, tz="Europe/Berlin"))
    read = in_steps(parse_times(column, "ds"), None, None, "ds")
    assert np.unique(np.diff(read.values)).size == 1
    assert read.in_utc == (step == "h")
    assert "Europe/Berlin" in str(read.notes[0])
    columns = Columns(None, "ds", ("y",), zone=read.zone, in_utc=read.in_utc)
    assert list(columns.restore_times(read.values)) == list(column)
    again = in_steps(parse_times(column.astype(object), "ds"), None, None, "ds")
    assert again.values.tolist() == read.values.tolist()


def test_timestamps_of_one_offset_keep_local_time():
    read = parse_times(pd.Series(["2020-01-01 00:00+01:00", "2020-01-02 00:00+0100"]), "ds")
    assert read.values.tolist() == dates("2020-01-01", "2020-01-02").tolist()
    restored = Columns(None, "ds", ("y",), zone=read.zone).restore_times(read.values)
    assert restored[0].isoformat() == "2020-01-01T00:00:00+01:00"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            ["2020-01-01 00:00+01:00", "2020-01-02 00:00-05:00"],
            r"mixes time zones: row 1 has \+01:00 but row 2 -05:00; convert",
        ),
        (["2020-01-01 00:00", "2020-01-02 00:00Z"], "row 1 has no offset but row 2 Z; convert"),
        (
            [f"2020-01-{day:02d} 00:00+0{1 + day % 2}:00" for day in range(1, 9)],
            r"mixes time zones: row 1 has \+02:00 but rows 2, 4, 6 and 1 more \+01:00; convert",
        ),
        (["2020-01-01", "soon", "2020-01-03"], r"row 2 \('soon'\); write dates as 2024-01-31"),
        (["2020-01-01", None, ""], "is empty in rows 2, 3; give a time stamp or remove"),
        (["13/01/2020", "01/13/2020"], "day first in row 1 .* month first in row 2 .*; write all dates as 2024-01-31"),
        (["2020-02-30", "2020-02-28"], "row 1 .*; write dates"),
        (["1-01", "1-02", "1-x"], r"row 3 \('1-x'\); write"),
        (["19-58-02", "01-05-02"], r"row 1 \('19-58-02'\); write"),
        (["2020-01-01", "9" * 30], "row 2 .*; write"),
        (["9999-12-31", "2020-01-01"], "beyond the years 1678 to 2261 in row 1 .*; correct or remove"),
        ([1.5, float("nan")], "is empty in row 2"),
        ([1.5, float("inf")], "is infinite in row 2"),
    ],
)
def test_timestamps_name_rows_and_remedy(values, words):
    with pytest.raises(DataError, match=words) as caught:
        parse_times(pd.Series(values), "ds")
    assert "'ds'" in str(caught.value)


def test_timestamps_beyond_nanoseconds_name_the_row():
    with pytest.raises(DataError, match=r"row 2 \('3000-01-01'\)"):
        parse_times(pd.Series(np.array(["2020-01-01", "3000-01-01"], dtype="datetime64[s]")), "ds")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2023010100, 2023010101], dates("2023-01-01T00", "2023-01-01T01")),
        (["2023123123", "2024010100"], dates("2023-12-31T23", "2024-01-01T00")),
        ([202301010000, 202301010015], dates("2023-01-01T00", "2023-01-01T00:15")),
        ([20230101000000, 20230101000030], dates("2023-01-01T00", "2023-01-01T00:00:30")),
        ([2023121, 2023122], dates("2023-05-01", "2023-05-02")),
        ([2023365, 2024001], dates("2023-12-31", "2024-01-01")),
        (["01012023", "02012023", "13012023"], dates("2023-01-01", "2023-01-02", "2023-01-13")),
        ([12312022, 1012023, 1022023], dates("2022-12-31", "2023-01-01", "2023-01-02")),
        (["23-01-01", "23-01-02", "23-01-03"], dates("2023-01-01", "2023-01-02", "2023-01-03")),
        (["22/12/31", "23/01/01", "23/01/02"], dates("2022-12-31", "2023-01-01", "2023-01-02")),
        (["24-05-20", "25-06-20", "26-07-20"], dates("2024-05-20", "2025-06-20", "2026-07-20")),
        (
            ["20-01-05", "21-01-05", "22-01-05", "23-01-05"],
            dates("2005-01-20", "2005-01-21", "2005-01-22", "2005-01-23"),
        ),
        ([1893456000, 1893459600], dates("2030-01-01T00", "2030-01-01T01")),
    ],
)
def test_timestamps_read_digits_and_short_years(values, expected):
    assert parse_times(pd.Series(values), "date").values.tolist() == expected.tolist()


@pytest.mark.parametrize("form", ["%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%j"])
def test_timestamps_as_digits_go_there_and_back(form):
    moments = pd.date_range("2023-12-20", periods=40, freq="D" if form == "%Y%j" else "h")
    column = pd.Series(moments.strftime(form).astype("int64"))
    read = parse_times(column, "ds")
    np.testing.assert_array_equal(read.values, moments)
    columns = Columns(None, "ds", ("y",), time_kind=read.kind)
    assert columns.restore_times(read.values).tolist() == column.tolist()
    clock = Clock(columns, "D" if form == "%Y%j" else "h", np.dtype("datetime64[ns]"))
    assert clock.texts(clock.stamps(np.array([clock.read(int(column[7]))]))) == [column[7]]


@pytest.mark.parametrize(
    ("values", "form", "expected"),
    [
        (["01/02/2023", "02/02/2023"], "%m/%d/%Y", dates("2023-01-02", "2023-02-02")),
        ([2023121, 2023122], "%Y%j", dates("2023-05-01", "2023-05-02")),
        ([101.0, 102.0], "%H%M", dates("1900-01-01T10:01", "1900-01-01T10:02")),
        (["5h 3 Jan 23", "6h 3 Jan 23"], "%Hh %d %b %y", dates("2023-01-03T05", "2023-01-03T06")),
    ],
)
def test_timestamps_are_read_by_the_given_format(values, form, expected):
    assert parse_times(pd.Series(values), "ds", form).values.tolist() == expected.tolist()


def test_timestamps_name_rows_that_the_given_format_does_not_read():
    with pytest.raises(DataError, match=r"not written as date_format='%d.%m.%Y' in row 2 \('2.2.23'\); correct"):
        parse_times(pd.Series(["1.2.2023", "2.2.23"]), "ds", "%d.%m.%Y")
    with pytest.raises(SettingError, match="no format of dates"):
        parse_times(pd.Series(["1.2.2023"]), "ds", "%Q")
    with pytest.raises(DataError, match="is empty in row 2"):
        parse_times(pd.Series(["1.2.2023", None]), "ds", "%d.%m.%Y")


def test_timestamps_given_with_an_offset_are_moments():
    read = parse_times(pd.Series(["31.03.24 01 +0100", "31.03.24 03 +0200"]), "ds", "%d.%m.%y %H %z")
    assert read.universal.tolist() == dates("2024-03-31T00", "2024-03-31T01").tolist()


def test_the_reading_is_in_notes_and_errors_about_time():
    frame = pd.DataFrame({"ds": ["01/02/20", "02/02/20", "03/02/20", "04/02/20"], "y": 1.0})
    panel, _ = build(frame)
    assert "'01/02/20' as 2020-" in " ".join(map(str, panel.notes))
    frame.loc[3, "ds"] = "05/02/20"
    fault(frame, "gaps: .*; the first time, '01/02/20', was read as 2020-01-02", freq="D")
    hours = pd.DataFrame({"ds": [2023010100, 2023010101, 2023010103], "y": 1.0})
    fault(hours, "gaps: .*; the first time, '2023010100', was read as 2023-01-01", freq="h")
    fault(frame.assign(ds=frame["ds"].str[:5]), "cannot be read as dates")
    panel, _ = build(frame.assign(ds=pd.date_range("2020-01-01", periods=4)))
    assert not [note for note in panel.notes if note.key == "tables.time_read"]
