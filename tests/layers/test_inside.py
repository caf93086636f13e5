"""What recurrent layers show of their inside, against the equations in NumPy float64 and against torch."""

import numpy as np
import pytest
import torch

from tidegate import cells
from tidegate.cells import Cell
from tidegate.engine import only
from tidegate.equations.functions import sigmoid, tanh
from tidegate.equations.gates import gate_program
from tidegate.layers.recurrent import Recurrent

X = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 7, 3)))


def layer(cell, **options):
    torch.manual_seed(0)
    return Recurrent(cell, 3, 4, **options).double().eval()


def squash(z):
    return 1 / (1 + np.exp(-z))


def weights(module):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [getattr(module, f"{name}_l0").detach().numpy() for name in names]


def numpy_lstm(module, x):
    """Hochreiter and Schmidhuber with forget gates, step by step; every gate and state (B, T, H)."""
    w, u, b, b2 = weights(module)
    h = c = np.zeros((len(x), u.shape[1]))
    steps = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ w.T + b + h @ u.T + b2, 4, axis=1)
        i, f, g, o = squash(i), squash(f), np.tanh(g), squash(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        steps.append((i, f, g, o, h, c))
    return dict(zip(("input", "forget", "candidate", "output", "h", "c"), np.stack(steps, 2), strict=True))


def numpy_gru(module, x):
    w, u, b, b2 = weights(module)
    h = np.zeros((len(x), u.shape[1]))
    steps = []
    for t in range(x.shape[1]):
        (xr, xz, xn), (hr, hz, hn) = np.split(x[:, t] @ w.T + b, 3, axis=1), np.split(h @ u.T + b2, 3, axis=1)
        r, z = squash(xr + hr), squash(xz + hz)
        n = np.tanh(xn + r * hn)
        h = (1 - z) * n + z * h
        steps.append((r, z, n, h))
    return dict(zip(("reset", "update", "candidate", "h"), np.stack(steps, 2), strict=True))


@pytest.mark.parametrize(("cell", "equations"), [("lstm", numpy_lstm), ("gru", numpy_gru)])
def test_gates_and_states_are_those_of_the_equations(cell, equations):
    module = layer(cell)
    found = module.inside(X)["l0"]
    for name, expected in equations(module, X.numpy()).items():
        value = {**found.gates, **found.states}[name]
        np.testing.assert_allclose(value.detach().numpy(), expected, rtol=1e-12, atol=1e-14, err_msg=name)


def test_states_are_those_of_torch():
    module, theirs = layer("lstm"), torch.nn.LSTM(3, 4, batch_first=True).double()
    theirs.load_state_dict(module.state_dict())
    found = module.inside(X)["l0"]
    torch.testing.assert_close(found.states["h"], theirs(X)[0])
    last = theirs(X)[1][1][0]
    torch.testing.assert_close(found.states["c"][:, -1], last)


@pytest.mark.parametrize("cell", [*cells.names(), "variational", "contextual"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_cell_shows_its_gates_and_the_states_that_forward_returns(cell, bidirectional):
    context = torch.ones(2, 2, dtype=torch.float64) if cell == "contextual" else None
    module = layer(cell, layers=2, bidirectional=bidirectional, context_size=0 if context is None else 2)
    found = module.inside(X, context=context)
    y, state = module(X, context=context)
    output = module.cell.states[0]
    top = [inside.states[output] for name, inside in found.items() if name.startswith("l1")]
    torch.testing.assert_close(torch.cat(top, -1), y)
    assert list(found) == (["l0", "l0_reverse", "l1", "l1_reverse"] if bidirectional else ["l0", "l1"])
    for number, (name, inside) in enumerate(found.items()):
        for row, part in enumerate(inside.states.values()):
            end = part[:, 0 if name.endswith("reverse") else -1]
            torch.testing.assert_close(end, state[row][number])
        assert [gate.removeprefix("z.").partition(".")[0] for gate in inside.gates] == list(module.cell.gates)
        for gate, value in inside.gates.items():
            assert value.shape == (2, 7, 4), gate
            assert gate.startswith("z.") or value.abs().max() <= 1 or cell == "slstm"


@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole", "depthgated"])
def test_the_native_engine_and_the_reference_show_the_same(cell):
    module = layer(cell, layers=2)
    with only("reference"):
        expected = module.inside(X)
    for name, inside in module.inside(X).items():
        for gate, value in inside.gates.items():
            torch.testing.assert_close(value, expected[name].gates[gate])


def test_a_given_state_is_what_the_first_step_goes_on_from():
    module = layer("lstm")
    _, state = module(X[:, :4])
    whole, rest = module.inside(X)["l0"], module.inside(X[:, 4:], state)["l0"]
    for gate in whole.gates:
        torch.testing.assert_close(rest.gates[gate], whole.gates[gate][:, 4:])


def test_a_gate_without_one_function_of_its_own_is_its_pre_activation():
    class Odd(Cell):
        gates = ("linear", "twice", "split")
        split = ("split",)

        @staticmethod
        def step(z, prev, w):
            return (z.linear + sigmoid(z.twice) * tanh(z.twice) + z.split.x + z.split.h,)

    names = [name for name, _ in gate_program(Odd).outputs]
    assert names == ["z.linear", "z.twice", "z.split.x", "z.split.h"]
    assert [name for name, _ in gate_program(cells.get("layernorm")).outputs] == list(cells.get("layernorm").gates)


def test_sparse_recurrences_are_seen_as_they_are_run():
    """What a mask or heads leave out of U is left out here, too."""
    module = layer("lstm", heads=2)
    found = module.inside(X)["l0"]
    h = torch.cat([torch.zeros(2, 1, 4, dtype=torch.float64), found.states["h"][:, :-1]], 1)
    whole = torch.zeros(16, 4, dtype=torch.float64)
    for gate in range(4):
        for head in range(2):
            rows = slice(gate * 2, gate * 2 + 2)
            whole[gate * 4 + head * 2 : gate * 4 + head * 2 + 2, head * 2 : head * 2 + 2] = module.weight_hh_l0[head][
                rows
            ]
    z = X @ module.weight_ih_l0.T + module.bias_ih_l0 + h @ whole.T + module.bias_hh_l0
    torch.testing.assert_close(found.gates["forget"], z[..., 4:8].sigmoid())
