"""Graph-convolutional recurrence against its equations in NumPy."""

import numpy as np
import pytest
import torch

from tidegate.errors import SettingError
from tidegate.layers import GConv, edges_of
from tidegate.settings import check_settings

MATRIX = np.array([[0, 4, 0, 0], [4, 0, 4, 8], [0, 4, 0, 0], [0, 8, 0, 0]]) / 4


def draws(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def make(**settings):
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # so that the matrix is not rounded
    try:
        torch.manual_seed(0)
        layer = GConv(edges=edges_of(MATRIX), nodes=4, units=3, **settings).build(8 + settings.get("common", 0))
    finally:
        torch.set_default_dtype(before)
    with torch.no_grad():
        for k, weight in enumerate(layer.parameters()):
            weight.add_(0.3 * draws(*weight.shape, seed=k))
    return layer


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def graph_convolution(x, weight, bias, order):
    """Sum of Chebyshev polynomials of the rescaled Laplacian, by its eigenvalues, of nodes' features (N, F)."""
    degree = MATRIX.sum(1)
    laplacian = np.eye(4) - MATRIX / np.sqrt(np.outer(degree, degree))
    values, vectors = np.linalg.eigh(laplacian - np.eye(4))
    parts = weight.reshape(len(weight), order, -1)
    total = np.zeros((4, len(weight))) + bias
    for k in range(order):
        polynomial = np.cos(k * np.arccos(np.clip(values, -1, 1)))
        total += vectors @ np.diag(polynomial) @ vectors.T @ x @ parts[:, k].T
    return total


def plain(x, layer, number, order, cell):
    """One layer over (T, N, F); the GRU applies its reset gate behind the product."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", *layer.cell.weights)
    w = {name: getattr(layer, f"{name}_l{number}").detach().numpy() for name in names}
    h = c = np.zeros((4, 3))
    outputs = []
    for now in x:
        zx = np.split(graph_convolution(now, w["weight_ih"], w["bias_ih"], order), len(layer.cell.gates), 1)
        zh = np.split(graph_convolution(h, w["weight_hh"], w["bias_hh"], order), len(layer.cell.gates), 1)
        if cell == "gru":
            reset, update = sigmoid(zx[0] + zh[0]), sigmoid(zx[1] + zh[1])
            h = (1 - update) * np.tanh(zx[2] + reset * zh[2]) + update * h
        else:
            i, f, g, o = (a + b for a, b in zip(zx, zh, strict=True))
            c = sigmoid(f + w["p_forget"] * c) * c + sigmoid(i + w["p_input"] * c) * np.tanh(g)
            h = sigmoid(o + w["p_output"] * c) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


@pytest.mark.parametrize("cell", ["gru", "peephole"])
@pytest.mark.parametrize(("order", "layers", "common"), [(1, 1, 0), (2, 2, 0), (4, 1, 2)])
def test_layer_equals_the_papers_equations(cell, order, layers, common):
    layer, x = make(cell=cell, order=order, layers=layers, common=common), draws(2, 5, 8 + common, seed=9)
    y, _ = layer(x)
    for row in range(2):
        shared = np.repeat(x[row, :, None, 8:].numpy(), 4, axis=1)
        expected = np.concatenate([x[row, :, :8].numpy().reshape(5, 4, 2), shared], 2)
        for number in range(layers):
            expected = plain(expected, layer, number, order, cell)
        np.testing.assert_allclose(y[row].detach().numpy(), expected.reshape(5, -1), rtol=1e-9, atol=1e-11)


def test_order_1_is_the_cell_at_each_node_on_its_own():
    layer = make(order=1)
    other = torch.nn.GRU(2, 3, batch_first=True, dtype=torch.float64)
    other.load_state_dict(layer.state_dict())
    x = draws(2, 5, 8)
    y = layer(x)[0].unflatten(2, (4, 3))
    for node in range(4):
        torch.testing.assert_close(y[:, :, node], other(x[..., 2 * node : 2 * node + 2])[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_node_reads_as_many_edges_away_as_the_order_less_one(order):
    x = draws(1, 1, 8).requires_grad_()
    y, _ = make(order=order)(x)
    (slope,) = torch.autograd.grad(y[0, 0, :3].sum(), x)
    read = slope.view(4, 2).abs().sum(1) > 1e-12
    assert read.tolist() == [[True, False, False, False], [True, True, False, False], [True] * 4][order - 1]


@pytest.mark.parametrize("cell", ["slstm", "zoneout", "mingru"])
def test_a_cell_that_reads_more_than_its_place_is_refused(cell):
    with pytest.raises(SettingError, match=f"cell '{cell}' cannot be spread over places"):
        check_settings(GConv(edges=((0, 1), (1, 0)), nodes=2, cell=cell))
