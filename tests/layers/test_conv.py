"""Causal convolutions: equal to their sums in NumPy, with a state that is no more than what the next step reads."""

import numpy as np
import pytest
import torch

from tidegate import layers
from tidegate.errors import DataError


def convolve(x, weight, bias, dilation=1):
    """y_t = b + sum over k of W_k x_{t - (K - 1 - k) d}: as in torch's kernels, the newest input's weight last."""
    kernel_size = weight.shape[2]
    y = np.tile(bias, (len(x), 1))
    for t in range(len(x)):
        for k in range(kernel_size):
            earlier = t - (kernel_size - 1 - k) * dilation
            if earlier >= 0:
                y[t] += weight[:, :, k] @ x[earlier]
    return y


def numpy_of(module):
    return {name: value.detach().double().numpy() for name, value in module.state_dict().items()}


@pytest.mark.parametrize(("kernel_size", "count"), [(1, 1), (3, 1), (4, 3)])
def test_conv_is_a_stack_of_rectified_sums(kernel_size, count):
    torch.manual_seed(0)
    layer = layers.Conv(channels=5, kernel_size=kernel_size, layers=count).build(3).double()
    x = torch.randn(1, 12, 3, dtype=torch.float64)
    weights, y = numpy_of(layer), x[0].numpy()
    for row in range(count):
        y = convolve(y, weights[f"convolutions.{row}.weight"], weights[f"convolutions.{row}.bias"])
        y = np.maximum(y, 0)
    np.testing.assert_allclose(layer(x)[0][0].detach().numpy(), y, atol=1e-12)


def test_conv_reads_its_receptive_field_and_nothing_before():
    layer = layers.Conv(kernel_size=4, layers=3).build(2).double()
    assert layer.receptive_field == 10
    x = torch.randn(1, 20, 2, dtype=torch.float64, requires_grad=True)
    layer(x)[0][0, -1].sum().backward()
    assert x.grad[0].any(1).tolist() == [False] * 10 + [True] * 10


def test_convs_state_is_the_newest_inputs():
    layer = layers.Conv(kernel_size=3).build(2)
    x = torch.randn(4, 6, 2)
    _, (newest,) = layer(x, lengths=torch.tensor([6, 1, 0, 3]))
    assert torch.equal(newest[:, 0], x[0, 4:])
    assert torch.equal(newest[:, 1], torch.stack([torch.zeros(2), x[1, 0]]))
    assert not newest[:, 2].any()
    assert torch.equal(newest[:, 3], x[3, 1:3])
    with pytest.raises(DataError, match=r"state must hold tensors of shapes \[\(2, 3, 2\)\], not \[\(2, 4, 2\)\]"):
        layer(x[:3], (newest,))


def test_a_chunk_without_steps_leaves_the_state_as_it_is():
    layer = layers.Conv(kernel_size=3, layers=2).build(2)
    _, before = layer(torch.randn(4, 6, 2))
    y, after = layer(torch.zeros(4, 0, 2), before)
    assert y.shape == (4, 0, 64)
    assert all(torch.equal(left, right) for left, right in zip(after, before, strict=True))


def test_dropout_acts_between_convolutions_while_training():
    torch.manual_seed(0)
    layer, x = layers.Conv(layers=2, dropout=0.5).build(2), torch.randn(3, 9, 2)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    one = layers.Conv(dropout=0.5).build(2)
    assert torch.equal(one(x)[0], one(x)[0])
