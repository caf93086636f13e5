"""Every call that the engine runs gives torch's outputs, states and gradients."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from twins import MODES, TOLERANCE, Counter, check_close, check_same, everything, make_hx, parts_of, twins

import tidegate.nn
from lacking import need_of_machine
from tidegate import engine
from tidegate.nn.running import runs

OPTIONS = st.fixed_dictionaries(
    {
        "num_layers": st.integers(1, 3),
        "bias": st.booleans(),
        "batch_first": st.booleans(),
        "bidirectional": st.booleans(),
    }
)


@st.composite
def calls(draw, dtype):
    """A pair of twins, an input in one of torch's layouts, and a state or none."""
    name, layout = draw(st.sampled_from(MODES)), draw(st.sampled_from(["batch", "alone", "sorted", "unsorted"]))
    inputs, units, batch, time = (draw(st.integers(1, high)) for high in (7, 19, 6, 9))
    mine, other = twins(name, inputs, units, dtype=dtype, **draw(OPTIONS))
    shape = (batch, time, inputs) if mine.batch_first else (time, batch, inputs)
    x = torch.randn(shape if layout != "alone" else (time, inputs), dtype=dtype, requires_grad=True)
    if layout in ("sorted", "unsorted"):
        lengths = draw(st.lists(st.integers(1, time), min_size=batch, max_size=batch))
        lengths = sorted(lengths, reverse=True) if layout == "sorted" else lengths
        x = pack_padded_sequence(x, torch.tensor(lengths), mine.batch_first, enforce_sorted=layout == "sorted")
    hx = make_hx(mine, None if layout == "alone" else batch, requires_grad=True) if draw(st.booleans()) else None
    return mine, other, x, hx


@given(call=calls(torch.float64))
@settings(max_examples=300)
def test_any_call_equals_torchs(call):
    mine, other, x, hx = call
    assert runs(mine, x, hx)
    check_same(mine, other, x, hx)
    _check_forms(mine(x, hx), other(x, hx))


@given(call=calls(torch.float32))
@settings(max_examples=150)
def test_any_call_equals_torchs_in_float32(call):
    """Large weights magnify rounding, torch's as well as ours: both are held against torch in float64."""
    mine, other, x, hx = call
    assert runs(mine, x, hx)
    exact = everything(copy.deepcopy(other).double(), _double(x), _double(hx))
    for ours, torchs, truth in zip(everything(mine, x, hx), everything(other, x, hx), exact, strict=True):
        scale = max(1.0, float(truth.detach().abs().max()))
        error = float((torchs - truth).detach().abs().max())
        torch.testing.assert_close(ours.double(), truth, rtol=0, atol=TOLERANCE[torch.float32] * scale + 4 * error)


def _double(part):
    """Return an input or a state, or both parts of one, in float64."""
    return tuple(map(_double, part)) if type(part) is tuple else None if part is None else part.to(torch.float64)


def _check_forms(mine, other):
    """Compare what is not numbers: the kinds of containers, and the order of packed rows."""
    (y, state), (expected, last) = mine, other
    assert type(y) is type(expected)
    assert type(state) is type(last)
    if isinstance(y, PackedSequence):
        assert torch.equal(y.batch_sizes, expected.batch_sizes)
        for left, right in zip(y[2:], expected[2:], strict=True):
            assert (left is None) == (right is None)
            assert left is None or torch.equal(left, right)


@pytest.mark.parametrize("path", ["torch", "reference"])
@pytest.mark.parametrize("name", MODES)
def test_every_path_equals_torch(name, path):
    mine, other = twins(name, 3, 4, 2, bidirectional=True, dtype=torch.float64)
    x = torch.randn(6, 5, 3, dtype=torch.float64, requires_grad=True)
    with engine.only(path):
        check_same(mine, other, x, make_hx(mine, 5, requires_grad=True))


@pytest.mark.parametrize("name", MODES)
def test_the_engine_computes(name, monkeypatch):
    counter, (mine, other) = Counter(monkeypatch), twins(name, 3, 4)
    x = torch.randn(6, 5, 3)
    assert counter.of(mine, x) == 1
    assert counter.of(mine, x, make_hx(mine, 5)) == 1
    assert counter.of(mine, x[:, 0]) == 1
    assert counter.of(mine, pack_padded_sequence(x, [6, 3, 3, 2, 1])) == 1
    assert counter.of(other, x) == 0


