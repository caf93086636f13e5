"""T-GCN against its equations in NumPy."""

import numpy as np
import pytest
import torch

from tidegate.layers import TGCN, edges_of

MATRIX = np.array([[0, 1, 0], [0.5, 0, 2], [0, 0, 0]])  # a directed graph


def draws(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def make(common):
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # so that the matrix is not rounded
    try:
        torch.manual_seed(0)
        return TGCN(edges=edges_of(MATRIX), nodes=3, units=4, common=common).build(6 + common)
    finally:
        torch.set_default_dtype(before)


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


@pytest.mark.parametrize("common", [0, 1])
def test_layer_equals_the_papers_equations(common):
    layer, x = make(common), draws(2, 5, 6 + common, seed=9)
    w = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    loops = MATRIX + np.eye(3)
    graph = loops / np.sqrt(np.outer(loops.sum(1), loops.sum(0)))
    y, (state,) = layer(x)
    for row in range(2):
        h, expected = np.zeros((3, 4)), []
        for now in x[row].numpy():
            features = np.concatenate([now[:6].reshape(3, 2), np.tile(now[6:], (3, 1))], 1)
            u = sigmoid(graph @ np.maximum(graph @ features @ w["first.weight"].T, 0) @ w["second.weight"].T)
            zx = np.split(u @ w["recurrent.weight_ih_l0"].T + w["recurrent.bias_ih_l0"], 3, 1)
            zh = np.split(h @ w["recurrent.weight_hh_l0"].T + w["recurrent.bias_hh_l0"], 3, 1)
            reset, update = sigmoid(zx[0] + zh[0]), sigmoid(zx[1] + zh[1])
            h = update * h + (1 - update) * np.tanh(zx[2] + reset * zh[2])
            expected.append(h.flatten())
        np.testing.assert_allclose(y[row].detach().numpy(), expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(state[0, row].detach().numpy(), h.flatten(), rtol=1e-10, atol=1e-12)
