"""A module of ours beside torch's own with the same weights, and what is compared between them."""

import torch
from torch import nn

import tidegate.nn
from tidegate.layers import stack

MODES = ["LSTM", "GRU", "RNN"]
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def twins(name, *sizes, **options):
    """Return our module and torch's, with equal weights large enough to saturate some gates."""
    torch.manual_seed(0)
    mine = getattr(tidegate.nn, name)(*sizes, **options)
    for parameter in mine.parameters():
        nn.init.normal_(parameter, std=0.5)
    other = getattr(nn, name)(*sizes, **options)
    other.load_state_dict(mine.state_dict())
    return mine, other


def make_hx(module, batch, dtype=None, **options):
    """Return a random state as torch takes it; batch None for a sequence alone."""
    rows = module.num_layers * (2 if module.bidirectional else 1)
    units = [module.proj_size or module.hidden_size] + [module.hidden_size] * (module.mode == "LSTM")
    shapes = [(rows, size) if batch is None else (rows, batch, size) for size in units]
    dtype = dtype or module.weight_ih_l0.dtype
    parts = tuple(torch.randn(shape, dtype=dtype, **options) for shape in shapes)
    return parts if module.mode == "LSTM" else parts[0]


def parts_of(*results):
    """Return the tensors in outputs and states, packed sequences and tuples taken apart."""
    flat = []
    for each in results:
        if isinstance(each, nn.utils.rnn.PackedSequence):
            flat.append(each.data)
        elif isinstance(each, tuple):
            flat += parts_of(*each)
        elif each is not None:
            flat.append(each)
    return flat


def everything(module, input, hx=None):
    """Return outputs, states and the gradients of all that goes in, of a sum that weighs every number differently."""
    results = parts_of(*module(input, hx))
    loss = sum((part * torch.arange(part.numel(), dtype=part.dtype).view(part.shape).sin()).sum() for part in results)
    inputs = [part for part in parts_of(input, hx) if part.requires_grad]
    return results + list(torch.autograd.grad(loss, [*inputs, *module.parameters()]))


def check_close(mine, other, tolerance):
    """Compare norm-wise: rounding in a sum is relative to its largest terms."""
    assert len(mine) == len(other) > 0
    for left, right in zip(mine, other, strict=True):
        scale = max(1.0, float(right.detach().abs().max()))
        torch.testing.assert_close(left, right, rtol=0, atol=tolerance * scale)


def check_same(mine, other, input, hx=None):
    """Compare outputs, states and gradients of a module and its twin on the same call."""
    dtype = parts_of(input)[0].dtype
    check_close(everything(mine, input, hx), everything(other, input, hx), TOLERANCE[dtype])


class Counter:
    """Counts the engine's scans, so that a test can tell who computed."""

    def __init__(self, monkeypatch):
        self.calls = 0
        self._scan = stack.scan_stack
        monkeypatch.setattr(stack, "scan_stack", self._counted)

    def _counted(self, *args, **options):
        self.calls += 1
        return self._scan(*args, **options)

    def of(self, function, *args):
        """Return how many scans this call makes."""
        before = self.calls
        function(*args)
        return self.calls - before
