import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, RMSprop
from training_toy import Sums, Tiny, mse, quick

from tidegate.training.optimisers import clip_gradients, make_optimiser

HERE = Path(__file__).parent
PLAIN = {
    "adam": lambda weights: Adam(weights, lr=0.01, weight_decay=0.1, foreach=False),
    "adamw": lambda weights: AdamW(weights, lr=0.01, weight_decay=0.1, foreach=False),
    "rmsprop": lambda weights: RMSprop(weights, lr=0.01, weight_decay=0.1, momentum=0.5, foreach=False),
    "sgd": lambda weights: SGD(weights, lr=0.01, weight_decay=0.1, momentum=0.5, foreach=False),
}


def backward(network: nn.Module) -> None:
    (x,), y = Sums(16).batch(torch.arange(16))
    network.eval()
    network.zero_grad()
    mse(network(x), y)[0].backward()


@pytest.mark.parametrize("name", PLAIN)
def test_optimiser_steps_as_torchs_plain_one(name):
    ours, theirs = Tiny().double(), Tiny().double()
    settings = quick(optimizer=name, weight_decay=0.1, momentum=0.5)
    fast, plain = make_optimiser(ours, settings, torch.device("cpu")), PLAIN[name](theirs.parameters())
    for _ in range(5):
        for network, optimiser in ((ours, fast), (theirs, plain)):
            x = Sums(16).x.double()
            network.zero_grad()
            network.eval()(x).square().mean().backward()
            optimiser.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_optimiser_leaves_frozen_weights_alone():
    network = Tiny()
    network.recurrent.requires_grad_(False)
    optimiser = make_optimiser(network, quick(), torch.device("cpu"))
    assert len(optimiser.param_groups[0]["params"]) == 2


@pytest.mark.parametrize("limit", [1e-3, 0.5, 1e6])
def test_clip_gradients_equals_torchs(limit):
    ours, theirs = Tiny(), Tiny()
    backward(ours)
    backward(theirs)
    weights = list(ours.parameters())
    norm = clip_gradients(weights, limit)
    expected = nn.utils.clip_grad_norm_(theirs.parameters(), limit)
    torch.testing.assert_close(norm, expected)
    for a, b in zip(weights, theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_clip_gradients_without_limit_only_measures():
    network, untouched = Tiny(), Tiny()
    backward(network)
    backward(untouched)
    norm = clip_gradients(list(network.parameters()), None)
    assert norm.item() > 0
    for a, b in zip(network.parameters(), untouched.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)


def test_clip_gradients_passes_over_weights_without_gradient():
    network = Tiny()
    backward(network)
    network.head.bias.grad = None
    assert clip_gradients(list(network.parameters()), 0.1).isfinite()


def test_training_leaves_torchs_compiler_unimported():
    """Torch's own wrappers import it at the first optimiser, which takes a second."""
    code = (
        "import sys; from training_toy import Sums, Tiny, mse, quick; from tidegate.training.loop import train;"
        "each = [quick(epochs=1, optimizer=name) for name in ('adam', 'adamw', 'rmsprop', 'sgd')];"
        "[train(Tiny(), Sums(16), None, mse, settings) for settings in each];"
        "print([name for name in sys.modules if name.startswith('torch._dynamo')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
