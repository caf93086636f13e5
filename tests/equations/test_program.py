"""Tracing a cell into a straight-line program."""

import numpy as np
import pytest

from tidegate import cells
from tidegate.cells import Cell
from tidegate.equations.declaration import call_step, value_names
from tidegate.equations.functions import FUNCTIONS, exp, log, sigmoid, sqrt, tanh
from tidegate.equations.program import OPERATIONS, trace
from tidegate.errors import SettingError


class Arithmetic(Cell):
    """Every operation that a program has, and the ways of writing it that the tracer must tell apart."""

    gates = ("a", "b")
    states = ("h", "c")
    weights = ("p",)

    @staticmethod
    def step(z, prev, w):
        total = -z.a + 2 * prev.h - w.p * prev.c + 0.5
        ratio = total / (1 + exp(z.b)) / (1 + z.a**2)
        c = log(1 + exp(-z.b)) * ratio - (z.a - z.b) ** 3 + sqrt(1 + prev.c * prev.c) ** -2
        return 1 / (1 + exp(z.b)) + tanh(c) - sigmoid(total) * 1 + 0 * z.a, c


class Shared(Cell):
    """The same functions, written again each time they are needed."""

    gates = ("input",)

    @staticmethod
    def step(z, prev, w):
        return (sigmoid(z.input) * tanh(z.input + prev.h) + (1 - sigmoid(z.input)) * tanh(prev.h + z.input),)


def values_of(cell, seed=0):
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=7) for name in value_names(cell)}


def every_cell():
    return [*map(cells.get, cells.names()), Arithmetic, Shared]


@pytest.mark.parametrize("cell", every_cell(), ids=lambda cell: cell.name)
def test_program_computes_what_step_computes(cell):
    values = values_of(cell)
    results = trace(cell).run(values)
    for state, expected in call_step(cell, values).items():
        np.testing.assert_allclose(results[state], expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("cell", every_cell(), ids=lambda cell: cell.name)
def test_program_lines_read_only_what_stands_before(cell):
    program = trace(cell)
    known = set(program.inputs)
    for line in program.lines:
        assert line.operation in OPERATIONS
        assert {each for each in line.operands if isinstance(each, str)} <= known
        assert line.name not in known
        known.add(line.name)


@pytest.mark.parametrize("cell", every_cell(), ids=lambda cell: cell.name)
def test_program_computes_no_line_twice(cell):
    lines = [(line.operation, line.operands) for line in trace(cell).lines]
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize(("name", "functions"), [("rnn", 1), ("lstm", 5), ("gru", 3)])
def test_program_holds_each_function_once(name, functions):
    count = trace(cells.get(name)).count()
    assert sum(count[each] for each in FUNCTIONS) == functions


def test_trace_shares_functions_written_twice():
    count = trace(Shared).count()
    assert (count["sigmoid"], count["tanh"]) == (1, 1)


def test_lstm_program_has_the_textbook_arithmetic():
    count = trace(cells.get("lstm")).count()
    assert (count["multiply"], count["add"], count.total()) == (3, 1, 9)


def test_program_prints_one_operation_a_line():
    assert str(trace(cells.get("rnn"))) == "v0 = tanh(z.hidden)\n-> h = v0"


@pytest.mark.parametrize(
    "step",
    [
        lambda z, prev, w: (np.tanh(z.input),),
        lambda z, prev, w: (abs(z.input),),
        lambda z, prev, w: (max(z.input, 0),),
        lambda z, prev, w: (z.input**0.5,),
        lambda z, prev, w: (z.input, z.input),
        lambda z, prev, w: (z.missing,),
    ],
)
def test_trace_names_a_cell_that_is_not_mathematics(step):
    cell = type("Wrong", (Cell,), {"gates": ("input",), "step": staticmethod(step)})
    with pytest.raises(SettingError, match="step"):
        trace(cell)