@pytest.mark.parametrize("name", MODES)
def test_batch_first_is_the_transposed_call(name):
    first, _ = twins(name, 3, 4, 2, batch_first=True)
    later, _ = twins(name, 3, 4, 2)
    x, hx = torch.randn(5, 6, 3), make_hx(first, 5)
    y, state = first(x, hx)
    expected, last = later(x.transpose(0, 1), hx)
    check_close(parts_of(y, state), parts_of(expected.transpose(0, 1), last), 1e-6)


@pytest.mark.parametrize("name", MODES)
def test_sequence_alone_is_a_batch_of_one(name):
    mine, _ = twins(name, 3, 4, 2, bidirectional=True)
    x, hx = torch.randn(6, 3), make_hx(mine, None)
    y, state = mine(x, hx)
    wide = tuple(part[:, None] for part in hx) if name == "LSTM" else hx[:, None]
    expected, last = mine(x[:, None], wide)
    check_close(parts_of(y, state), [expected[:, 0], *(part[:, 0] for part in parts_of(last))], 1e-6)
    assert y.shape == (6, 8)
    assert parts_of(state)[0].shape == (4, 4)


@pytest.mark.parametrize("name", MODES)
def test_zero_state_is_the_default(name):
    mine, _ = twins(name, 3, 4, 2)
    x, hx = torch.randn(6, 5, 3), make_hx(mine, 5)
    zeros = tuple(torch.zeros_like(part) for part in hx) if name == "LSTM" else torch.zeros_like(hx)
    check_close(parts_of(*mine(x)), parts_of(*mine(x, zeros)), 1e-6)
    assert not torch.allclose(mine(x)[0], mine(x, hx)[0])


@pytest.mark.parametrize("name", MODES)
def test_chunks_with_carried_state_equal_the_whole(name):
    mine, _ = twins(name, 3, 4, 2, dtype=torch.float64)
    x = torch.randn(9, 2, 3, dtype=torch.float64)
    y, last = mine(x)
    first, between = mine(x[:4])
    second, after = mine(x[4:], between)
    check_close([torch.cat([first, second]), *parts_of(after)], [y, *parts_of(last)], 1e-12)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", MODES)
def test_strided_input_and_state_change_nothing(name, batch_first):
    mine, other = twins(name, 3, 4, 2, batch_first=batch_first)
    x = torch.randn(3, 5, 6).permute(2, 1, 0).requires_grad_()
    batch = x.shape[0 if batch_first else 1]
    hx = [torch.randn(4, batch, 2).permute(2, 1, 0) for _ in range(2)]
    assert not x.is_contiguous()
    check_same(mine, other, x, tuple(hx) if name == "LSTM" else hx[0])


@pytest.mark.parametrize("name", MODES)
def test_state_may_come_as_a_list_where_torch_takes_one(name):
    mine, other = twins(name, 3, 4)
    x, hx = torch.randn(6, 5, 3), make_hx(mine, 5)
    if name == "LSTM":
        check_close(parts_of(*mine(x, list(hx))), parts_of(*other(x, hx)), 1e-5)
        return
    with pytest.raises(AttributeError):
        mine(x, [hx])


@pytest.mark.parametrize("name", MODES)
def test_backward_twice_over_a_retained_graph_gives_the_same(name):
    mine, _ = twins(name, 3, 4, 2)
    loss = mine(torch.randn(6, 5, 3))[0].square().sum()
    first = torch.autograd.grad(loss, list(mine.parameters()), retain_graph=True)
    second = torch.autograd.grad(loss, list(mine.parameters()))
    assert first[0].any()
    assert all(torch.equal(left, right) for left, right in zip(first, second, strict=True))


