"""Rows into series: the same panel however the rows lie."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_tools import as_dict, build, fault, frame_of, rows_frame

quick = settings(deadline=None, max_examples=40)


ROLES = {"past_cols": ("p",), "future_cols": ("f",), "static_cols": ("kind",)}


@quick
@given(lengths=st.lists(st.integers(2, 8), min_size=1, max_size=5), seed=st.integers(0, 1000))
def test_panel_does_not_depend_on_the_order_of_rows(lengths, seed):
    frame = rows_frame(lengths)
    sorted_panel, _ = build(frame, **ROLES)
    shuffled, _ = build(frame.sample(frac=1, random_state=seed), **ROLES)
    assert as_dict(sorted_panel) == as_dict(shuffled)


@quick
@given(lengths=st.lists(st.integers(2, 8), min_size=2, max_size=5))
def test_panel_does_not_depend_on_interleaving(lengths):
    frame = rows_frame(lengths)
    grouped, _ = build(frame, **ROLES)
    interleaved, _ = build(frame.sort_values("ds", kind="stable"), **ROLES)
    assert as_dict(grouped) == as_dict(interleaved)
    assert not any("out of order" in str(note) for note in interleaved.notes)


def test_panel_of_unsorted_rows_says_so():
    panel, _ = build(frame_of(["a"]).iloc[::-1])
    assert panel.targets[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert [str(note) for note in panel.notes[:1]] == [
        "rows out of order in time: 5, the first is row 2; they were sorted"
    ]


@pytest.mark.parametrize("dtype", ["int64", "category", "string", "Int64"])
def test_panel_takes_identifiers_of_any_kind(dtype):
    frame = frame_of([3, 1])
    plain, _ = build(frame)
    frame["unique_id"] = frame["unique_id"].astype("string" if dtype == "string" else dtype)
    panel, columns = build(frame.sample(frac=1, random_state=1))
    assert sorted(map(str, panel.ids)) == ["1", "3"]
    assert panel.targets.shape == plain.targets.shape
    assert str(columns.restore_ids(panel.ids).dtype) == (dtype if dtype in ("int64", "category") else "object")


def test_fault_duplicates():
    frame = pd.concat([frame_of(), frame_of().iloc[[2]]], ignore_index=True)
    fault(frame, "rows 3 and 13 of series a have the same time 2020-01-03; keep one row per time or aggregate")
    shops = frame_of().rename(columns={"unique_id": "shop"})
    fault(shops, "rows 1 and 7 have the same time .* if column 'shop' names several series, say so with id_col")


def test_fault_nameless_series():
    frame = frame_of().astype({"unique_id": object})
    for nothing in (None, np.nan, pd.NA):
        frame.loc[[3, 4], "unique_id"] = nothing
        fault(frame, "'unique_id' names no series in rows 4, 5; name")
    fault(frame.astype({"unique_id": "category"}), "'unique_id' names no series in rows 4, 5; name")
