"""Patterns of dates: what strftime writes is read back, each text by one pattern alone, and no noise is a date."""

import numpy as np
import pandas as pd
import pytest

from tidegate.tables.date_formats import DAY_FIRST, MONTH_FIRST, PATTERNS, date_like, text_to_dates

DAYS = pd.date_range("2019-03-04", periods=60, freq="17D")
WRITTEN = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y %m %d", "%d %b %Y", "%d-%b-%y", "%d%b%Y", "%d. %B %Y", "%b %d, %Y"]
WRITTEN += ["%B %d, %Y", "%A, %d %B %Y", "%a %b %d %Y", "%Y-%b-%d", "%Y %B %d", "%Y年%m月%d日", "%Y 年 %m 月 %d 日"]
WRITTEN += ["%G-W%V-%u", "%GW%V%u", "%dth %b %Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%y", "%m.%d.%Y", "%d %m %Y"]
TIMES = ["", " %H:%M", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", " %H时%M分", " %H:%M:%S.%f"]


@pytest.mark.parametrize("form", WRITTEN)
def test_dates_read_what_strftime_wrote(form):
    for time in TIMES:
        moments = DAYS + pd.Timedelta(hours=13, minutes=5) if time else DAYS
        texts = [moment.strftime(form + time) for moment in moments]
        assert (text_to_dates(texts, np.arange(60), "ds").values == moments.to_numpy()).all(), texts[0]


def test_no_text_is_read_by_two_patterns():
    for order in (DAY_FIRST, MONTH_FIRST):
        patterns = (*PATTERNS, *order)
        for pattern in patterns:
            texts = pd.Series([day.strftime(pattern) for day in DAYS], dtype=object)
            readers = [p for p in patterns if pd.to_datetime(texts, format=p, errors="coerce").notna().any()]
            assert readers == [pattern]


@pytest.mark.parametrize(
    "text",
    [
        "Junk 2020",
        "maybe 5 2020",
        "store_17",
        "1/2-2020",
        "5 Jan",
        "2020131",
        "Q5 2020",
        "2020-W54",
        "2020-13",
        "x",
        "",
    ],
)
def test_noise_is_no_date(text):
    assert not date_like([text])[0]


def test_date_like_judges_each_text_alone():
    assert date_like(["2020-01-05", "soon", "13/01/2020", "01/13/2020 10:00Z", "3-12"]).tolist() == [1, 0, 1, 1, 1]
