"""How outputs lie in memory, what callers may do to them there, and gradients that torch hands over in batches."""

import itertools

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence
from twins import MODES, TOLERANCE, check_close, check_same, everything, make_hx, parts_of, twins

from lacking import need_of_machine
from tidegate import engine
from tidegate.engine import simd

SHAPES = {"batch": (6, 5), "one sequence": (6, 1), "one step": (1, 5), "one of each": (1, 1), "unbatched": (6, None)}


def need_engine_for(name):
    """Skip where torch's own LSTM runs in place of the engine, which refuses the one and misreads the other."""
    need_of_machine(name != "LSTM" or simd.levels(), "the native engine")


def make_input(module, time, batch, **options):
    shape = (time, batch, 3) if not module.batch_first else (batch, time, 3)
    return torch.randn((time, 3) if batch is None else shape, dtype=module.weight_ih_l0.dtype, **options)


def steps(tensor):
    """Return how far apart numbers lie along each axis that has more than one."""
    return [step for size, step in zip(tensor.shape, tensor.stride(), strict=True) if size > 1]


@pytest.mark.parametrize("units", [7, 50, 64])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MODES)
def test_outputs_lie_in_memory_as_torchs(name, shape, bidirectional, units):
    for batch_first, layers, dtype in itertools.product((False, True), (1, 2), TOLERANCE):
        options = {"batch_first": batch_first, "bidirectional": bidirectional, "dtype": dtype}
        mine, other = twins(name, 3, units, layers, **options)
        x = make_input(mine, *SHAPES[shape])
        for ours, theirs in zip(parts_of(*mine(x)), parts_of(*other(x)), strict=True):
            assert steps(ours) == steps(theirs)
            assert ours.is_contiguous() == theirs.is_contiguous()


@pytest.mark.parametrize("path", ["torch", "reference"])
@pytest.mark.parametrize("name", MODES)
def test_every_paths_outputs_lie_in_memory_as_torchs(name, path):
    for batch_first in (False, True):
        mine, other = twins(name, 3, 4, batch_first=batch_first)
        x = make_input(mine, 6, 5)
        with engine.only(path):
            assert [steps(part) for part in parts_of(*mine(x))] == [steps(part) for part in parts_of(*other(x))]


@pytest.mark.parametrize("units", [7, 64])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", MODES)
def test_outputs_may_be_changed_in_place(name, dtype, units):
    """Also where the outputs are the memory that the engine reads again for the gradients."""
    need_engine_for(name)

    def gradients(module, x, in_place):
        y, state = module(x)
        last = parts_of(state)
        if in_place:
            y.mul_(2).relu_()
            last[0].sub_(1)
        else:
            y, last = (y * 2).relu(), [last[0] - 1, *last[1:]]
        loss = y.sin().sum() + sum(part.square().sum() for part in last)
        return [y, *last, *torch.autograd.grad(loss, [x, *module.parameters()])]

    for batch_first, bidirectional in itertools.product((False, True), repeat=2):
        mine, _ = twins(name, 3, units, 2, batch_first=batch_first, bidirectional=bidirectional, dtype=dtype)
        for time, batch in SHAPES.values():
            x = make_input(mine, time, batch, requires_grad=True)
            check_close(gradients(mine, x, True), gradients(mine, x, False), 1e-6)


@pytest.mark.parametrize("name", MODES)
def test_outputs_changed_without_a_graph_do_not_change_the_gradients(name):
    need_engine_for(name)
    mine, _ = twins(name, 3, 64)
    x = torch.randn(6, 5, 3)
    kept, changed = mine(x)[0], mine(x)[0]
    with torch.no_grad():
        changed.zero_()
    seed = torch.randn_like(kept)
    parameters = list(mine.parameters())
    check_close(torch.autograd.grad(changed, parameters, seed), torch.autograd.grad(kept, parameters, seed), 1e-6)


