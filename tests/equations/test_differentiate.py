"""The derived backward pass: against autograd, against SymPy, and against the textbook's count of operations."""

import pytest
import sympy
import torch

from tidegate import cells
from tidegate.cells import Cell
from tidegate.equations.declaration import call_step, value_names
from tidegate.equations.differentiate import differentiate
from tidegate.equations.functions import FUNCTIONS, at_least, exp, floor, log, maximum, mean, sigmoid, sqrt, tanh
from tidegate.equations.program import trace
from tidegate.equations.symbols import expressions


class Peephole(Cell):
    gates = ("input", "forget", "candidate", "output")
    states = ("h", "c")
    weights = ("p_input", "p_forget", "p_output")

    @staticmethod
    def step(z, prev, w):
        c = sigmoid(z.forget + w.p_forget * prev.c) * prev.c
        c = c + sigmoid(z.input + w.p_input * prev.c) * tanh(z.candidate)
        return sigmoid(z.output + w.p_output * c) * tanh(c), c


class Everything(Cell):
    gates = ("a", "b")
    states = ("h", "c", "kept", "fixed")
    weights = ("p",)
    split = ("b",)

    @staticmethod
    def step(z, prev, w):
        c = log(1 + exp(-z.a)) / (2 + prev.c**2) - sqrt(1 + w.p * w.p) * (z.b.x - z.b.h)
        h = tanh(c) * c - 1 / (1 + exp(z.b.h)) + 3 * z.a - sigmoid(prev.h - c) / sqrt(2 + z.a**2)
        return h, c, prev.kept, 0 * z.a


class Compared(Cell):
    gates = ("a", "b")
    constants = ("size",)
    noise = {"drawn": 0.5}  # noqa: RUF012

    @staticmethod
    def step(z, prev, w):
        away = z.a - mean(z.a * w.size)
        larger = maximum(away, z.b) + maximum(0.3, prev.h) * at_least(z.a, prev.h) + w.drawn * mean(z.b)
        return (larger / sqrt(mean(away * away) + 0.1) + floor(3 * z.a),)


EVERY = [*map(cells.get, cells.names()), Peephole, Everything, Compared]
SYMBOLIC = [cell for cell in EVERY if not {"mean", "floor", "maximum"} & set(trace(cell).count())]


@pytest.mark.parametrize("cell", EVERY, ids=lambda cell: cell.name)
def test_backward_equals_autograd(cell):
    torch.manual_seed(0)
    forward = trace(cell)
    backward = differentiate(forward)
    values = {name: torch.randn(11, dtype=torch.float64, requires_grad=True) for name in value_names(cell)}
    states = call_step(cell, values)
    incoming = {state: torch.randn(11, dtype=torch.float64) for state in states}
    loss = sum((states[state] * incoming[state]).sum() for state in states)
    expected = torch.autograd.grad(loss, list(values.values()), materialize_grads=True)

    known = forward.run({name: value.detach() for name, value in values.items()})
    given = {name: known[name] for name in backward.saved} | {f"d.{state}": incoming[state] for state in states}
    results = backward.program.run(given)
    for name, gradient in zip(values, expected, strict=True):
        result = torch.as_tensor(results[f"d.{name}"], dtype=torch.float64).expand(11)
        torch.testing.assert_close(result, gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", SYMBOLIC, ids=lambda cell: cell.name)
def test_backward_equals_symbolic_derivative(cell):
    backward = differentiate(trace(cell))
    states = expressions(cell)
    point = {name: 0.1 * (row + 1) for row, name in enumerate(value_names(cell))}
    numbers = {sympy.Symbol(name, real=True): value for name, value in point.items()}
    known = trace(cell).run(point)
    for state, expression in states.items():
        given = {name: known[name] for name in backward.saved} | {f"d.{each}": float(each == state) for each in states}
        results = backward.program.run(given)
        for name in value_names(cell):
            slope = expression.diff(sympy.Symbol(name, real=True)).subs(numbers)
            exact = slope.replace(lambda node: hasattr(node, "operation"), _evaluate)
            assert float(results[f"d.{name}"]) == pytest.approx(float(exact), rel=1e-10, abs=1e-12)


def _evaluate(node):
    argument = node.args[0]
    if node.operation == "sigmoid":
        return 1 / (1 + sympy.exp(-argument))
    return getattr(sympy, node.operation)(argument)


@pytest.mark.parametrize("cell", EVERY, ids=lambda cell: cell.name)
def test_backward_computes_no_function_again(cell):
    count = differentiate(trace(cell)).program.count()
    assert sum(count[each] for each in FUNCTIONS if each != "mean") == 0


@pytest.mark.parametrize("cell", EVERY, ids=lambda cell: cell.name)
def test_backward_has_a_gradient_for_every_input(cell):
    backward = differentiate(trace(cell))
    assert [name for name, _ in backward.program.outputs] == [f"d.{name}" for name in value_names(cell)]
    assert backward.program.inputs == (*backward.saved, *(f"d.{state}" for state in cell.states))


def test_lstm_backward_is_the_textbooks():
    forward = trace(cells.get("lstm"))
    backward = differentiate(forward)
    operations = {line.name: line.operation for line in forward.lines}
    assert sorted(operations.get(name, name) for name in backward.saved) == ["prev.c", *["sigmoid"] * 3, *["tanh"] * 2]
    # Five products with the gradients of h and c, each gate's s (1 - s) or 1 - g g, and one sum for c's two readers.
    assert dict(backward.program.count()) == {"multiply": 16, "subtract": 5, "add": 1}


def test_peephole_backward_recomputes_only_the_memory_if_anything():
    forward = trace(Peephole)
    backward = differentiate(forward)
    states = dict(forward.outputs)
    functions = {line.name for line in forward.lines if line.operation in FUNCTIONS}
    allowed = functions | {"prev.c", states["c"], "w.p_input", "w.p_forget", "w.p_output"}
    assert set(backward.saved) == allowed
    # The LSTM's, and for each peephole two products, those into the memory added to its gradient.
    assert dict(backward.program.count()) == {"multiply": 16 + 6, "subtract": 5, "add": 1 + 3}


def test_backward_saves_no_pre_activation_of_the_lstm():
    assert not [name for name in differentiate(trace(cells.get("lstm"))).saved if name.startswith("z.")]
