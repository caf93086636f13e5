from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from tidegate import DataError
from tidegate.tables.series_ids import SeriesIds


@pytest.mark.parametrize("name", [7, "7", np.int64(7), np.int8(7), 7.0, np.float32(7)])
@pytest.mark.parametrize("fitted", [[5, 7], ["5", "7"], [5.0, 7.0]])
def test_an_identifier_means_one_series_however_it_is_written(fitted, name):
    assert SeriesIds(fitted).find(name) == 1


@pytest.mark.parametrize("name", ["07", "7.5", 7.5, "", None, True, "x", [7], float("nan"), " 7"])
def test_an_unknown_identifier_means_no_series(name):
    ids = SeriesIds([1, 7])
    assert ids.find(name) is None
    assert name not in ids
    with pytest.raises(DataError, match=r"not fitted on a series .*; its series are 1, 7"):
        ids.number(name)


def test_a_date_is_found_by_its_text():
    ids = SeriesIds([pd.Timestamp("2026-01-01")])
    assert ids.find("2026-01-01T00:00:00") == ids.find(datetime(2026, 1, 1)) == 0


def test_identifiers_of_one_text_are_told_apart_by_their_kind_alone():
    ids = SeriesIds([7, "7"])
    assert (ids.find(7), ids.find("7"), ids.find(7.0)) == (0, 1, None)


def test_a_table_may_not_write_one_series_in_two_ways():
    ids = SeriesIds([7, 8])
    assert ids.own(np.array(["8", "new", "7"], dtype=object)).tolist() == [8, "new", 7]
    with pytest.raises(DataError, match="7 and '7' of the table are the same series"):
        ids.own(np.array([7, "7"], dtype=object))
