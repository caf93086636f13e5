"""Every cell stays finite, forward and backward, however large the pre-activations are."""

import pytest
import torch

from tidegate import Recurrent, cells, engine
from tidegate.engine import simd

PATHS = ["reference", *(["native"] if simd.levels() else [])]
EXTREMES = (0.0, 50.0, 89.0, 104.0, 1e3, 1e4)


def extreme_layer(name, dtype):
    """A layer whose weights bring a one-hot input to an extreme in each gate, of either sign, in all mixtures."""
    torch.manual_seed(0)
    layer = Recurrent(name, 48, 16).to(dtype)
    sizes = torch.tensor(EXTREMES, dtype=dtype)
    with torch.no_grad():
        weight = layer.weight_ih_l0
        weight.copy_(sizes[torch.randint(len(sizes), weight.shape)] * (2 * torch.randint(2, weight.shape) - 1))
        layer.bias_ih_l0.zero_()
    return layer


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", cells.names())
def test_cell_stays_finite_at_extreme_pre_activations(name, path, dtype):
    layer = extreme_layer(name, dtype)
    order = torch.stack([torch.randperm(48) for _ in range(24)])[:, :5]
    x = torch.eye(48, dtype=dtype)[order].requires_grad_()
    with engine.only(path):
        y, state = layer(x)
        total, leaves = y.sum() + sum(part.sum() for part in state), [x, *layer.parameters()]
        gradients = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    for each in (y, *state, *gradients):
        assert torch.isfinite(each).all()


@pytest.mark.parametrize("path", PATHS)
def test_minlstm_with_both_gates_shut_weighs_them_as_open_ones_of_the_same_ratio(path):
    """Far below 0 a sigmoid is an exponential, so that the share kept is that of the gates' difference."""
    layer = Recurrent("minlstm", 3, 1).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.weight_ih_l0.copy_(torch.tensor([[-2000.0, -90.0, 700.0], [-2001.0, -91.0, 699.0], [3.0, 3.0, 3.0]]))
    with engine.only(path):
        y, _ = layer(torch.eye(3, dtype=torch.float64)[:, None])
    shut = 3.0 * torch.sigmoid(torch.tensor(-1.0, dtype=torch.float64)).item()
    assert y.flatten().tolist() == pytest.approx([shut, shut, 1.5], rel=1e-12)
