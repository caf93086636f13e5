import pytest
import torch

from tidegate.forecasting.network import ForecastNetwork
from tidegate.layers.settings import RecurrentSettings


def network(**sizes):
    shape = {"past_size": 4, "future_size": 0, "categories": (), "static_numbers": 0}
    shape |= {"horizon": 3, "targets": 2, "outputs": 1, "linear_skip": 0}
    torch.manual_seed(0)
    return ForecastNetwork(RecurrentSettings(units=5, layers=1), **(shape | sizes))


@pytest.mark.parametrize("future_size", [0, 2])
@pytest.mark.parametrize("categories", [(), (3, 7)])
def test_network_output_has_a_step_a_target_and_a_quantile(future_size, categories):
    net = network(future_size=future_size, categories=categories, static_numbers=1, outputs=5, linear_skip=4)
    static = torch.cat([torch.ones(6, len(categories)), torch.randn(6, 1)], dim=1)
    assert net(torch.randn(6, 8, 4), torch.randn(6, 3, future_size), static).shape == (6, 3, 2, 5)


def test_linear_skip_starts_as_repeating_the_last_value():
    past, future, static = torch.randn(6, 8, 4), torch.empty(6, 3, 0), torch.empty(6, 0)
    bare, with_skip = network(), network(linear_skip=4)
    with_skip.load_state_dict(bare.state_dict(), strict=False)
    added = with_skip(past, future, static) - bare(past, future, static)
    assert torch.allclose(added[..., 0], past[:, -1:, :2].expand(-1, 3, -1), atol=1e-6)


def test_a_known_input_moves_its_own_step_most():
    net = network(future_size=1, horizon=9)
    past, future, static = torch.randn(1, 8, 4), torch.zeros(1, 9, 1), torch.empty(1, 0)
    moved = future.clone()
    moved[0, 8] = 1.0
    change = (net(past, moved, static) - net(past, future, static)).abs().sum(dim=(0, 2, 3))
    assert (change[:6] == 0).all()  # further than the convolution reaches
    assert change[8] > 0
