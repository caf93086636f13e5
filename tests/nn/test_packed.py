"""Packed sequences: the same order in and out, and every row as if it had run alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence
from twins import MODES, Counter, check_close, make_hx, parts_of, twins


@given(
    name=st.sampled_from(MODES),
    bidirectional=st.booleans(),
    with_hx=st.booleans(),
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=6),
)
@settings(max_examples=60)
def test_each_row_is_as_if_alone(name, bidirectional, with_hx, lengths):
    mine, _ = twins(name, 3, 4, 2, bidirectional=bidirectional, dtype=torch.float64)
    rows = [torch.randn(length, 3, dtype=torch.float64) for length in lengths]
    hx = make_hx(mine, len(rows)) if with_hx else None
    packed, state = mine(pack_sequence(rows, enforce_sorted=False), hx)
    y, sizes = pad_packed_sequence(packed)
    assert sizes.tolist() == lengths
    for index, row in enumerate(rows):
        start = _row(hx, index)
        alone, after = mine(row, start)
        check_close([y[: len(row), index]], [alone], 1e-12)
        check_close(parts_of(_row(state, index)), parts_of(after), 1e-12)


def _row(hx, index):
    if hx is None:
        return None
    return tuple(part[:, index] for part in hx) if isinstance(hx, tuple) else hx[:, index]


@pytest.mark.parametrize("name", MODES)
def test_batch_first_does_not_concern_packed_sequences(name):
    mine, _ = twins(name, 3, 4, 2)
    other, _ = twins(name, 3, 4, 2, batch_first=True)
    packed = pack_padded_sequence(torch.randn(6, 3, 3), [6, 4, 1])
    check_close(parts_of(*mine(packed)), parts_of(*other(packed)), 1e-6)


@pytest.mark.parametrize("name", MODES)
def test_sorted_rows_need_no_order_and_get_none(name):
    mine, _ = twins(name, 3, 4)
    packed = pack_padded_sequence(torch.randn(6, 3, 3), [6, 4, 1])
    y, _ = mine(packed)
    assert y.sorted_indices is None
    assert y.unsorted_indices is None
    assert torch.equal(y.batch_sizes, packed.batch_sizes)


@pytest.mark.parametrize("name", MODES)
def test_unsorted_rows_keep_their_order_and_their_state(name):
    mine, _ = twins(name, 3, 4)
    x, lengths = torch.randn(6, 4, 3), torch.tensor([2, 6, 1, 4])
    order = lengths.argsort(descending=True)
    hx = make_hx(mine, 4)
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    y, state = mine(packed, hx)
    assert torch.equal(y.sorted_indices, packed.sorted_indices)
    sorted_hx = tuple(part[:, order] for part in hx) if name == "LSTM" else hx[:, order]
    expected, last = mine(pack_padded_sequence(x[:, order], lengths[order]), sorted_hx)
    check_close([y.data], [expected.data], 1e-6)
    check_close([part[:, order] for part in parts_of(state)], parts_of(last), 1e-6)
    assert not torch.allclose(parts_of(state)[0], parts_of(last)[0])


@pytest.mark.parametrize("name", MODES)
def test_rows_of_equal_length_equal_the_padded_call(name):
    mine, _ = twins(name, 3, 4, 2, bidirectional=True)
    x, hx = torch.randn(6, 5, 3), make_hx(mine, 5)
    packed, state = mine(pack_padded_sequence(x, [6] * 5), hx)
    y, last = mine(x, hx)
    check_close(parts_of(pad_packed_sequence(packed)[0], state), parts_of(y, last), 1e-6)


@pytest.mark.parametrize("name", MODES)
def test_gradient_reaches_only_the_steps_that_exist(name):
    mine, _ = twins(name, 3, 4, 2, bidirectional=True)
    x, lengths = torch.randn(6, 3, 3, requires_grad=True), [6, 4, 1]
    y, _ = mine(pack_padded_sequence(x, lengths))
    (slope,) = torch.autograd.grad(y.data.sum(), x)
    exists = torch.arange(6)[:, None] < torch.tensor(lengths)
    assert slope[exists].all()
    assert not slope[~exists].any()


@pytest.mark.parametrize("name", MODES)
def test_output_feeds_the_next_module(name):
    (first, other), (second, last) = twins(name, 3, 4, bidirectional=True), twins(name, 8, 2)
    packed = pack_padded_sequence(torch.randn(6, 3, 3), [3, 6, 2], enforce_sorted=False)
    check_close(parts_of(*second(first(packed)[0])), parts_of(*last(other(packed)[0])), 1e-5)


@pytest.mark.parametrize("name", MODES)
def test_inconsistent_sizes_and_states_are_torchs_to_refuse(name, monkeypatch):
    counter, (mine, other) = Counter(monkeypatch), twins(name, 3, 4)
    data, sizes = torch.randn(5, 3), torch.tensor([3, 2])
    for input, hx in (
        (PackedSequence(data[:, :2], sizes), None),
        (PackedSequence(data.double(), sizes), None),
        (PackedSequence(data, sizes), make_hx(mine, 2)),
        (PackedSequence(data, sizes), make_hx(mine, 3, torch.float64)),
    ):
        with pytest.raises((RuntimeError, ValueError)) as theirs:
            other(input, hx)
        with pytest.raises(type(theirs.value)) as ours:
            mine(input, hx)
        assert str(ours.value) == str(theirs.value)
    assert counter.calls == 0
