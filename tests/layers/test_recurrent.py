"""The recurrent layer: equal to torch's on the same weights, and true to its contract for every cell."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tidegate import cells, engine
from tidegate.cells import Cell
from tidegate.equations.functions import sigmoid, tanh
from tidegate.errors import DataError, SettingError
from tidegate.layers.recurrent import Recurrent

TORCH = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
SHAPES = [(1, False), (2, False), (1, True), (3, True)]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


class Peephole(Cell):
    gates = ("input", "forget", "candidate", "output")
    states = ("h", "c")
    weights = ("p_input", "p_forget", "p_output")

    @staticmethod
    def step(z, prev, w):
        c = sigmoid(z.forget + w.p_forget * prev.c) * prev.c
        c = c + sigmoid(z.input + w.p_input * prev.c) * tanh(z.candidate)
        return sigmoid(z.output + w.p_output * c) * tanh(c), c


EVERY = [*cells.names(), Peephole]


def make_layer(cell, *, dtype=torch.float64, **options):
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 4, **options).to(dtype)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer.eval()  # in training, zoneout draws


def make_pair(name, layers, bidirectional, dtype):
    layer = make_layer(name, dtype=dtype, layers=layers, bidirectional=bidirectional)
    other = TORCH[name](3, 4, layers, batch_first=True, bidirectional=bidirectional, dtype=dtype)
    other.load_state_dict(layer.state_dict())
    return layer, other


def make_state(layer, batch, dtype=torch.float64):
    rows = layer.layers * (2 if layer.bidirectional else 1)
    return tuple(torch.randn(rows, batch, size, dtype=dtype) for size in layer.cell.sizes(layer.units))


def for_torch(state):
    return state if len(state) > 1 else state[0]


def gradients(module, y, state, *inputs):
    """Return the gradients of a sum that weighs every output and state differently."""
    loss = (y * torch.arange(y.numel(), dtype=y.dtype).view_as(y).sin()).sum()
    loss = loss + sum((part * torch.arange(part.numel(), dtype=y.dtype).view_as(part).cos()).sum() for part in state)
    return torch.autograd.grad(loss, [*inputs, *module.parameters()], allow_unused=True, materialize_grads=True)


def check_close(mine, other, tolerance):
    for left, right in zip(mine, other, strict=True):
        torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance)


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("path", ["torch", "reference"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("name", TORCH)
def test_layer_equals_torchs(name, layers, bidirectional, dtype, path):
    layer, other = make_pair(name, layers, bidirectional, dtype)
    x = torch.randn(5, 6, 3, dtype=dtype, requires_grad=True)
    state = tuple(part.requires_grad_() for part in make_state(layer, 5, dtype))
    with engine.only(path):
        y, new = layer(x, state)
    expected, last = other(x, for_torch(state))
    check_close([y, *new], [expected, *as_tuple(last)], TOLERANCE[dtype])
    mine = gradients(layer, y, new, x, *state)
    check_close(mine, gradients(other, expected, as_tuple(last), x, *state), TOLERANCE[dtype])


@pytest.mark.parametrize("path", ["torch", "reference"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("name", TORCH)
def test_layer_with_lengths_equals_torchs_packed_sequences(name, layers, bidirectional, dtype, path):
    layer, other = make_pair(name, layers, bidirectional, dtype)
    x = torch.randn(5, 6, 3, dtype=dtype, requires_grad=True)
    lengths = torch.tensor([3, 6, 1, 4, 3])
    with engine.only(path):
        y, new = layer(x, lengths=lengths)
    packed, last = other(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    expected, _ = pad_packed_sequence(packed, batch_first=True, total_length=6)
    check_close([y, *new], [expected, *as_tuple(last)], TOLERANCE[dtype])
    check_close(gradients(layer, y, new, x), gradients(other, expected, as_tuple(last), x), TOLERANCE[dtype])


@pytest.mark.parametrize("lengths", [None, torch.tensor([2, 0])])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", EVERY)
def test_gradients_through_the_reference_are_right(cell, bidirectional, lengths):
    layer = make_layer(cell, layers=2, bidirectional=bidirectional)
    x = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in layer.named_parameters()]

    def run(x, *weights):
        y, state = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x, None, lengths))
        return (y, *state)

    with engine.only("reference"):
        assert torch.autograd.gradcheck(run, (x, *layer.parameters()), fast_mode=True)


@pytest.mark.parametrize("cell", EVERY)
def test_second_derivatives_through_the_reference_are_right(cell):
    layer = make_layer(cell)
    x = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    with engine.only("reference"):
        assert torch.autograd.gradgradcheck(lambda x: layer(x)[0], (x,), fast_mode=True)


@pytest.mark.parametrize("cell", EVERY)
def test_steps_equal_forward(cell):
    layer = make_layer(cell, layers=2)
    x = torch.randn(5, 6, 3, dtype=torch.float64)
    for start in (None, make_state(layer, 5)):
        y, state = layer(x, start)
        after = start
        for t in range(6):
            out, after = layer.step(x[:, t], after)
            torch.testing.assert_close(out, y[:, t], rtol=1e-12, atol=1e-12)
        check_close(after, state, 1e-12)


@pytest.mark.parametrize("cell", EVERY)
@given(cut=st.integers(0, 6))
@settings(max_examples=7, deadline=None)
def test_chunks_with_carried_state_equal_the_whole(cell, cut):
    layer = make_layer(cell, layers=2)
    x = torch.randn(3, 6, 3, dtype=torch.float64)
    y, state = layer(x)
    first, between = layer(x[:, :cut])
    second, last = layer(x[:, cut:], between)
    check_close([torch.cat([first, second], 1), *last], [y, *state], 1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", EVERY)
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=6), order=st.randoms())
@settings(max_examples=12, deadline=None)
def test_order_of_the_batch_does_not_matter(cell, bidirectional, lengths, order):
    layer = make_layer(cell, bidirectional=bidirectional)
    x, rows = torch.randn(len(lengths), 6, 3, dtype=torch.float64), list(range(len(lengths)))
    order.shuffle(rows)
    y, state = layer(x, lengths=torch.tensor(lengths))
    moved, after = layer(x[rows], lengths=torch.tensor(lengths)[rows])
    check_close([moved, *after], [y[rows], *(part[:, rows] for part in state)], 1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", EVERY)
@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=5), padding=st.sampled_from([0.0, 1e30, torch.nan]))
@settings(max_examples=12, deadline=None)
def test_padding_does_not_matter(cell, bidirectional, lengths, padding):
    layer = make_layer(cell, layers=2, bidirectional=bidirectional)
    x = torch.randn(len(lengths), 5, 3, dtype=torch.float64)
    start = make_state(layer, len(lengths))
    longer = torch.cat([x, x.new_zeros(len(lengths), 2, 3)], 1)
    for row, length in enumerate(lengths):
        longer[row, length:] = padding
    y, state = layer(longer, start, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone, after = layer(x[row : row + 1, :length], tuple(part[:, row : row + 1].contiguous() for part in start))
        check_close([y[row : row + 1, :length]], [alone], 1e-12)
        assert not y[row, length:].any()
        check_close([part[:, row : row + 1] for part in state], after, 1e-12)
    if any(lengths):
        assert all(each.isfinite().all() for each in gradients(layer, y, state))


@pytest.mark.parametrize("cell", EVERY)
def test_rows_of_length_zero_keep_their_state_and_pass_its_gradient(cell):
    layer = make_layer(cell)
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    start = tuple(part.requires_grad_() for part in make_state(layer, 2))
    _, state = layer(x, start, torch.tensor([0, 3]))
    for after, before in zip(state, start, strict=True):
        assert torch.equal(after[:, 0], before[:, 0])
    (slope,) = torch.autograd.grad(state[-1][:, 0].sum(), start[-1])
    assert torch.equal(slope[:, 0], torch.ones_like(slope[:, 0]))


@pytest.mark.parametrize("cell", EVERY)
def test_strided_input_and_state_change_nothing(cell):
    layer = make_layer(cell, layers=2)
    x = torch.randn(6, 5, 3, dtype=torch.float64).transpose(0, 1)
    start = tuple(part.transpose(0, 1).contiguous().transpose(0, 1) for part in make_state(layer, 5))
    y, state = layer(x, start)
    expected, last = layer(x.contiguous(), tuple(part.contiguous() for part in start))
    check_close([y, *state], [expected, *last], 1e-12)


@pytest.mark.parametrize("cell", [each for each in EVERY if each not in ("variational", "zoneout")])
def test_dropout_acts_between_layers_and_only_while_training(cell):
    plain, dropping = make_layer(cell, layers=2), make_layer(cell, layers=2, dropout=0.5).train()
    x = torch.randn(4, 6, 3, dtype=torch.float64)
    expected, _ = plain(x)
    assert not torch.equal(dropping(x)[0], dropping(x)[0])
    _, training = dropping(x)
    torch.testing.assert_close(training[0][0], plain(x)[1][0][0])
    assert torch.equal(dropping.eval()(x)[0], expected)
    assert torch.equal(make_layer(cell, dropout=0.5).train()(x)[0], make_layer(cell)(x)[0])


def test_mean_under_dropout_stays_where_it_is():
    class Linear(Cell):
        gates = ("all",)

        @staticmethod
        def step(z, prev, w):
            return (z.all,)

    layer = Recurrent(Linear, 1, 1, layers=2, dropout=0.3)
    for name, parameter in layer.named_parameters():
        nn.init.constant_(parameter, float(name.startswith("weight_ih")))
    y, _ = layer(torch.ones(20000, 1, 1))
    assert y.unique().tolist() == [0.0, pytest.approx(1 / 0.7, rel=1e-5)]
    assert y.mean().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(("layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("name", TORCH)
def test_state_dict_has_torchs_keys_in_torchs_order(name, layers, bidirectional):
    layer, other = make_pair(name, layers, bidirectional, torch.float32)
    assert list(layer.state_dict()) == list(other.state_dict())
    layer.load_state_dict(other.state_dict())


def test_extra_weights_carry_their_names_and_the_suffix():
    layer = Recurrent(Peephole, 3, 4, layers=2, bidirectional=True)
    assert layer.get_parameter("p_forget_l1_reverse").shape == (4,)
    assert layer.output_size == 8


@pytest.mark.parametrize("cell", EVERY)
def test_layer_survives_copy_and_pickle(cell):
    layer = make_layer(cell, layers=2)
    x = torch.randn(2, 3, 3, dtype=torch.float64)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(x)[0], layer(x)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": "lstn"}, "cell"),
        ({"input_size": 0}, "input_size"),
        ({"units": 2.5}, "units"),
        ({"layers": -1}, "layers"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
    ],
)
def test_wrong_setting_is_named(change, message):
    with pytest.raises(SettingError, match=message):
        Recurrent(**{"cell": "lstm", "input_size": 3, "units": 4} | change)


def test_wrong_tensor_is_named():
    layer = Recurrent("lstm", 3, 4)
    x = torch.zeros(2, 5, 3)
    with pytest.raises(DataError, match=r"x must have shape \(batch, time, 3\)"):
        layer(torch.zeros(2, 5, 4))
    with pytest.raises(DataError, match=r"x must have shape \(batch, 3\)"):
        layer.step(x)
    with pytest.raises(DataError, match="state must hold h, c"):
        layer(x, (torch.zeros(1, 2, 4),))
    with pytest.raises(DataError, match="state must hold h, c"):
        layer.step(x[:, 0], (torch.zeros(1, 3, 4), torch.zeros(1, 3, 4)))
    for lengths in ([6, 1], [-1, 1], [1, 1, 1], [1.0, 2.0]):
        with pytest.raises(DataError, match="lengths"):
            layer(x, lengths=torch.tensor(lengths))
    with pytest.raises(SettingError, match="bidirectional"):
        Recurrent("lstm", 3, 4, bidirectional=True).step(x[:, 0])
