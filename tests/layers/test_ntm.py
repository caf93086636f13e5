"""The neural Turing machine against its equations in NumPy, and on the paper's first task: copying."""

import numpy as np
import pytest
import torch
from torch import nn

from tidegate.errors import DataError, SettingError
from tidegate.layers import NTM
from tidegate.settings import check_settings


def draws(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def make(**settings):
    torch.manual_seed(0)
    layer = NTM(**{"units": 5, "slots": 7, "width": 3} | settings).build(2).double()
    with torch.no_grad():
        for k, weight in enumerate(layer.parameters()):
            weight.add_(0.5 * draws(*weight.shape, seed=k))
    return layer


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def softmax(value):
    return np.exp(value) / np.exp(value).sum()


def softplus(value):
    return np.log1p(np.exp(value))


def plain_place(place, memory, said, shift):
    """Equations 5 to 9 for one head: where it was (N,), the memory (N, W), and what the controller says of it."""
    width = memory.shape[1]
    key, shifts = np.tanh(said[:width]), softmax(said[width : width + 2 * shift + 1])
    strength, sharpness, gate = *softplus(said[-3:-1]), sigmoid(said[-1])
    likeness = memory @ key / (np.linalg.norm(memory, axis=1) * np.linalg.norm(key))
    place = gate * softmax(strength * likeness) + (1 - gate) * place
    slots = len(place)
    # The first number is the weight of a move by +shift, the last by -shift.
    moved = [sum(s * place[(i - shift + k) % slots] for k, s in enumerate(shifts)) for i in range(slots)]
    sharp = np.array(moved) ** (1 + sharpness)
    return sharp / sharp.sum()


def plain(layer, x, heads, shift):
    """The whole machine over one row (T, I), with an LSTM as controller."""
    w = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    lstm = {name.removeprefix("controller.").removesuffix("_l0"): value for name, value in w.items()}
    slots, width = layer.slots, layer.width
    memory, read = np.full((slots, width), 1e-6), np.tanh(w["first_read"]).flatten()
    places = [softmax(row) for row in w["first_place"]]
    h = c = np.zeros(w["emit.weight"].shape[1])
    outputs = []
    for now in x:
        z = lstm["weight_ih"] @ np.concatenate([now, read]) + lstm["bias_ih"] + lstm["weight_hh"] @ h + lstm["bias_hh"]
        i, f, g, o = np.split(z, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        said = w["emit.weight"] @ h + w["emit.bias"]
        size = width + 2 * shift + 1 + 3
        addresses = said[: 2 * heads * size].reshape(2 * heads, size)
        erase, add = said[2 * heads * size :].reshape(2, heads, width)
        places = [plain_place(*each, shift) for each in zip(places, [memory] * 2 * heads, addresses, strict=True)]
        read = np.concatenate([place @ memory for place in places[:heads]])
        for head, place in enumerate(places[heads:]):
            memory = memory * (1 - np.outer(place, sigmoid(erase[head]))) + np.outer(place, np.tanh(add[head]))
        outputs.append(np.concatenate([h, read]))
    return np.array(outputs), memory


@pytest.mark.parametrize(("heads", "shift"), [(1, 1), (2, 2), (1, 0)])
def test_layer_equals_the_papers_equations(heads, shift):
    layer, x = make(heads=heads, shift=shift), draws(2, 6, 2, seed=9)
    y, state = layer(x)
    for row in range(2):
        expected, memory = plain(layer, x[row].numpy(), heads, shift)
        np.testing.assert_allclose(y[row].detach().numpy(), expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(state[1][:, row].detach().numpy(), memory, rtol=1e-9, atol=1e-12)


def test_places_are_shares_after_many_steps():
    layer = make()
    _, (_, memory, place, *_) = layer(5 * draws(3, 100, 2))
    assert memory.isfinite().all()
    assert (place >= 0).all()
    torch.testing.assert_close(place.sum(-1), torch.ones(2, 3, dtype=torch.float64), rtol=1e-12, atol=0)


def test_gradients_are_finite_where_a_place_has_lost_all_weight():
    layer = make()
    with torch.no_grad():
        layer.first_place[:] = torch.tensor([100.0, *[-100.0] * 6])
        layer.emit.bias[:] = 40.0
    y, _ = layer(draws(2, 5, 2))
    y.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in layer.parameters())


def copy_task(batch, generator):
    """Two numbers of four bits, a mark, and then two steps to repeat them in."""
    bits = torch.randint(0, 2, (batch, 2, 4), generator=generator).float()
    x = torch.zeros(batch, 5, 5)
    x[:, :2, :4], x[:, 2, 4] = bits, 1
    return x, bits


def test_it_learns_to_copy():
    torch.manual_seed(0)
    layer = NTM(units=16, slots=8, width=8).build(5)
    head, generator = nn.Linear(layer.output_size, 4), torch.Generator().manual_seed(0)
    weights = [*layer.parameters(), *head.parameters()]
    optimiser, losses = torch.optim.Adam(weights, 0.05), []
    for _ in range(120):
        x, bits = copy_task(16, generator)
        loss = nn.functional.binary_cross_entropy_with_logits(head(layer(x)[0][:, 3:]), bits)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(np.log(2), abs=0.1)  # guessing
    assert np.mean(losses[-10:]) < 0.2
    x, bits = copy_task(64, generator)
    assert ((head(layer(x)[0][:, 3:]) > 0) == (bits > 0)).float().mean() > 0.95


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"slots": 4, "shift": 2}, "shift must be below half of slots, 4, not 2"),
        ({"slots": 1}, "slots must be a whole number at least 2"),
        ({"cell": "lstn"}, "cell must be one of"),
    ],
)
def test_what_cannot_be_built_is_refused(change, sentence):
    with pytest.raises(SettingError, match=sentence):
        check_settings(NTM(**change))


def test_a_state_of_another_size_is_refused():
    _, state = make(slots=9)(draws(1, 2, 2))
    with pytest.raises(DataError, match="state must hold tensors"):
        make()(draws(1, 2, 2), state)
