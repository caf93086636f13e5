"""Numbers and times as people write them."""

import math
from datetime import datetime

import numpy as np
import pytest

from tidegate.reporting.formats import (
    column_texts,
    number_text,
    p_value_text,
    setting_text,
    time_text,
    time_texts,
    unbroken,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(412.3, "412"), (41235.2, "41,235"), (2.3149, "2.31"), (0.00231, "0.00231"), (0, "0.00"), (1e-7, "1.00e-07"),
     (1e12, "1.00e+12"), (-2.5, "-2.50"), (math.nan, "–")],
)  # fmt: skip
def test_number_text_keeps_three_digits(value, text):
    assert number_text(value) == text


def test_p_value_text():
    assert [p_value_text(p) for p in (0.0001, 0.0312, 0.21)] == ["p < 0.001", "p = 0.031", "p = 0.21"]


def test_column_texts_have_as_many_decimals_as_the_smallest_needs():
    assert column_texts({"a": 0.0123, "b": 12.5, "c": math.nan}) == {"a": "0.0123", "b": "12.5000", "c": "–"}
    assert column_texts({"a": 1234.5, "b": -987.1}) == {"a": "1,234", "b": "−987"}
    assert column_texts({"a": 0.98765, "b": -0.5}, decimals=3) == {"a": "0.988", "b": "−0.500"}
    assert column_texts({"a": 1e12, "b": 1.0}) == {"a": "1.00e+12", "b": "1.00"}  # no column is that wide


def test_times_that_stand_under_one_another_all_have_a_clock_or_none():
    midnight, later = np.datetime64("2024-03-01"), datetime(2024, 3, 1, 0, 30)
    assert time_texts([midnight, later]) == ["2024-03-01 00:00", "2024-03-01 00:30"]
    assert time_texts([midnight, datetime(2024, 3, 2)]) == ["2024-03-01", "2024-03-02"]
    assert time_texts(["New York", "B"]) == ["New York", "B"]


def test_time_text_has_a_clock_where_it_is_not_midnight():
    assert time_text(np.datetime64("2024-03-01")) == "2024-03-01"
    assert time_text(datetime(2024, 3, 1, 7, 30)) == "2024-03-01 07:30"
    assert time_text(17) == "17"


def test_setting_text():
    assert [setting_text(value) for value in (["a", "b"], (), None, 0.1)] == ["a, b", "–", "–", "0.1"]


def test_unbroken_keeps_names_and_units_whole():
    assert unbroken("37 % by Diebold–Mariano p < 0.001") == "37\u00a0% by Diebold–\u2060Mariano p\u00a0<\u00a00.001"
    assert unbroken("from 1–2 up to 3") == "from 1–2 up to 3"
