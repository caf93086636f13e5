"""How weights start."""

import math

import pytest
import torch

from tidegate.cells import Cell, Initial
from tidegate.errors import SettingError
from tidegate.layers.initialise import CHOICES
from tidegate.layers.recurrent import Recurrent


def test_lstm_starts_with_forget_bias_one_counted_once():
    layer = Recurrent("lstm", 3, 8, layers=2)
    for row in range(2):
        together = getattr(layer, f"bias_ih_l{row}") + getattr(layer, f"bias_hh_l{row}")
        assert torch.equal(together, torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat_interleave(8))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_each_gates_recurrent_block_is_orthogonal(cell):
    layer = Recurrent(cell, 3, 8)
    for block in layer.weight_hh_l0.detach().split(8):
        torch.testing.assert_close(block @ block.T, torch.eye(8), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(1, 1), (33, 33), (50, 12), (12, 50), (256, 256)])
def test_orthogonal_block_is_orthogonal_to_rounding_and_near_torchs(shape):
    ours, torchs = torch.empty(shape), torch.empty(shape)
    for fill, block in ((CHOICES["orthogonal"], ours), (torch.nn.init.orthogonal_, torchs)):
        torch.manual_seed(1)
        fill(block)
    rows = ours.double() if shape[0] <= shape[1] else ours.double().T
    torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows), dtype=torch.float64), atol=2e-7, rtol=0)
    torch.testing.assert_close(ours, torchs, atol=1e-4, rtol=0)


def test_each_gates_input_block_stays_within_xaviers_bound():
    layer = Recurrent("lstm", 30, 50)
    bound = math.sqrt(6 / (30 + 50))
    for block in layer.weight_ih_l0.detach().split(50):
        assert 0.9 * bound < block.abs().max() <= bound


def test_uniform_stays_within_torchs_bound():
    layer = Recurrent("gru", 3, 16)
    layer.reset_parameters(Initial(input="uniform", recurrent="uniform"))
    assert layer.weight_ih_l0.abs().max() <= 0.25
    assert layer.weight_hh_l0.abs().max() <= 0.25


def test_extra_weights_start_as_declared():
    class Scaled(Cell):
        gates = ("a",)
        weights = ("scale", "shift")
        initial = Initial(weights={"scale": 1.0})

        @staticmethod
        def step(z, prev, w):
            return (w.scale * z.a + w.shift,)

    layer = Recurrent(Scaled, 2, 3)
    assert torch.equal(layer.scale_l0, torch.ones(3))
    assert torch.equal(layer.shift_l0, torch.zeros(3))


def test_unknown_initialisation_is_named():
    with pytest.raises(SettingError, match="recurrent must be one of xavier, orthogonal, uniform"):
        Recurrent("lstm", 1, 2).reset_parameters(Initial(recurrent="magic"))


def test_same_seed_gives_the_same_weights():
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        weights.append(torch.cat([each.detach().flatten() for each in Recurrent("gru", 2, 5, layers=2).parameters()]))
    assert torch.equal(*weights)
