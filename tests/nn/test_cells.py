"""The modules of one step beside torch's own: same parameters, same results, and who computes."""

import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from twins import TOLERANCE, check_close, parts_of

import tidegate.nn
from lacking import need_of_machine
from tidegate import engine
from tidegate.engine import dispatch, simd

NAMES = ["LSTMCell", "GRUCell", "RNNCell"]


def twins(name, *sizes, **options):
    torch.manual_seed(0)
    mine = getattr(tidegate.nn, name)(*sizes, **options)
    other = getattr(nn, name)(*sizes, **options)
    other.load_state_dict(mine.state_dict())
    return mine, other


def make_hx(module, batch, **options):
    shape = (module.hidden_size,) if batch is None else (batch, module.hidden_size)
    parts = tuple(torch.randn(shape, dtype=module.weight_ih.dtype, **options) for _ in range(2))
    return parts if isinstance(module, nn.LSTMCell) else parts[0]


def everything(module, x, hx):
    """Return states and gradients of three steps, the last two from the states before."""
    results, state = [], hx
    for _ in range(3):
        state = module(x, state)
        results += parts_of(state)
    loss = sum(part.sin().sum() for part in results)
    inputs = [x, *(parts_of(hx) if hx is not None else [])]
    return results + list(torch.autograd.grad(loss, [*inputs, *module.parameters()]))


class Counter:
    """Counts the steps that are the engine's."""

    def __init__(self, monkeypatch):
        self.calls, self._step = 0, dispatch.step
        monkeypatch.setattr(dispatch, "step", self._counted)

    def _counted(self, *args):
        self.calls += 1
        return self._step(*args)


@given(
    name=st.sampled_from(NAMES),
    sizes=st.tuples(st.integers(1, 7), st.integers(1, 19)),
    batch=st.none() | st.integers(1, 6),
    bias=st.booleans(),
    given_state=st.booleans(),
    dtype=st.sampled_from(list(TOLERANCE)),
)
@settings(max_examples=100)
def test_any_step_equals_torchs(name, sizes, batch, bias, given_state, dtype):
    mine, other = twins(name, *sizes, bias=bias, dtype=dtype)
    x = torch.randn(sizes[:1] if batch is None else (batch, sizes[0]), dtype=dtype, requires_grad=True)
    hx = make_hx(mine, batch, requires_grad=True) if given_state else None
    check_close(everything(mine, x, hx), everything(other, x, hx), TOLERANCE[dtype])
    for ours, theirs in zip(parts_of(mine(x, hx)), parts_of(other(x, hx)), strict=True):
        assert ours.stride() == theirs.stride()
    assert type(mine(x, hx)) is type(other(x, hx))


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_their_first_values_are_torchs(name):
    made = []
    for home in (tidegate.nn, nn):
        torch.manual_seed(3)
        made.append(getattr(home, name)(3, 4))
    mine, other = made
    assert isinstance(mine, type(other))
    assert list(mine.state_dict()) == list(other.state_dict()) == ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    check_close(list(mine.parameters()), list(other.parameters()), 0)
    other.load_state_dict(mine.state_dict())
    mine.load_state_dict(other.state_dict())
    turned = copy.deepcopy(other)
    turned.__class__ = type(mine)
    x = torch.randn(5, 3)
    check_close(parts_of(turned(x)), parts_of(mine(x)), 0)


@pytest.mark.parametrize("name", NAMES)
def test_steps_equal_the_module_over_sequences(name):
    mine, _ = twins(name, 3, 4, dtype=torch.float64)
    whole = getattr(tidegate.nn, name.removesuffix("Cell"))(3, 4, dtype=torch.float64)
    whole.load_state_dict({f"{key}_l0": value for key, value in mine.state_dict().items()})
    x, state, outputs = torch.randn(6, 5, 3, dtype=torch.float64), None, []
    for step in x:
        state = mine(step, state)
        outputs.append(parts_of(state)[0] if name == "LSTMCell" else state)
    y, last = whole(x)
    check_close([torch.stack(outputs), *parts_of(state)], [y, *(part[0] for part in parts_of(last))], 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_steps_and_torch_does_the_rest(name, monkeypatch):
    counter, (mine, other) = Counter(monkeypatch), twins(name, 3, 4)
    x = torch.randn(5, 3)
    mine(x), mine(x[0]), mine(x, make_hx(mine, 5)), mine(input=x, hx=None)
    assert counter.calls == 4
    with torch.autocast("cpu", dtype=torch.bfloat16):
        check_close(parts_of(mine(x)), parts_of(other(x)), 1e-2)
    slopes = [torch.func.grad(lambda x, module=module: parts_of(module(x))[0].sum())(x) for module in (mine, other)]
    check_close(slopes[:1], slopes[1:], 1e-6)
    mine(x[:0])
    mine.bfloat16()(x.bfloat16())
    mine.to("meta")(x.to("meta"))
    assert counter.calls == 4
    if name == "RNNCell":
        mine, other = twins(name, 3, 4, nonlinearity="relu")
        check_close([mine(x)], [other(x)], 0)
        assert counter.calls == 4


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("name", NAMES)
def test_compiled_exported_and_scripted_steps_are_torchs(name, monkeypatch):
    torch.compiler.reset()
    counter, (mine, other) = Counter(monkeypatch), twins(name, 3, 4)
    x, hx = torch.randn(5, 3), make_hx(mine, 5)
    expected = parts_of(other(x, hx))
    ways = [torch.compile(mine, backend="eager", fullgraph=True), torch.jit.script(mine)]
    ways += [torch.jit.trace(mine, (x, hx), check_trace=False), torch.export.export(mine, (x, hx)).module()]
    for way in ways:
        check_close(parts_of(way(x, hx)), expected, 1e-6)
    assert counter.calls == 0


@pytest.mark.parametrize("name", NAMES)
def test_wrong_steps_meet_torchs_errors(name):
    mine, other = twins(name, 3, 4)
    x, hx = torch.zeros(5, 3), make_hx(mine, 5)
    inputs = [torch.zeros(5, 2), torch.zeros(2, 5, 3), torch.tensor(1.0), x.double(), x.long(), x.numpy(), None]
    states = [make_hx(mine, 4), make_hx(mine, None), (hx, hx, hx), [1], 3, "no"]
    for args in itertools.chain(((bad, hx) for bad in inputs), ((x, bad) for bad in states)):
        with pytest.raises(Exception) as theirs:  # noqa: PT011
            other(*args)
        with pytest.raises(theirs.type) as ours:
            mine(*args)
        assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("name", NAMES)
def test_states_may_be_changed_in_place(name):
    need_of_machine(name != "RNNCell" or simd.levels(), "the native engine")  # torch's own refuses it
    mine, _ = twins(name, 3, 16)
    x = torch.randn(5, 3, requires_grad=True)

    def gradients(double):
        state = [double(part) for part in parts_of(mine(x))]
        return torch.autograd.grad(sum(part.sin().sum() for part in state), [x, *mine.parameters()])

    check_close(gradients(lambda part: part.mul_(2)), gradients(lambda part: part * 2), 1e-5)


@pytest.mark.parametrize("path", ["torch", "reference"])
@pytest.mark.parametrize("name", NAMES)
def test_every_path_equals_torchs_step(name, path):
    mine, other = twins(name, 3, 4, dtype=torch.float64)
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    with engine.only(path):
        check_close(everything(mine, x, None), everything(other, x, None), 1e-12)