@pytest.mark.parametrize("name", MODES)
def test_second_derivatives_through_the_reference_are_right(name):
    mine, _ = twins(name, 2, 3, dtype=torch.float64)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    hx = parts_of(make_hx(mine, 2, requires_grad=True))

    def outputs(x, *hx):
        return parts_of(*mine(x, hx if name == "LSTM" else hx[0]))

    with engine.only("reference"):
        assert torch.autograd.gradcheck(outputs, (x, *hx), fast_mode=True)
        assert torch.autograd.gradgradcheck(outputs, (x, *hx), fast_mode=True)


@pytest.mark.parametrize("name", MODES)
def test_inference_builds_no_graph(name):
    mine, other = twins(name, 3, 4)
    x = torch.randn(6, 5, 3)
    with torch.no_grad():
        y, _ = mine(x)
    assert y.grad_fn is None
    with torch.inference_mode():
        check_close([mine(x)[0]], [other(x)[0]], TOLERANCE[torch.float32])


@pytest.mark.parametrize("name", MODES)
def test_input_is_left_as_it_was(name):
    mine, _ = twins(name, 3, 4, 2, bidirectional=True)
    x, hx = torch.randn(6, 5, 3), make_hx(mine, 5)
    before = [part.clone() for part in parts_of(x, hx)]
    everything(mine, x.requires_grad_(), hx)
    assert all(torch.equal(left, right) for left, right in zip(parts_of(x, hx), before, strict=True))


def _fallbacks():
    x = torch.randn(6, 5, 3)
    lstm, own = tidegate.nn.LSTM(3, 4), type("Own", (torch.Tensor,), {})
    return {
        "projection": (tidegate.nn.LSTM(3, 4, proj_size=2), x, None),
        "relu": (tidegate.nn.RNN(3, 4, nonlinearity="relu"), x, None),
        "half": (tidegate.nn.GRU(3, 4).half(), x.half(), None),
        "bfloat16": (tidegate.nn.LSTM(3, 4, dtype=torch.bfloat16), x.bfloat16(), None),
        "meta": (tidegate.nn.LSTM(3, 4, device="meta"), x.to("meta"), None),
        "no rows": (lstm, x[:, :0], None),
        "input of a subclass of Tensor": (lstm, x.as_subclass(own), None),
        "state of a subclass of Tensor": (lstm, x, (torch.zeros(1, 5, 4).as_subclass(own),) * 2),
    }


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("case", _fallbacks())
def test_torch_computes_what_the_engine_does_not(case, monkeypatch):
    mine, x, hx = _fallbacks()[case]
    base = type(mine).__mro__[1]
    counter, asked = Counter(monkeypatch), []
    forward = base.forward
    monkeypatch.setattr(base, "forward", lambda self, *args: asked.append(1) or forward(self, *args))
    y, _ = mine(x, hx)
    assert (counter.calls, len(asked)) == (0, 1)
    assert y.shape == (6, x.shape[1], mine.proj_size or 4)
    assert y.dtype == mine.weight_ih_l0.dtype
    assert isinstance(mine, base)
    assert base.__module__.startswith(nn.__name__)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(("name", "options"), [("LSTM", {"proj_size": 2}), ("RNN", {"nonlinearity": "relu"})])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_torch_computes_equals_torchs(name, options, bidirectional):
    mine, other = twins(name, 3, 4, 2, bidirectional=bidirectional, dtype=torch.float64, **options)
    x = torch.randn(6, 5, 3, dtype=torch.float64, requires_grad=True)
    check_same(mine, other, x, make_hx(mine, 5, requires_grad=True))
    check_same(mine, other, pack_padded_sequence(x, [2, 6, 1, 6, 3], enforce_sorted=False))


@pytest.mark.parametrize("name", MODES)
def test_cudas_tensors_are_torchs(name, monkeypatch):
    need_of_machine(torch.cuda.is_available(), "CUDA")
    counter, (mine, other) = Counter(monkeypatch), twins(name, 3, 4, 2, device="cuda")
    x = torch.randn(6, 5, 3, device="cuda")
    mine.flatten_parameters()
    check_close(parts_of(*mine(x)), parts_of(*other(x)), 1e-5)
    assert counter.calls == 0
    assert counter.of(mine.cpu(), x.cpu()) == 1
