"""Which path runs a cell, and that all paths agree."""

import pytest
import torch

from tidegate import cells, engine
from tidegate.cells import Cell
from tidegate.engine import dispatch, reference, simd, torch_kernels
from tidegate.engine.compiled import find_compiler
from tidegate.equations.functions import tanh
from tidegate.errors import SettingError

KNOWN = ["rnn", "lstm", "gru"]
FAST = ["torch", *(["native"] if simd.levels() else [])]


def make_weights(cell, inputs, units, dtype):
    rows = len(cell.gates) * units
    shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, units), "bias_ih": (rows,), "bias_hh": (rows,)}
    shapes |= dict.fromkeys(cell.weights, (units,))
    return {name: (torch.randn(shape, dtype=dtype) / 2).requires_grad_() for name, shape in shapes.items()}


def make_case(name, *, dtype=torch.float64, batch=5, time=7, inputs=3, units=4):
    torch.manual_seed(0)
    cell = cells.get(name)
    x = torch.randn(batch, time, inputs, dtype=dtype, requires_grad=True)
    state = tuple(torch.randn(batch, units, dtype=dtype, requires_grad=True) for _ in cell.states)
    return cell, x, state, make_weights(cell, inputs, units, dtype)


def run(path, cell, x, state, weights, **options):
    """Return outputs, states and the gradients of everything that goes in."""
    with engine.only(path):
        (y,), new = engine.scan(cell, x, state, weights, **options)
    loss = (y * torch.arange(y.numel()).view_as(y).sin()).sum() + sum(part.cos().sum() for part in new)
    return [y, *new, *torch.autograd.grad(loss, [x, *state, *weights.values()])]


@pytest.mark.parametrize("path", FAST)
@pytest.mark.parametrize("lengths", [None, [7, 2, 0, 5, 7], [0, 0, 0, 0, 0], [1, 1, 3, 3, 1]])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", KNOWN)
def test_fast_path_equals_reference(name, reverse, lengths, path):
    case = make_case(name)
    options = {"reverse": reverse, "lengths": None if lengths is None else torch.tensor(lengths)}
    if lengths is not None and not any(lengths):
        for each in (path, "reference"):
            with engine.only(each):
                (y,), new = engine.scan(*case, **options)
            assert not y.any()
            assert all(torch.equal(after, before) for after, before in zip(new, case[2], strict=True))
        return
    for mine, other in zip(run(path, *case, **options), run("reference", *case, **options), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("path", FAST)
@pytest.mark.parametrize("name", KNOWN)
def test_fast_path_equals_reference_in_float32(name, path):
    case = make_case(name, dtype=torch.float32)
    for mine, other in zip(run(path, *case), run("reference", *case), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("path", FAST)
@pytest.mark.parametrize("name", KNOWN)
def test_fast_step_equals_reference_step(name, path):
    cell, x, state, weights = make_case(name)
    mine, other = (each.step(cell, x[:, 0], state, weights) for each in (dispatch._PATHS[path], reference))
    for left, right in zip(mine, other, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("path", [*FAST, "reference"])
@pytest.mark.parametrize("name", KNOWN)
def test_reverse_is_forward_on_the_reversed_row(name, path):
    cell, x, state, weights = make_case(name)
    with engine.only(path):
        (y,), new = engine.scan(cell, x[:1, :4], tuple(part[:1] for part in state), weights, reverse=True)
        padded = torch.cat([x[:1, :4], torch.full_like(x[:1, 4:], torch.nan)], 1)
        (padded_y,), padded_new = engine.scan(
            cell, padded, tuple(part[:1] for part in state), weights, lengths=torch.tensor([4]), reverse=True
        )
        (expected,), last = engine.scan(cell, x[:1, :4].flip(1), tuple(part[:1] for part in state), weights)
    torch.testing.assert_close(y, expected.flip(1))
    torch.testing.assert_close(padded_y[:, :4], y)
    for left, right, third in zip(new, last, padded_new, strict=True):
        torch.testing.assert_close(left, right)
        torch.testing.assert_close(third, right)


def test_cell_that_reuses_a_name_runs_its_own_equations():
    class LSTM(Cell):
        gates = cells.get("lstm").gates
        states = cells.get("lstm").states

        @staticmethod
        def step(z, prev, w):
            return z.input, z.forget

    assert LSTM.name == "lstm"
    assert not torch_kernels.runs(LSTM)
    _, x, state, weights = make_case("lstm")
    for path in ("reference", *(FAST[1:] if find_compiler() else ())):
        with engine.only(path):
            (y,), _ = engine.scan(LSTM, x[:, :1], state, weights)
        expected = x[:, :1] @ weights["weight_ih"][:4].T + (state[0] @ weights["weight_hh"][:4].T)[:, None]
        torch.testing.assert_close(y, expected + (weights["bias_ih"] + weights["bias_hh"])[:4])


def test_subclass_of_a_built_in_cell_runs_its_own_equations():
    class Altered(cells.get("rnn")):
        @staticmethod
        def step(z, prev, w):
            return (-tanh(z.hidden),)

    _, x, state, weights = make_case("rnn")
    (mine,), _ = engine.scan(Altered, x[:, :1], state, weights)
    (plain,), _ = engine.scan(cells.get("rnn"), x[:, :1], state, weights)
    torch.testing.assert_close(mine, -plain)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(("batch", "time"), [(0, 3), (3, 0), (0, 0)])
def test_empty_input_gives_empty_output_and_the_state_back(name, batch, time):
    cell, x, state, weights = make_case(name, batch=batch, time=time)
    (y,), new = engine.scan(cell, x, state, weights)
    assert y.shape == (batch, time, 4)
    assert all(torch.equal(after, before) for after, before in zip(new, state, strict=True))


@pytest.mark.parametrize("name", KNOWN)
def test_no_state_means_zeros(name):
    cell, x, state, weights = make_case(name)
    (y,), _ = engine.scan(cell, x, None, weights)
    (expected,), _ = engine.scan(cell, x, tuple(torch.zeros_like(part) for part in state), weights)
    assert torch.equal(y, expected)


def test_only_restores_what_was_before_and_refuses_an_unknown_path():
    with pytest.raises(RuntimeError, match="stop"), engine.only("reference"):
        raise RuntimeError("stop")
    assert dispatch._only is None
    with pytest.raises(SettingError, match="torch, reference"), engine.only("nothing"):
        pass


def test_torchs_kernels_refuse_a_cell_that_they_do_not_know():
    with engine.only("torch"), pytest.raises(SettingError, match="torch has no kernel for cell peephole"):
        engine.scan(cells.get("peephole"), torch.zeros(1, 2, 3), None, {})


@pytest.mark.parametrize("path", [*FAST, "reference"])
def test_every_returns_the_sequence_of_each_state(path):
    cell, x, state, weights = make_case("lstm")
    with engine.only(path):
        (h, c), last = engine.scan(cell, x, state, weights, every=True)
        (y,), _ = engine.scan(cell, x, state, weights)
    torch.testing.assert_close(h, y)
    torch.testing.assert_close((h[:, -1], c[:, -1]), last)
