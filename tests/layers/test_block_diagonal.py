"""Heads of a recurrent layer: a block-diagonal U, stored and multiplied as such."""

import pytest
import torch

from tidegate import Recurrent, cells, engine
from tidegate.engine import simd
from tidegate.errors import SettingError

PATHS = ["reference", *(["native"] if simd.levels() else [])]
CELLS = [
    name
    for name in cells.names()
    if name not in ("clockwork", "projected", "sparse", "contextual", "mingru", "minlstm")
]


class Dense(cells.get("slstm")):
    """The sLSTM with a whole U."""

    name = "dense_slstm"

    @classmethod
    def mask(cls, units):
        return None


def dense_twin(layer):
    """Return a layer with a whole U that holds the heads' blocks, placed one by one."""
    cell = Dense if layer.cell.name == "slstm" else layer.cell
    twin = Recurrent(cell, layer.input_size, layer.units, layers=layer.layers).double()
    own = layer.state_dict()
    size = layer.units // layer.heads
    for name in [name for name in own if name.startswith("weight_hh")]:
        gates = own[name].shape[1] // size
        whole = torch.zeros(gates, layer.units, layer.units, dtype=own[name].dtype)
        for head, weight in enumerate(own[name]):
            here = slice(head * size, (head + 1) * size)
            whole[:, here, here] = weight.view(gates, size, size)
        own[name] = whole.flatten(0, 1)
    twin.load_state_dict(own)
    return twin


@pytest.mark.parametrize(("units", "heads"), [(48, 3), (40, 4), (6, 1)])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", CELLS)
def test_heads_equal_a_whole_matrix_with_zeros(name, path, units, heads):
    torch.manual_seed(0)
    layer = Recurrent(name, 3, units, layers=2, heads=heads).double().eval()
    twin = dense_twin(layer).eval()
    x = torch.randn(4, 5, 3, dtype=torch.float64)
    with engine.only(path):
        y, state = layer(x)
        y.sin().sum().backward()
    with engine.only("reference"):
        right, last = twin(x)
        right.sin().sum().backward()
    for mine, other in zip((y, *state), (right, *last), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)
    size = units // heads
    for (label, mine), other in zip(layer.named_parameters(), twin.parameters(), strict=True):
        grad = other.grad
        assert grad is not None
        if "weight_hh" in label:
            gates = grad.view(-1, units, units)
            here = [slice(head * size, (head + 1) * size) for head in range(heads)]
            grad = torch.stack([gates[:, each, each].reshape(-1, size) for each in here])
        torch.testing.assert_close(mine.grad, grad, rtol=1e-9, atol=1e-11)


def test_heads_begin_orthogonal_each_for_itself():
    layer = Recurrent("slstm", 2, 32, heads=8)
    blocks = layer.get_parameter("weight_hh_l0").detach().view(8, 4, 4, 4)
    torch.testing.assert_close(blocks @ blocks.mT, torch.eye(4).expand(8, 4, 4, 4), rtol=0, atol=1e-5)
    assert sum(p.numel() for p in Recurrent("slstm", 2, 32, heads=1).parameters()) - 7 * 512 == sum(
        p.numel() for p in layer.parameters()
    )


def test_a_session_of_heads_steps_as_the_layer():
    torch.manual_seed(0)
    layer = Recurrent("slstm", 3, 32, heads=2).double().eval()
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    session = layer.session(2)
    steps = torch.stack([session.step(x[:, t]).clone() for t in range(6)], 1)
    torch.testing.assert_close(steps, layer(x)[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "heads"), [("lstm", 5), ("lstm", 0), ("slstm", 2.0), ("sparse", 2), ("projected", 2), ("mingru", 2)]
)
def test_heads_that_cannot_be_are_refused(name, heads):
    with pytest.raises(SettingError, match="heads"):
        Recurrent(name, 3, 16, heads=heads)
