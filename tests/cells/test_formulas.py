"""Each built-in cell against its paper's formula, written once more as a plain NumPy loop."""

import numpy as np
import pytest

from tidegate import cells
from tidegate.equations.declaration import call_step, value_names


def logistic(v):
    return 1 / (1 + np.exp(-v))


def elman_1990(v):
    return {"h": np.tanh(v["z.hidden"])}


def gers_2000(v):
    c = v["prev.c"] * logistic(v["z.forget"]) + logistic(v["z.input"]) * np.tanh(v["z.candidate"])
    return {"h": logistic(v["z.output"]) * np.tanh(c), "c": c}


def cho_2014(v):
    r, z = logistic(v["z.reset"]), logistic(v["z.update"])
    candidate = np.tanh(v["z.candidate.x"] + r * v["z.candidate.h"])
    return {"h": z * v["prev.h"] + (1 - z) * candidate}


FORMULAS = {"rnn": elman_1990, "lstm": gers_2000, "gru": cho_2014}


@pytest.mark.parametrize("name", cells.names())
def test_cell_computes_its_papers_formula(name):
    cell = cells.get(name)
    generator = np.random.default_rng(0)
    values = {each: generator.normal(scale=3, size=100) for each in value_names(cell)}
    expected = FORMULAS[name](values)
    states = call_step(cell, values)
    assert list(states) == list(expected)
    for state in states:
        np.testing.assert_allclose(states[state], expected[state], rtol=1e-12, atol=1e-14)
