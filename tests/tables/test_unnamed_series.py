"""Columns that name several series although nobody said so: they are refused, not read as one series with a note."""

import numpy as np
import pandas as pd
import pytest
from table_tools import build, fault

BLOCKS, TURNS = np.repeat(["a", "b", "c"], 4), np.tile(["a", "b", "c"], 4)
NUMBERS = np.repeat([1, 2, 3], 4)


def table(**columns):
    return pd.DataFrame({**columns, "y": np.arange(12.0)})


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"id": BLOCKS}, "'id' holds 3 names"),
        ({"id": TURNS}, "'id' holds 3 names"),
        ({"id": NUMBERS}, "'id' holds 3 names"),
        ({"id": np.array(["a", "a", "a", None, None, None] * 2, dtype=object)}, "'id' holds 2 names"),
        ({"Store ID": NUMBERS}, "'Store ID' holds 3 names"),
        ({"storeId": NUMBERS}, "'storeId' holds 3 names"),
        ({"city": BLOCKS}, "'city' holds 3 names, each in rows of its own"),
        ({"city": pd.Categorical(BLOCKS)}, "'city' holds 3 names, each in rows of its own"),
        ({"store": NUMBERS, "t": np.tile(range(4), 3)}, "'store' holds 3 values, for each of which 't' begins again"),
    ],
)
def test_rows_of_several_series_without_times_are_refused(columns, why):
    fault(table(**columns), f"has no times, and column {why}: if it names series, say so with id_col .*; if all rows")
    named = next(iter(columns))
    if None not in columns[named]:
        panel, _ = build(table(**columns), id_col=named)
        assert len(panel.ids) == 3


@pytest.mark.parametrize(
    "columns",
    [
        {"id": [f"row {i}" for i in range(12)]},
        {"id": range(12)},
        {"id": ["a"] * 12},
        {"weekday": TURNS},
        {"promotion": np.repeat([0, 1], 6)},
        {"day": NUMBERS, "hour": np.tile(range(4), 3)},
        {"city": BLOCKS, "ds": pd.date_range("2026-01-01", periods=12)},
        {"cells": [[i] for i in range(12)], "monkey": TURNS},
    ],
)
def test_one_series_stays_one(columns):
    assert build(table(**columns))[0].ids.tolist() == ["series"]


def test_a_column_with_a_role_is_no_name():
    assert build(table(city=BLOCKS), past_cols=("city",))[0].ids.tolist() == ["series"]


@pytest.mark.parametrize("names", [BLOCKS, NUMBERS])
def test_times_that_come_twice_name_the_column_that_tells_them_apart(names):
    times = np.tile(pd.date_range("2026-01-01", periods=4), 3)
    frame = table(price=np.linspace(0, 1, 12), kind=TURNS, store=names, ds=times, cells=[[1]] * 12)
    fault(
        frame.drop(columns="kind"), "have the same time .*; if column 'store' names several series, say so with id_col"
    )
    _, columns = build(frame[["ds", "y"]][:4])
    fault(frame[["store", "ds", "y"]], "names several series, give the rows of one, for the model was", like=columns)
    fault(frame[["ds", "y", "cells"]], "or aggregate them, for instance by their mean$")