def negated(tensor):
    """Return an equal tensor whose sign torch has put off to change: the imaginary part of a conjugate."""
    lazy = torch.complex(torch.zeros_like(tensor), -tensor.detach()).conj().imag
    assert lazy.is_neg()
    return lazy.requires_grad_(tensor.requires_grad)


@pytest.mark.parametrize("name", MODES)
def test_tensors_with_a_sign_put_off_are_read_right(name):
    mine, other = twins(name, 3, 4, 2)
    x, hx = torch.randn(6, 5, 3, requires_grad=True), make_hx(mine, 5)
    lazy = tuple(map(negated, hx)) if name == "LSTM" else negated(hx)
    check_same(mine, other, negated(x), lazy)
    check_same(mine, other, pack_padded_sequence(negated(x), [6, 5, 3, 3, 1]))
    with torch.no_grad():
        check_close(parts_of(*mine(negated(x), lazy)), parts_of(*mine(x, hx)), 0)
    y, seed = mine(x)[0], torch.randn(6, 5, 4)
    first = torch.autograd.grad(y, x, negated(seed), retain_graph=True)
    check_close(first, torch.autograd.grad(y, x, seed), 1e-6)


@pytest.mark.parametrize("name", MODES)
def test_zeros_without_memory_are_read_as_zeros(name):
    need_engine_for(name)
    mine, _ = twins(name, 3, 4)
    nothing = torch._efficientzerotensor((6, 5, 3))
    check_close(parts_of(*mine(nothing)), parts_of(*mine(torch.zeros(6, 5, 3))), 0)


def _lengths(name, lengths):
    mine, other = twins(name, 3, 4, 2, bidirectional=True, dtype=torch.float64)
    x = torch.randn(6, 3, 3, dtype=torch.float64)

    def of(module):
        return lambda x: parts_of(*module(x if lengths is None else pack_padded_sequence(x, lengths)))[0]

    return of(mine), of(other), x


@pytest.mark.filterwarnings("ignore:There is a performance drop because we have not yet implemented the batching rule")
@pytest.mark.parametrize("lengths", [None, [6, 4, 1]])
@pytest.mark.parametrize("name", MODES)
def test_batched_backward_equals_torchs(name, lengths):
    mine, other, x = _lengths(name, lengths)
    expected = torch.autograd.functional.jacobian(other, x)
    check_close([torch.autograd.functional.jacobian(mine, x, vectorize=True)], [expected], 1e-12)
    x.requires_grad_()
    y = mine(x)
    seeds = torch.eye(y.numel(), dtype=y.dtype).view(-1, *y.shape)
    ways = [
        torch.autograd.grad(y, x, seeds, retain_graph=True, is_grads_batched=True)[0],
        torch.vmap(lambda seed: torch.autograd.grad(y, x, seed, retain_graph=True)[0])(seeds),
        torch.stack([torch.autograd.grad(y, x, seed, retain_graph=True)[0] for seed in seeds]),
    ]
    check_close([way.view(expected.shape) for way in ways], [expected] * 3, 1e-12)


def test_batched_backward_makes_a_graph_where_one_is_asked_for():
    mine, other = twins("LSTM", 3, 4, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)

    def second(module):
        y = module(x)[0].square()
        seeds = torch.ones(2, *y.shape, dtype=y.dtype)
        first = torch.autograd.grad(y, x, seeds, is_grads_batched=True, create_graph=True)[0]
        return torch.autograd.grad(first.square().sum(), [x, *module.parameters()])

    check_close(second(mine), second(other), 1e-11)


def test_batched_backward_after_others_leaves_them_right():
    mine, _ = twins("GRU", 3, 64)
    x = torch.randn(4, 2, 3, requires_grad=True)
    y = mine(x)[0]
    once = torch.autograd.grad(y, x, torch.ones_like(y), retain_graph=True)
    torch.autograd.grad(y, x, torch.ones(3, *y.shape), is_grads_batched=True, retain_graph=True)
    check_close(torch.autograd.grad(y, x, torch.ones_like(y)), once, 0)
    assert everything(mine, x)
