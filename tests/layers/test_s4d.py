"""S4D: equal to the paper's equations in NumPy, in both discretisations, as a convolution and step by step."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from tidegate import layers
from tidegate.errors import SettingError
from tidegate.layers.s4d import StateSpace, _convolve
from tidegate.settings import check_settings

CHOICES = [(frequencies, method) for frequencies in ("lin", "inv") for method in ("zoh", "bilinear")]


def make(units=3, states=4, **settings):
    torch.manual_seed(0)
    return StateSpace(layers.S4D(units=units, states=states, **settings)).double()


def run(space, u, method):
    """Gu et al. 2022, equations 1 to 3: for each feature x_t = Abar x_{t-1} + Bbar u_t, y_t = 2 Re(C x_t) + D u_t."""
    weights = {name: value.detach().numpy() for name, value in space.state_dict().items()}
    a = -np.exp(weights["log_decay"]) + 1j * weights["frequency"]
    c = weights["output"][..., 0] + 1j * weights["output"][..., 1]
    step = np.exp(weights["log_step"])[:, None]
    if method == "zoh":
        bar_a, bar_b = np.exp(step * a), (np.exp(step * a) - 1) / a
    else:
        bar_a, bar_b = (1 + step * a / 2) / (1 - step * a / 2), step / (1 - step * a / 2)
    x, y = np.zeros_like(a), []
    for t in range(len(u)):
        x = bar_a * x + bar_b * u[t][:, None]
        y.append(2 * (c * x).sum(1).real + weights["skip"] * u[t])
    return np.array(y), x


@pytest.mark.parametrize("time", [1, 7, 64])
@pytest.mark.parametrize(("frequencies", "method"), CHOICES)
def test_state_space_is_the_papers_recurrence(frequencies, method, time):
    space = make(frequencies=frequencies, method=method)
    u = torch.randn(1, time, 3, dtype=torch.float64)
    y, state = space(u, None, None)
    expected, x = run(space, u[0].numpy(), method)
    np.testing.assert_allclose(y[0].detach(), expected, atol=1e-11)
    np.testing.assert_allclose(torch.view_as_complex(state)[0].detach(), x, atol=1e-12)


@pytest.mark.parametrize("frequencies", ["lin", "inv"])
def test_frequencies_start_as_the_paper_says(frequencies):
    space = make(states=4, frequencies=frequencies)
    size = 8  # the paper's N counts the conjugates
    n = np.arange(4)
    expected = np.pi * n if frequencies == "lin" else size / np.pi * (size / (2 * n + 1) - 1)
    np.testing.assert_allclose(space.frequency.detach(), np.tile(expected, (3, 1)), rtol=1e-6)
    np.testing.assert_allclose(space.log_decay.detach().exp(), 0.5, rtol=1e-6)
    steps = make(units=500, shortest=0.01, longest=0.2).log_step.detach().exp()
    assert 0.01 <= steps.min() < 0.012
    assert 0.17 < steps.max() <= 0.2


@pytest.mark.parametrize(("frequencies", "method"), CHOICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_convolution_equals_the_recurrence_over_many_steps(frequencies, method, dtype):
    torch.manual_seed(0)
    settings = layers.S4D(units=8, states=16, frequencies=frequencies, method=method)
    layer, x = settings.build(3).to(dtype), torch.randn(2, 500, 3, dtype=dtype)
    with torch.no_grad():
        y, end = layer(x)
        session = layer.session(2)
        steps = torch.stack([session.step(each) for each in x.unbind(1)], 1)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-10
    torch.testing.assert_close(steps, y, atol=tolerance, rtol=0)
    torch.testing.assert_close(session.state[0], end[0], atol=tolerance, rtol=tolerance)


def test_zero_order_hold_keeps_its_digits_where_a_step_is_small():
    space = make(shortest=1e-6, longest=1e-6).float()
    with torch.no_grad():
        space.frequency.zero_()
    _, gain = space.discrete()
    expected = -np.expm1(-0.5e-6) / 0.5  # (e^z - 1) / A for A = -1/2
    np.testing.assert_allclose(gain.detach().real, expected, rtol=1e-6)


def test_a_block_is_norm_recurrence_and_gate_around_a_shortcut():
    torch.manual_seed(0)
    layer = layers.S4D(units=4, states=2, layers=2).build(3).double()
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    y = layer.encoder(x)
    for block in layer.blocks:
        mixed = functional.gelu(block.recurrence(block.norm(y), None, None)[0])
        left, right = block.mix(mixed).chunk(2, -1)
        y = y + left * right.sigmoid()
    torch.testing.assert_close(layer(x)[0], layer.norm(y))


@pytest.mark.parametrize("time", [1, 2, 5, 31, 600, 601])
def test_the_fast_convolution_is_the_slow_one(time):
    u, kernel = torch.randn(2, 3, time, dtype=torch.float64), torch.randn(3, time, dtype=torch.float64)
    expected = np.stack([[np.convolve(row, k)[:time] for row, k in zip(rows, kernel, strict=True)] for rows in u])
    np.testing.assert_allclose(_convolve(u, kernel), expected, atol=1e-10)


def test_a_chunk_without_steps_leaves_the_state_as_it_is():
    layer = layers.S4D(units=4, states=2).build(3)
    _, (before,) = layer(torch.randn(2, 5, 3))
    y, (after,) = layer(torch.zeros(2, 0, 3), (before,))
    assert y.shape == (2, 0, 4)
    torch.testing.assert_close(after, before)


def test_step_sizes_in_the_wrong_order_are_refused():
    with pytest.raises(SettingError, match=r"shortest must be at most longest, 0.1, not 0.5"):
        check_settings(layers.S4D(shortest=0.5))
