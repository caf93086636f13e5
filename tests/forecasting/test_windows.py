import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.forecasting.features import parse_features
from tidegate.forecasting.windows import WindowRows, Windows, WindowShape


def _rows(lengths, channels=1):
    starts = np.concatenate([[0], np.cumsum(lengths)])
    values = torch.arange(float(starts[-1])).unsqueeze(1).repeat(1, channels)
    return WindowRows(values, None, values[:, :1], torch.empty(len(lengths), 0), torch.from_numpy(starts))


def _shape(lookback, horizon, names=(), *, future=0, flagged=False, scaler=None):
    return WindowShape(lookback, horizon, 1, 0, future, parse_features(names, horizon), flagged, scaler)


@given(
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=5), lookback=st.integers(1, 6), horizon=st.integers(1, 4)
)
@settings(max_examples=60, deadline=None)
def test_windows_are_all_and_only_those_a_plain_loop_finds(lengths, lookback, horizon):
    rows = _rows(lengths)
    part = np.zeros(len(lengths), dtype=int), np.array(lengths)
    windows = Windows(rows, _shape(lookback, horizon), part, steps=horizon, padded=False)
    expected = []
    start = 0
    for length in lengths:
        for origin in range(lookback, length - horizon + 1):
            row = start + origin
            expected.append((list(range(row - lookback, row)), list(range(row, row + horizon))))
        start += length
    assert len(windows) == len(expected)
    if expected:
        (past, _, _), target = windows.batch(torch.arange(len(windows)))
        assert past[:, :, 0].tolist() == [p for p, _ in expected]
        assert target[:, :, 0].tolist() == [t for _, t in expected]


def test_windows_of_the_parts_forecast_every_row_once_and_no_other():
    rows, shape = _rows([50]), _shape(5, 1)
    parts = [(np.array([0]), np.array([30])), (np.array([30]), np.array([40])), (np.array([40]), np.array([50]))]
    forecast = []
    for part in parts:
        windows = Windows(rows, shape, part, steps=1, padded=False)
        forecast.append(windows.batch(torch.arange(len(windows)))[1].flatten().tolist())
    assert forecast == [list(range(5, 30)), list(range(30, 40)), list(range(40, 50))]  # the last sample is kept


def test_padded_windows_flag_what_lies_before_the_series():
    rows = _rows([3, 4])
    part = np.zeros(2, dtype=int), np.array([3, 4])
    windows = Windows(rows, _shape(5, 1, flagged=True), part, steps=1, padded=True)
    (past, _, _), target = windows.batch(torch.arange(len(windows)))
    assert target.flatten().tolist() == [1.0, 2.0, 4.0, 5.0, 6.0]
    assert past[1, :, 0].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert past[1, :, 1].tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert past[2, :, 0].tolist() == [0.0, 0.0, 0.0, 0.0, 3.0]  # not a row of the series before


def test_per_window_normalisation_is_undone_exactly():
    rows = _rows([40])
    part = np.array([0]), np.array([40])
    windows = Windows(rows, _shape(8, 3, scaler="standard"), part, steps=3, padded=False)
    raw, truth = windows.raw(torch.arange(len(windows)))
    window = windows.shape.assemble(raw)
    assert window.past.mean(1).abs().max() < 1e-5
    normalised = window.normalise(truth)
    assert torch.allclose(window.restore(normalised.unsqueeze(-1)).squeeze(-1), truth, atol=1e-4)


def test_future_inputs_are_those_of_the_forecast_rows():
    rows = _rows([20], channels=2)
    windows = Windows(rows, _shape(4, 2, ("lag_3",), future=1), (np.array([0]), np.array([20])), steps=2, padded=False)
    (past, future, _), target = windows.batch(torch.tensor([0]))
    assert target.flatten().tolist() == [7.0, 8.0]  # lookback 4 and 3 rows for the lag
    assert future[0].tolist() == [[7.0, 4.0], [8.0, 5.0]]
    assert past[0].tolist() == [[t, t, t - 3] for t in (3.0, 4.0, 5.0, 6.0)]


def test_windows_refuse_nothing_silently_when_a_part_is_too_short():
    windows = Windows(_rows([5]), _shape(5, 1), (np.array([0]), np.array([5])), steps=1, padded=False)
    assert len(windows) == 0
    with pytest.raises(IndexError):
        windows.batch(torch.tensor([0]))
