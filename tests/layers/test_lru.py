"""The linear recurrent unit: equal to the paper's equations in NumPy, and stable whatever its weights."""

import numpy as np
import pytest
import torch

from tidegate import layers
from tidegate.errors import SettingError
from tidegate.layers.lru import LinearRecurrence
from tidegate.settings import check_settings


def make(units=3, states=4, **settings):
    torch.manual_seed(0)
    return LinearRecurrence(layers.LRU(units=units, states=states, **settings)).double()


@pytest.mark.parametrize("time", [1, 7, 64])
def test_lru_is_the_papers_recurrence(time):
    """Orvieto et al. 2023, appendix A, with the names of its listing."""
    unit, u = make(), torch.randn(1, time, 3, dtype=torch.float64)
    weights = {name: value.detach().numpy() for name, value in unit.state_dict().items()}
    decay = np.exp(-np.exp(weights["log_decay"]) + 1j * np.exp(weights["log_phase"]))
    b, c = (weights[name][..., 0] + 1j * weights[name][..., 1] for name in ("input", "output"))
    state, expected = np.zeros(4, complex), []
    for x in u[0].numpy():
        state = decay * state + np.exp(weights["log_gain"]) * (b @ x)
        expected.append((c @ state).real + weights["skip"] * x)
    y, end = unit(u, None, None)
    np.testing.assert_allclose(y[0].detach(), expected, atol=1e-12)
    np.testing.assert_allclose(torch.view_as_complex(end)[0].detach(), state, atol=1e-12)


def test_decays_start_evenly_over_a_ring_and_states_as_large_as_inputs():
    unit = make(units=2, states=1000, smallest=0.5, largest=0.9, phase=1.0)
    decay = unit.decay().detach()
    square, angle = decay.abs().square(), decay.angle()
    for values, low, high in ((square, 0.25, 0.81), (angle, 0.0, 1.0)):
        even = torch.linspace(low, high, 1000, dtype=torch.float64)
        assert (values.sort().values - even).abs().max() < 0.06 * (high - low)
    torch.testing.assert_close(unit.log_gain.detach().exp(), (1 - square).sqrt(), rtol=1e-5, atol=0)
    torch.manual_seed(1)
    _, end = unit(torch.randn(10, 40, 2, dtype=torch.float64), None, None)
    assert 0.9 < torch.view_as_complex(end.detach()).abs().square().mean() < 1.1


def test_no_weights_make_it_unstable():
    unit = make()
    for value in (-50.0, 0.0, 3.0, 50.0):
        with torch.no_grad():
            unit.log_decay.fill_(value)
        assert unit.decay().abs().max() <= 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scan_equals_the_recurrence_over_many_steps(dtype):
    torch.manual_seed(0)
    layer = layers.LRU(units=8, states=16, largest=0.999).build(3).to(dtype)
    x = torch.randn(2, 500, 3, dtype=dtype)
    with torch.no_grad():
        y, end = layer(x)
        session = layer.session(2)
        steps = torch.stack([session.step(each) for each in x.unbind(1)], 1)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-10
    torch.testing.assert_close(steps, y, atol=tolerance, rtol=0)
    torch.testing.assert_close(session.state[0], end[0], atol=tolerance, rtol=tolerance)


def test_rows_without_steps_keep_their_state():
    unit = make()
    before = torch.randn(2, 4, 2, dtype=torch.float64)
    y, after = unit(torch.zeros(2, 0, 3, dtype=torch.float64), before, None)
    assert y.shape == (2, 0, 3)
    assert torch.equal(after, before)
    _, after = unit(torch.zeros(2, 5, 3, dtype=torch.float64), before, torch.tensor([0, 5]))
    assert torch.equal(after[0], before[0])


def test_shares_in_the_wrong_order_are_refused():
    with pytest.raises(SettingError, match=r"smallest must be below largest, 0.5, not 0.7"):
        check_settings(layers.LRU(smallest=0.7, largest=0.5))
