"""Dates are written in the form in which a column's text had them, and read again as the same moments."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_tools import build

from tidegate.tables.date_formats import text_to_dates
from tidegate.tables.date_writing import find_form, read_form, write_dates
from tidegate.tables.frequency import times_ahead

# form in the letters of Python's strftime, step of time
FORMS = [
    *(("%Y-%m-%d", "D"), ("%d.%m.%Y", "D"), ("%m/%d/%Y", "D"), ("%d.%m.%y", "D"), ("%Y/%m/%d %H:%M", "h")),
    *(("%Y-%m-%dT%H:%M:%S", "h"), ("%Y-%m-%d %H:%M:%S.%f", "7s"), ("%d %b %Y", "D"), ("%b %d, %Y", "D")),
    *(("%d-%b-%Y", "W-MON"), ("%B %Y", "MS"), ("%Y-%m", "MS"), ("%m/%Y", "MS"), ("%G-W%V", "W-MON")),
    *(
        ("%m/%d/%Y %I:%M %p", "h"),
        ("%Y年%m月%d日", "D"),
        ("%a %b %d %Y", "D"),
        ("%Y.%m.%d", "D"),
        ("%d/%m/%Y %H:%M:%S", "h"),
    ),
    *(("%Y-%m-%dT%H:%M:%SZ", "h"), ("%Y-%m-%d %H:%M+01:00", "h"), ("%Y%m%d %H:%M", "h")),
]


@pytest.mark.parametrize(("form", "freq"), FORMS)
@pytest.mark.parametrize("rows", [4, 60])
def test_a_table_is_continued_in_its_own_form(form, freq, rows):
    times = pd.date_range("2026-01-26", periods=rows + 30, freq=freq)
    texts = times.strftime(form)
    panel, columns = build(pd.DataFrame({"when": texts[:rows], "y": np.arange(rows)}), time_col="when")
    ahead = pd.Series(columns.restore_times(times_ahead(panel, 30)[0]))
    assert write_dates(ahead, columns.time_form).tolist() == texts[rows:].tolist()


@given(
    st.datetimes(pd.Timestamp("1950-01-01"), pd.Timestamp("2090-01-01")),
    st.sampled_from(["%-d.%-m.%Y", "%-m/%-d/%y %-H:%M"]),
)
def test_parts_without_zeros_are_written_without(start, form):
    times = pd.date_range(start, periods=50, freq="29h").floor("min")
    texts = write_dates(pd.Series(times), form).tolist()
    plain = [text.split(" ")[0] for text in texts]
    assert [
        f"{t.day}.{t.month}.{t.year}" if "." in form else f"{t.month}/{t.day}/{t.year % 100:02d}" for t in times
    ] == plain
    assert write_dates(pd.Series(times), find_form(texts, times.to_numpy(), None)).tolist() == texts


def test_texts_in_no_one_form_have_none_and_it_is_said():
    texts = ["2026-01-01", "02.01.2026", "2026-01-03", "2026-01-04"]
    panel, columns = build(pd.DataFrame({"ds": texts, "y": range(4)}))
    assert columns.time_form is None
    assert "the times in column 'ds' are in no one form; files have theirs as 2024-01-31 18:00:00" in map(
        str, panel.notes
    )


@pytest.mark.parametrize("text", ["", "x", "1st of May", "2026-01-01 24:00", "12"])
def test_a_text_that_no_form_writes_has_none(text):
    assert find_form([text], np.array(["2026-01-02T03:04:05"], dtype="datetime64[ns]"), None) is None


def test_a_later_table_is_read_in_the_form_of_the_first():
    """Three days of March alone would be read as month first or day first by their steps."""
    times = pd.date_range("2026-01-20", periods=40)
    _, columns = build(pd.DataFrame({"ds": times.strftime("%m/%d/%Y"), "y": range(40)}))
    later = pd.date_range("2026-03-01", periods=3).strftime("%m/%d/%Y")
    panel, _ = build(pd.DataFrame({"ds": later, "y": range(3)}), like=columns, time_col="ds", freq="D")
    assert panel.times.astype("datetime64[D]").astype(str).tolist() == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert read_form(["2026-03-01"], columns.time_form) is None


def test_offsets_that_change_are_written_as_they_are():
    stamps = pd.date_range("2026-03-28 22:00", periods=8, freq="h", tz="Europe/Berlin")
    texts = [stamp.isoformat() for stamp in stamps]
    read = text_to_dates(texts, np.arange(8), "ds")
    form = find_form(texts, read.values, read.offsets)
    assert write_dates(pd.Series(stamps), form).tolist() == texts
