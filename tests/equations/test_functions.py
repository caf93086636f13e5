"""The functions on floats, arrays, tensors and symbols."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tidegate.equations import functions

PLAIN = {
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "tanh": math.tanh,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "floor": math.floor,
    "mean": lambda v: v,  # of one unit
}


@pytest.mark.parametrize("name", functions.FUNCTIONS)
@given(value=st.floats(0.01, 20))
def test_function_agrees_on_floats_arrays_and_tensors(name, value):
    function, expected = getattr(functions, name), PLAIN[name](value)
    assert function(value) == pytest.approx(expected, rel=1e-12)
    assert function(np.array([value]))[0] == pytest.approx(expected, rel=1e-12)
    assert function(torch.tensor([value], dtype=torch.float64)).item() == pytest.approx(expected, rel=1e-12)


def test_sigmoid_of_large_numbers_does_not_overflow():
    np.testing.assert_array_equal(functions.sigmoid(np.array([-1000.0, 0.0, 1000.0])), [0.0, 0.5, 1.0])


@pytest.mark.parametrize("value", [-1e4, -104.0, -1.0, 0.0, 1.0, 104.0, 1e4])
def test_log_sigmoid_and_its_slope_are_right_however_far_out(value):
    exact = value if value < -50 else -math.log1p(math.exp(-value))
    slope = 0.0 if value > 700 else 1 / (1 + math.exp(value)) if value > -700 else 1.0
    tensor = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    result = functions.log_sigmoid(tensor)
    result.backward()
    assert result.item() == pytest.approx(exact, rel=1e-12, abs=1e-15)
    assert tensor.grad.item() == pytest.approx(slope, rel=1e-12, abs=1e-15)
    assert functions.log_sigmoid(np.float64(value)) == pytest.approx(exact, rel=1e-12, abs=1e-15)


def test_cells_and_equations_import_neither_torch_nor_sympy():
    code = (
        "import sys, tidegate.cells, tidegate.equations, tidegate.engine;"
        "tidegate.cells.get('lstm'); tidegate.cells.names();"
        "assert not {'torch', 'sympy', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
