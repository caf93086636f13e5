"""The dilated recurrent network: equal to a loop over time that reads the states of so many steps ago."""

import numpy as np
import pytest
import torch

from tidegate import layers
from tidegate.errors import SettingError
from tidegate.layers.dilated import DilatedLayer
from tidegate.settings import check_settings


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_step(weights, x, h, c):
    z = weights["weight_ih_l0"] @ x + weights["bias_ih_l0"] + weights["weight_hh_l0"] @ h + weights["bias_hh_l0"]
    i, f, g, o = np.split(z, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def softmax(z):
    powers = np.exp(z - z.max())
    return powers / powers.sum()


def recurrence(x, weights, dilation):
    """Chang et al. 2017, equation 1; with weights of an attention, the `AttentiveLSTM` of Smyl 2020."""
    units = weights["recurrence.weight_hh_l0"].shape[1]
    own = {name.removeprefix("recurrence."): value for name, value in weights.items()}
    h, c = [np.zeros(units)] * dilation, [np.zeros(units)] * dilation
    for t in range(len(x)):
        read = h[t]
        if "score.0.weight" in own:
            hidden = np.tanh(own["score.0.weight"] @ np.concatenate([x[t], h[-1], c[-1]]) + own["score.0.bias"])
            shares = softmax(own["score.2.weight"] @ hidden + own["score.2.bias"])
            read = sum(share * each for share, each in zip(shares, h[-dilation:], strict=True))
        new_h, new_c = lstm_step(own, x[t], read, c[t])
        h.append(new_h)
        c.append(new_c)
    return np.array(h[dilation:])


def network(layer, x, dilations, block):
    y = x
    for row, dilation in enumerate(dilations):
        if row % block == 0:
            inputs = y
        weights = {name: value.detach().numpy() for name, value in layer.parts[row].state_dict().items()}
        y = recurrence(y, weights, dilation)
        if row >= block and (row % block == block - 1 or row == len(dilations) - 1):
            y = y + inputs
    return y


def make(**settings):
    torch.manual_seed(0)
    layer = layers.Dilated(units=4, **settings).build(3).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer


@pytest.mark.parametrize("attention", [0, 6])
@pytest.mark.parametrize("time", [1, 5, 24])
@pytest.mark.parametrize(
    ("dilations", "block"), [((1, 2, 4, 8), 2), ((3,), 1), ((1, 4, 24, 168), 2), ((2, 3, 5), 2), ((2, 2), 1)]
)
def test_dilated_is_a_loop_over_states_of_so_many_steps_ago(dilations, block, time, attention):
    layer = make(dilations=dilations, block=block, attention=attention)
    x = torch.randn(2, time, 3, dtype=torch.float64)
    y, _ = layer(x)
    for row in range(2):
        expected = network(layer, x[row].numpy(), dilations, block)
        np.testing.assert_allclose(y[row].detach(), expected, atol=1e-12)


def test_without_blocks_there_are_no_shortcuts():
    layer = make(dilations=(1, 2, 3), block=0)
    x = torch.randn(1, 9, 3, dtype=torch.float64)
    expected = network(layer, x[0].numpy(), (1, 2, 3), block=3)
    np.testing.assert_allclose(layer(x)[0][0].detach(), expected, atol=1e-12)


def test_a_dilation_of_one_is_the_recurrent_layer():
    layer = layers.Dilated(cell="gru", units=5, dilations=(1,), layers=2).build(3)
    x, lengths = torch.randn(4, 7, 3), torch.tensor([7, 0, 3, 5])
    y, state = layer(x, lengths=lengths)
    expected, last = layer.parts[0].recurrence(x, lengths=lengths)
    assert torch.equal(y, expected)
    assert torch.equal(state[0], last[0])


def test_the_state_holds_the_newest_outputs_in_the_order_of_time():
    layer = make(dilations=(3,))
    y, (h, _) = layer(torch.randn(2, 7, 3, dtype=torch.float64), lengths=torch.tensor([7, 2]))
    assert torch.equal(h[:, 0], y[0, 4:])
    assert torch.equal(h[1:, 1], y[1, :2])
    assert not h[0, 1].any()


@pytest.mark.parametrize("attention", [0, 3])
def test_a_chunk_without_steps_leaves_the_state_as_it_is(attention):
    layer = make(dilations=(1, 3), attention=attention)
    _, before = layer(torch.randn(2, 5, 3, dtype=torch.float64))
    y, after = layer(torch.zeros(2, 0, 3, dtype=torch.float64), before)
    assert y.shape == (2, 0, 4)
    assert all(torch.equal(left, right) for left, right in zip(after, before, strict=True))


def test_initial_and_cell_reach_every_recurrence():
    torch.manual_seed(0)
    layer = layers.Dilated(cell="gru", units=4, dilations=(1, 2), initial="orthogonal").build(3)
    for part in layer.parts:
        matrix = part.recurrence.weight_hh_l0[:4]
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(4), atol=1e-5, rtol=0)
        assert part.recurrence.cell.name == "gru"


def test_dropout_acts_between_recurrences_or_within_them():
    x = torch.randn(2, 6, 3)
    for settings, random in (
        ({"dilations": (2,)}, False),
        ({"dilations": (1, 2)}, True),
        ({"dilations": (2,), "cell": "variational"}, True),
    ):
        layer = layers.Dilated(units=4, dropout=0.5, **settings).build(3)
        assert torch.equal(layer(x)[0], layer(x)[0]) != random
        assert torch.equal(layer.eval()(x)[0], layer(x)[0])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"dilations": ()}, "dilations must be whole numbers"),
        ({"dilations": (1, 0)}, "dilations must be whole numbers"),
        ({"dilations": 2}, "dilations must be whole numbers"),
        ({"block": -1}, "block must be a whole number at least 0"),
        ({"attention": 4, "layers": 2}, "set attention=0, not 4, for layers=2"),
        ({"attention": 4, "cell": "zoneout"}, "a cell without noise"),
        ({"cell": "contextual"}, "takes no context"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(change, sentence):
    with pytest.raises(SettingError, match=sentence):
        check_settings(layers.Dilated(**change))


def test_settings_from_a_file_are_tuples():
    settings = layers.registry.read({"name": "dilated", "dilations": [1, 24], "attention": 3})
    assert settings == layers.Dilated(dilations=(1, 24), attention=3)
    assert isinstance(settings.build(2), DilatedLayer)
