"""The convolutional LSTM against its equations in NumPy, pixel by pixel."""

import numpy as np
import pytest
import torch

from tidegate.errors import DataError, SettingError
from tidegate.layers import ConvLSTM
from tidegate.settings import check_settings

CHANNELS, HEIGHT, WIDTH = 2, 3, 4
SIZE = CHANNELS * HEIGHT * WIDTH


def draws(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def make(**settings):
    torch.manual_seed(0)
    layer = ConvLSTM(frame=(HEIGHT, WIDTH), units=3, **settings).build(SIZE).double()
    with torch.no_grad():
        for k, weight in enumerate(layer.parameters()):
            weight.add_(0.3 * draws(*weight.shape, seed=k))
    return layer


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def convolve(frame, kernel, bias):
    """Convolve (C, H, W) by (R, C, K, K), 0 beyond the edge, number by number."""
    reach = kernel.shape[2] // 2
    padded = np.pad(frame, ((0, 0), (reach, reach), (reach, reach)))
    out = np.zeros((len(kernel), *frame.shape[1:]))
    for row, column in np.ndindex(*frame.shape[1:]):
        patch = padded[:, row : row + kernel.shape[2], column : column + kernel.shape[3]]
        out[:, row, column] = (kernel * patch).sum((1, 2, 3)) + bias
    return out


def plain(x, layer, number, kernel_size):
    """Equations 3 of Shi et al. over frames (T, C, H, W); gates are those of the peephole cell, in its order."""
    w = {name: getattr(layer, f"{name}_l{number}").detach().numpy() for name in ("weight_ih", "weight_hh")}
    w = {name: value.reshape(len(value), -1, kernel_size, kernel_size) for name, value in w.items()}
    names = ("bias_ih", "bias_hh", "p_input", "p_forget", "p_output")
    w |= {name: getattr(layer, f"{name}_l{number}").detach().numpy() for name in names}
    p_input, p_forget, p_output = (np.moveaxis(w[name], -1, 0) for name in names[2:])
    h = c = np.zeros((3, HEIGHT, WIDTH))
    outputs = []
    for frame in x:
        z = convolve(frame, w["weight_ih"], w["bias_ih"]) + convolve(h, w["weight_hh"], w["bias_hh"])
        i, f, g, o = np.split(z, 4)
        c = sigmoid(f + p_forget * c) * c + sigmoid(i + p_input * c) * np.tanh(g)
        h = sigmoid(o + p_output * c) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


@pytest.mark.parametrize(("kernel_size", "layers"), [(1, 1), (3, 2), (5, 1)])
def test_layer_equals_the_papers_equations(kernel_size, layers):
    layer, x = make(kernel_size=kernel_size, layers=layers), draws(2, 4, SIZE, seed=9)
    y, state = layer(x)
    for row in range(2):
        expected = x[row].numpy().reshape(4, CHANNELS, HEIGHT, WIDTH)
        for number in range(layers):
            expected = plain(expected, layer, number, kernel_size)
        np.testing.assert_allclose(y[row].detach().numpy(), expected.reshape(4, -1), rtol=1e-10, atol=1e-12)
    assert [tuple(part.shape) for part in state] == [(layers, 2, HEIGHT * WIDTH * 3)] * 2


def test_a_frame_of_one_pixel_is_the_cell_itself():
    layer = ConvLSTM(frame=(1, 1), units=4, cell="gru", kernel_size=1, layers=2).build(3).double()
    other = torch.nn.GRU(3, 4, 2, batch_first=True, dtype=torch.float64)
    other.load_state_dict(layer.state_dict())
    x = draws(2, 6, 3)
    torch.testing.assert_close(layer(x)[0], other(x)[0], rtol=1e-10, atol=1e-12)


def test_a_moved_picture_gives_moved_maps_away_from_the_edge():
    layer = ConvLSTM(frame=(9, 9), units=2, cell="lstm").build(81).double()
    frames = torch.zeros(1, 2, 9, 9, dtype=torch.float64)
    frames[..., 3, 3] = draws(1, 2)
    y, moved = (layer(each.flatten(2))[0].unflatten(2, (2, 9, 9)) for each in (frames, frames.roll((1, 2), (2, 3))))
    torch.testing.assert_close(moved[..., 3:8, 4:8], y[..., 2:7, 2:6], rtol=1e-12, atol=1e-14)


def test_a_pixel_reads_as_far_as_the_kernels_reach():
    layer = ConvLSTM(frame=(1, 9), units=2, cell="lstm", kernel_size=3).build(9).double()
    x = torch.zeros(1, 3, 9, dtype=torch.float64, requires_grad=True)
    y, _ = layer(x)
    (slope,) = torch.autograd.grad(y.unflatten(2, (2, 9))[0, -1, 0, 4], x)
    assert [row.nonzero().flatten().tolist() for row in slope[0]] == [
        [1, 2, 3, 4, 5, 6, 7],
        [2, 3, 4, 5, 6],
        [3, 4, 5],
    ]


@pytest.mark.parametrize("initial", ["orthogonal", "xavier", "uniform"])
def test_weights_start_as_told(initial):
    layer = make(initial=initial)
    fresh = ConvLSTM(frame=(2, 2), units=4, initial="orthogonal").build(4)
    gate = fresh.weight_hh_l0[:4].detach()
    torch.testing.assert_close(gate @ gate.T, torch.eye(4), rtol=0, atol=1e-5)
    assert layer(draws(1, 2, SIZE))[0].isfinite().all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"frame": ()}, r"frame must be the height and width of a frame, such as \(16, 16\), not \(\)"),
        ({"frame": 16}, "frame must be"),
        ({"frame": (4, 0)}, "frame must be"),
        ({"frame": (4, 4.0)}, "frame must be"),
        ({"frame": (4, 4), "kernel_size": 2}, "kernel_size must be odd"),
        ({"frame": (4, 4), "cell": "zoneout"}, "cell 'zoneout' cannot be spread over places, for it has noise"),
        ({"frame": (4, 4), "cell": "minlstm"}, "no recurrent weights"),
        ({"frame": (4, 4), "cell": "projected"}, "a projection"),
        ({"frame": (4, 4), "cell": "clockwork"}, "constants, a mask on its recurrent weights"),
        ({"frame": (4, 4), "cell": "variational"}, "the option variational"),
        ({"frame": (4, 4), "cell": "depthgated"}, "below"),
        ({"frame": (4, 4), "cell": "lstn"}, "cell must be one of"),
    ],
)
def test_what_cannot_be_built_is_refused(change, sentence):
    with pytest.raises(SettingError, match=sentence):
        check_settings(ConvLSTM(**change))


def test_inputs_and_states_of_another_size_are_refused():
    with pytest.raises(SettingError, match="frame is 3 x 4, 12 pixels, and 25 inputs are no whole number of channels"):
        ConvLSTM(frame=(3, 4)).build(25)
    with pytest.raises(DataError, match="state must hold"):
        make()(draws(1, 2, SIZE), (torch.zeros(1),))
