"""The temporal convolutional network: equal to Bai et al.'s blocks in NumPy, and blind beyond its receptive field."""

import numpy as np
import pytest
import torch
from test_conv import convolve, numpy_of

from tidegate import layers


def normalised(weights, name):
    """Salimans and Kingma's w = g v / |v|, per channel."""
    v, g = weights[f"{name}.weight"], weights[f"{name}.gain"]
    return g * v / np.sqrt((v**2).sum((1, 2), keepdims=True)), weights[f"{name}.bias"]


def block(x, weights, name, dilation):
    y = np.maximum(convolve(x, *normalised(weights, f"{name}.first"), dilation), 0)
    y = np.maximum(convolve(y, *normalised(weights, f"{name}.second"), dilation), 0)
    if f"{name}.shortcut.weight" in weights:
        x = x @ weights[f"{name}.shortcut.weight"].T + weights[f"{name}.shortcut.bias"]
    return np.maximum(x + y, 0)


def make(input_size=3, **settings):
    torch.manual_seed(0)
    layer = layers.TCN(**settings).build(input_size).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer


@pytest.mark.parametrize("input_size", [3, 5])  # as many as channels: the shortcut is the input itself
def test_tcn_is_the_papers_blocks(input_size):
    layer = make(input_size, channels=5, kernel_size=3, layers=3)
    x = torch.randn(1, 20, input_size, dtype=torch.float64)
    weights, y = numpy_of(layer), x[0].numpy()
    assert ("blocks.0.shortcut.weight" in weights) == (input_size == 3)
    for row in range(3):
        y = block(y, weights, f"blocks.{row}", 2**row)
    np.testing.assert_allclose(layer(x)[0][0].detach().numpy(), y, atol=1e-11)


@pytest.mark.parametrize(("kernel_size", "count", "steps"), [(2, 3, 15), (3, 4, 61), (3, 5, 125)])
def test_tcn_reads_its_receptive_field_and_nothing_before(kernel_size, count, steps):
    layer = make(1, channels=4, kernel_size=kernel_size, layers=count)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.abs_()
    assert layer.receptive_field == steps == 1 + 2 * (kernel_size - 1) * (2**count - 1)
    assert f"receptive_field={steps}" in repr(layer)
    x = torch.rand(1, steps + 5, 1, dtype=torch.float64, requires_grad=True)
    layer(x)[0][0, -1].sum().backward()
    assert x.grad[0, :, 0].ne(0).tolist() == [False] * 5 + [True] * steps


def test_weights_start_with_the_length_that_they_have():
    layer = layers.TCN().build(3)
    first = layer.blocks[0].first
    torch.testing.assert_close(first.kernel(), first.weight)


def test_dropout_is_of_whole_channels_of_a_sequence():
    layer = make(4, channels=4, kernel_size=2, layers=1, dropout=0.5)
    block, y = layer.blocks[0], torch.rand(200, 7, 4, dtype=torch.float64) + 1
    dropped = block._activate(y)
    kept = dropped.ne(0)
    assert torch.equal(kept, kept[:, :1].expand_as(kept))
    assert 0.3 < kept.double().mean() < 0.7
    torch.testing.assert_close(dropped[kept], 2 * y[kept])
    assert torch.equal(layer.eval().blocks[0]._activate(y), y)
