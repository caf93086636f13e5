"""Gradient norms against distance, against autograd's own Jacobian and a closed form."""

import numpy as np
import pytest
import torch

from tidegate import DataError, Recurrent, explain
from tidegate.explain.gradients import _inputs
from tidegate.layers.registry import read


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_norm_is_that_of_the_jacobian(cell):
    layer = Recurrent(cell, 2, 3).double()
    frame = explain.gradient_norms({cell: layer}, steps=6, seed=1)
    squares = []
    for x in _inputs(layer, 6, 1):
        jacobian = torch.autograd.functional.jacobian(lambda x: layer(x[None])[0][0, -1], x)  # (H, T, I)
        squares.append(jacobian.square().sum((0, 2)))
    expected = torch.stack(squares).mean(0).sqrt().flip(0)
    np.testing.assert_allclose(frame["norm"], expected, rtol=1e-9)
    np.testing.assert_allclose(frame["relative"], expected / expected[0], rtol=1e-9)
    assert frame["distance"].tolist() == list(range(6))


def test_a_linear_recurrence_decays_by_its_own_factor():
    """minGRU with closed gates: h_t = (1 - z) h_{t-1} + z x_t, so the gradient falls by 1 - z a step."""
    layer = Recurrent("mingru", 1, 1).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.bias_ih_l0[0] = np.log(0.25 / 0.75)
        layer.weight_ih_l0[1] = 1
    frame = explain.gradient_norms({"mingru": layer}, steps=20)
    np.testing.assert_allclose(frame["norm"], 0.25 * 0.75 ** np.arange(20), rtol=1e-9)


def test_the_simple_network_forgets_faster_than_the_lstm():
    torch.manual_seed(0)
    frame = explain.gradient_norms({name: Recurrent(name, 8, 32) for name in ("rnn", "lstm")}, steps=60)
    far = frame[frame["distance"] == 59].set_index("layer")["relative"]
    assert far["rnn"] < 0.1 * far["lstm"]


@pytest.mark.parametrize("name", ["tcn", "s4d", "attention", "multiscale"])
def test_every_kind_of_layer_has_gradients(name):
    torch.manual_seed(0)
    frame = explain.gradient_norms({name: read(name).build(2)}, steps=5)
    assert (frame["norm"] > 0).all()


def test_a_step_that_an_output_cannot_see_has_no_gradient():
    torch.manual_seed(0)
    layer = read("attention").set_params(window=3, score="additive").build(2)
    norms = explain.gradient_norms({"a": layer}, steps=6)["norm"].to_numpy()
    assert (norms[:3] > 0).all()
    assert (norms[3:] == 0).all()


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(DataError, match="steps must be at least 1"):
        explain.gradient_norms({"rnn": Recurrent("rnn", 2, 3)}, steps=0)
    with pytest.raises(DataError, match="layer rnn reads a context"):
        explain.gradient_norms({"rnn": Recurrent("rnn", 2, 3, context_size=1)})
