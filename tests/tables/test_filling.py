"""Filling against pandas' own, series by series."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_tools import build, frame_of

from tidegate.errors import DataError, SettingError
from tidegate.tables.filling import fill
from tidegate.tables.panel import Panel

quick = settings(deadline=None, max_examples=40)


def panel_of(series, **roles):
    starts = np.concatenate([[0], np.cumsum([len(values) for values in series])]).astype(np.int64)
    rows = int(starts[-1])
    empty = np.empty((rows, 0))
    targets = np.concatenate(series).reshape(rows, 1)
    ids = np.array([f"s{i}" for i in range(len(series))], dtype=object)
    times = np.concatenate([np.arange(len(values)) for values in series])
    static = np.empty((len(series), 0))
    return Panel(ids, starts, times, 1, targets, roles.get("past", empty), roles.get("future", empty), static)


values_with_holes = st.lists(st.one_of(st.floats(-100, 100), st.just(float("nan"))), min_size=1, max_size=15)
panels = st.lists(values_with_holes.filter(lambda v: not all(np.isnan(v))), min_size=1, max_size=6)


def by_pandas(values, method):
    column = pd.Series(values, dtype=float)
    if method == "forward":
        return column.ffill().bfill()
    return column.interpolate(limit_direction="both")


@quick
@given(series=panels, method=st.sampled_from(["forward", "linear"]))
def test_fill_equals_pandas_series_by_series(series, method):
    filled = fill(panel_of([np.array(values, dtype=float) for values in series]), method, 1)
    expected = np.concatenate([by_pandas(values, method) for values in series])
    np.testing.assert_allclose(filled.targets[:, 0], expected, atol=1e-10)


@quick
@given(series=panels, season=st.integers(1, 5))
def test_fill_seasonal_takes_the_season_and_else_the_line(series, season):
    filled = fill(panel_of([np.array(values, dtype=float) for values in series]), "seasonal", season).targets[:, 0]
    row = 0
    for values in series:
        line = by_pandas(values, "linear")
        for i, value in enumerate(values):
            known = [values[j] for j in (i - season, i + season) if 0 <= j < len(values) and not np.isnan(values[j])]
            expected = value if not np.isnan(value) else (known[0] if known else line[i])
            assert filled[row] == pytest.approx(expected, abs=1e-10)
            row += 1


@quick
@given(series=panels, method=st.sampled_from(["forward", "linear", "seasonal"]))
def test_fill_leaves_known_values_and_the_input_alone(series, method):
    panel = panel_of([np.array(values, dtype=float) for values in series])
    before = panel.targets.copy()
    filled = fill(panel, method, 2)
    np.testing.assert_array_equal(panel.targets, before)
    known = ~np.isnan(before)
    np.testing.assert_array_equal(filled.targets[known], before[known])
    assert not np.isnan(filled.targets).any()


@quick
@given(series=panels)
def test_fill_forward_never_looks_ahead_of_the_first_known_value(series):
    arrays = [np.array([1.0, *values]) for values in series]
    whole = fill(panel_of(arrays), "forward", 1)
    for array, start in zip(arrays, whole.starts, strict=False):
        for end in range(1, len(array)):
            part = fill(panel_of([array[:end]]), "forward", 1).targets
            np.testing.assert_array_equal(part, whole.targets[start : start + end])


def test_fill_without_holes_returns_the_panel_itself():
    panel = panel_of([np.arange(3.0)])
    for method in ("refuse", "forward", "linear", "seasonal", "mask"):
        assert fill(panel, method, 1) is panel


def test_fill_treats_covariates_and_keeps_float32():
    past = np.array([[1, np.nan], [np.nan, 5]], dtype=np.float32)
    filled = fill(panel_of([np.arange(2.0)], past=past, future=past), "forward", 1)
    assert filled.past.tolist() == filled.future.tolist() == [[1, 5], [1, 5]]
    assert filled.past.dtype == np.float32


def test_fill_mask_leaves_every_hole():
    panel = panel_of([np.array([1.0, np.nan])])
    assert fill(panel, "mask", 1) is panel


def test_fill_says_which_series_and_what_to_do():
    with pytest.raises(DataError, match=r"targets in 1 row, first in series s1 at 1; fill them .* 'mask'"):
        fill(panel_of([np.arange(2.0), np.array([1.0, np.nan])]), "refuse", 1)
    with pytest.raises(DataError, match=r"1 series \(s1\).*leave out those series or give earlier values"):
        fill(panel_of([np.arange(2.0), np.array([np.nan, np.nan])]), "linear", 1)
    with pytest.raises(SettingError, match="missing must be one of refuse"):
        fill(panel_of([np.arange(2.0)]), "guess", 1)


@pytest.mark.parametrize("method", ["forward", "linear", "seasonal", "mask"])
@pytest.mark.parametrize("layout", ["long", "wide", "rows"])
def test_a_series_without_any_value_is_left_out_with_a_note(method, layout):
    long = frame_of(["a", "b", "c"], 4)
    long.loc[long["unique_id"] == "b", "y"] = np.nan
    table = long.assign(ds=long["ds"].astype(str)) if layout == "rows" else long
    if layout != "long":
        index, columns = ("ds", "unique_id") if layout == "wide" else ("unique_id", "ds")
        table = table.pivot(index=index, columns=columns, values="y").reset_index()
    panel, _ = build(table, missing=method, layout=layout)
    assert panel.ids.tolist() == ["a", "c"]
    assert any("left out: b" in str(note) for note in panel.notes)
    with pytest.raises(DataError, match="no value of 'y' is known in series b; give values"):
        build(long[long["unique_id"] == "b"], missing=method)


def test_a_series_without_a_value_of_one_target_is_left_out():
    frame = frame_of(["a", "b"], 4).assign(z=lambda f: f["y"].where(f["unique_id"] == "a"))
    assert build(frame, missing="mask", target_col=("y", "z"))[0].ids.tolist() == ["a"]


def test_targets_that_cannot_be_filled_are_not_told_to_be_masked():
    frame = frame_of(["a", "b"], 4)
    frame.loc[4:6, "y"] = np.nan
    head = build(frame, missing="mask")[0].head(np.array([3, 3]))
    with pytest.raises(DataError, match=r"targets columns of 1 series \(b\).*; leave out those series or give earlier"):
        fill(head, "forward", 1)
