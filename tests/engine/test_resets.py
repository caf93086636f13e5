"""Sequences one behind the other in a row: each is computed as if it were alone."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from tidegate import Recurrent, cells, engine
from tidegate.engine import simd
from tidegate.errors import DataError

PATHS = ["reference", *(["native"] if simd.levels() else [])]
CELLS = cells.names()


def make(name, batch, time, units, **options):
    """Return a layer that draws no noise, inputs, and marks at about a third of the steps."""
    torch.manual_seed(3)
    layer = Recurrent(name, 3, units, **options).double().eval()
    x = torch.randn(batch, time, 3, dtype=torch.float64, requires_grad=True)
    return layer, x, torch.rand(batch, time) < 0.35


def pieces(marks, length):
    """Return where each sequence of a row begins and ends."""
    starts = [0, *(t for t in range(1, length) if marks[t])]
    return list(zip(starts, [*starts[1:], length], strict=True)) if length else []


def alone(layer, x, resets, lengths):
    """Return the outputs (B, T, H) of each sequence run by itself, and the last states of one direction."""
    y, last = torch.zeros(*x.shape[:2], layer.output_size, dtype=x.dtype), []
    rows = layer.layers * (2 if layer.bidirectional else 1)
    for row in range(len(x)):
        state = tuple(torch.zeros(rows, 1, size, dtype=x.dtype) for size in layer.cell.sizes(layer.units))
        for first, end in pieces(resets[row], int(lengths[row])):
            piece, state = layer(x[row : row + 1, first:end])
            y = y.index_put((torch.tensor([row]), torch.arange(first, end)), piece[0])
        last.append(state)
    return y, [torch.cat(parts, 1) for parts in zip(*last, strict=True)]


def gradients(layer, x, y, last):
    loss = (y * torch.arange(y.numel(), dtype=y.dtype).view(y.shape).sin()).sum() + sum(p.cos().sum() for p in last)
    return torch.autograd.grad(loss, [x, *layer.parameters()], allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize("options", [{"layers": 2}, {"bidirectional": True}], ids=["stack", "both ways"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", CELLS)
def test_each_sequence_is_computed_as_if_it_were_alone(name, path, options):
    layer, x, resets = make(name, 5, 7, 18, **options)
    lengths = torch.tensor([7, 4, 0, 6, 7])
    with engine.only(path):
        y, last = layer(x, None, lengths, resets=resets)
        found = [y, *gradients(layer, x, y, () if layer.bidirectional else last)]
    with engine.only("reference"):
        right, states = alone(layer, x, resets, lengths)
        expected = [right, *gradients(layer, x, right, () if layer.bidirectional else states)]
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-11)
    if not layer.bidirectional:
        for mine, other in zip(last, states, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["lstm", "projected", "gru"])
def test_a_state_goes_on_only_where_the_first_step_is_not_marked(name, path):
    layer, x, resets = make(name, 2, 4, 5)
    resets[:] = False
    resets[0, 0] = True
    state = tuple(torch.rand(1, 2, size, dtype=x.dtype, requires_grad=True) for size in layer.cell.sizes(5))
    with engine.only(path):
        y, _ = layer(x, state, resets=resets)
        fresh, carried = layer(x)[0], layer(x, state)[0]
    torch.testing.assert_close(y, torch.stack([fresh[0], carried[1]]), rtol=1e-12, atol=1e-13)
    for grad in torch.autograd.grad(y.sum(), state):
        assert not grad[:, 0].any()
        assert grad[:, 1].all()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_right(name, path):
    layer, x, resets = make(name, 2, 4, 3)

    def compute(x, *weights):
        named = dict(zip([name for name, _ in layer.named_parameters()], weights, strict=True))
        y, last = torch.func.functional_call(layer, named, (x,), {"resets": resets})
        return y, *last

    with engine.only(path):
        assert gradcheck(compute, (x, *layer.parameters()), fast_mode=True)


def test_second_derivatives_are_right():
    layer, x, resets = make("gru", 2, 3, 3)
    assert gradgradcheck(lambda x: layer(x, resets=resets)[0], (x,))


@pytest.mark.parametrize("path", PATHS)
def test_nothing_passes_from_one_sequence_to_the_next(path):
    layer, x, _ = make("lstm", 1, 6, 20)
    resets = torch.tensor([[False, False, False, True, False, False]])
    with engine.only(path):
        grad = torch.autograd.grad(layer(x, resets=resets)[0][:, 3:].sum(), x)[0]
        spoilt = layer(x.detach().index_fill(1, torch.arange(3), float("nan")), resets=resets)[0]
    assert not grad[:, :3].any()
    assert grad[:, 3:].all()
    assert spoilt[:, :3].isnan().all()
    assert spoilt[:, 3:].isfinite().all()


@pytest.mark.parametrize("shape", [(1, 6, 300), (64, 5, 40), (7, 5, 130)])
@pytest.mark.parametrize("name", ["lstm", "gru", "layernorm", "variational"])
def test_any_number_of_threads_gives_what_the_reference_gives(name, shape):
    layer, x, resets = make(name, *shape, **({"dropout": 0.3} if name == "variational" else {}))
    layer.train()
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            with engine.only(PATHS[-1]):
                y, last = layer(x, resets=resets)
            found.append([y, *last, *gradients(layer, x, y, last)])
    finally:
        torch.set_num_threads(before)
    with engine.only("reference"):
        torch.manual_seed(0)
        y, last = layer(x, resets=resets)
        right = [y, *last, *gradients(layer, x, y, last)]
    for first, second, third, other in zip(*found, right, strict=True):
        assert PATHS[-1] == "reference" or (torch.equal(first, second) and torch.equal(first, third))
        torch.testing.assert_close(first, other, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("resets", [torch.zeros(2, 4, dtype=torch.bool), torch.zeros(2, 5)], ids=["shape", "numbers"])
def test_marks_of_another_shape_or_kind_are_refused(resets):
    with pytest.raises(DataError, match=r"resets must hold \(2, 5\) bools"):
        Recurrent("lstm", 3, 4)(torch.zeros(2, 5, 3), resets=resets)
