"""xLSTM against its equations in NumPy, one step after the other, and its chunks against its single steps."""

import math

import numpy as np
import pytest
import torch

from tidegate.errors import DataError, SettingError
from tidegate.layers import XLSTM, mlstm
from tidegate.settings import check_settings


def draws(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def memory_inputs(time, batch=2, heads=3, size=4):
    shape = (batch, heads, time)
    return [*(draws(*shape, size, seed=k) for k in range(3)), 2 * draws(*shape, seed=3), draws(*shape, seed=4) + 2]


def nothing(q):
    batch, heads, _, size = q.shape
    return (q.new_zeros(batch, heads, size, size), q.new_zeros(batch, heads, size), q.new_zeros(batch, heads))


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def plain_memory(q, k, v, write, forget):
    """Equations 19 to 27 of one head (T, D), without a stabiliser."""
    size = q.shape[1]
    c, n, outputs = np.zeros((size, size)), np.zeros(size), []
    for t in range(len(q)):
        i, f, key = np.exp(write[t]), sigmoid(forget[t]), k[t] / math.sqrt(size)
        c = f * c + i * np.outer(v[t], key)
        n = f * n + i * key
        outputs.append(c @ q[t] / max(abs(n @ q[t]), 1))
    return np.array(outputs), c, n


@pytest.mark.parametrize("time", [1, 5, 64, 150])
def test_memory_equals_the_papers_recurrence(time):
    given = memory_inputs(time)
    y, (c, n, m) = mlstm.scan(*given, nothing(given[0]))
    for row in range(2):
        for head in range(3):
            expected, memory, normaliser = plain_memory(*(each[row, head].numpy() for each in given))
            np.testing.assert_allclose(y[row, head].numpy(), expected, rtol=1e-9, atol=1e-12)
            scale = m[row, head].exp().item()
            np.testing.assert_allclose(c[row, head].T.numpy() * scale, memory, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(n[row, head].numpy() * scale, normaliser, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-9)])
@pytest.mark.parametrize("chunk", [7, 64])
def test_chunks_equal_the_recurrence(dtype, tolerance, chunk):
    q, k, v, write, forget = (each.to(dtype) for each in memory_inputs(130))
    given = (q, k, v, write / 2, forget)  # with larger gates |n q| nearly cancels, and float32 itself is off by 1e-5
    y, state = mlstm.scan(*given, nothing(given[0]), chunk=chunk)
    expected, end = mlstm.scan(*given, nothing(given[0]), chunk=1)
    torch.testing.assert_close((y, *state), (expected, *end), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", [-200.0, 200.0])
def test_gates_beyond_any_exponential_stay_finite(size):
    given = [each.float().requires_grad_() for each in memory_inputs(20)]
    for gate in (3, 4):
        changed = [*given]
        changed[gate] = given[gate] + size
        y, state = mlstm.scan(*changed, nothing(given[0]))
        slopes = torch.autograd.grad(y.sum() + sum(part.sum() for part in state), given)
        assert all(each.isfinite().all() for each in (y, *state, *slopes))


def norm(x, weight=1.0, bias=0.0, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * weight + bias


def silu(x):
    return x * sigmoid(x)


def gelu(x):
    return x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def weights_of(module):
    return {name: value.detach().numpy() for name, value in module.named_parameters()}


def plain_mlstm_block(x, w, heads):
    """The paper's mLSTM block for one row (T, H)."""
    u, gate = np.split(norm(x, w["norm.weight"], w["norm.bias"]) @ w["up.weight"].T + w["up.bias"], 2, axis=1)
    kernel = w["conv.weight"][:, 0]
    padded = np.concatenate([np.zeros((kernel.shape[1] - 1, u.shape[1])), u])
    seen = silu(np.array([(padded[t : t + kernel.shape[1]] * kernel.T).sum(0) for t in range(len(u))]) + w["conv.bias"])
    gates = seen @ w["gates.weight"].T + w["gates.bias"]
    y, size = [], u.shape[1] // heads
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        q, k = (seen[:, own] @ w[f"{name}.weight"][head] for name in ("query", "key"))
        v = u[:, own] @ w["value.weight"][head]
        y.append(norm(plain_memory(q, k, v, gates[:, head], gates[:, heads + head])[0]))
    y = np.concatenate(y, 1) * w["head_norm.weight"] + w["skip"] * seen
    return x + (y * silu(gate)) @ w["down.weight"].T + w["down.bias"]


def plain_slstm(x, w, heads):
    """Equations 8 to 17 for one row (T, H), without a stabiliser, each head reading its own output alone."""
    units = x.shape[1]
    size = units // heads
    h, c, n, outputs = np.zeros(units), np.zeros(units), np.zeros(units), []
    for now in x:
        z = w["cell.weight_ih_l0"] @ now + w["cell.bias_ih_l0"] + w["cell.bias_hh_l0"]
        own = [w["cell.weight_hh_l0"][k] @ h[k * size : (k + 1) * size] for k in range(heads)]
        recurrent = np.concatenate([part.reshape(4, size) for part in own], axis=1)
        i, f, candidate, o = z.reshape(4, units) + recurrent
        c = sigmoid(f) * c + np.exp(i) * np.tanh(candidate)
        n = sigmoid(f) * n + np.exp(i)
        h = sigmoid(o) * c / n
        outputs.append(h)
    return np.array(outputs)


def plain_slstm_block(x, w, heads, kind):
    def before(name, x):
        if kind == "s":
            return norm(x, w[f"{name}.weight"], w[f"{name}.bias"])
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + np.finfo(x.dtype).eps) * w[f"{name}.weight"]

    y = plain_slstm(before("cell_norm", x), w, heads)
    x = x + norm(y.reshape(len(x), heads, -1)).reshape(x.shape) * w["head_norm.weight"]
    u, gate = np.split(before("feed_norm", x) @ w["up.weight"].T + w["up.bias"], 2, axis=1)
    return x + (u * (gelu(gate) if kind == "s" else silu(gate))) @ w["down.weight"].T + w["down.bias"]


@pytest.mark.parametrize("heads", [2, 4])
@pytest.mark.parametrize("blocks", ["m", "s", "t", "mst"])
def test_layer_equals_the_papers_blocks(blocks, heads):
    layer = XLSTM(blocks=blocks, units=8, heads=heads).build(3).double()
    with torch.no_grad():
        for k, weight in enumerate(layer.parameters()):
            weight.add_(0.3 * draws(*weight.shape, seed=k))
    x = draws(2, 11, 3, seed=9)
    y, _ = layer(x)
    for row in range(2):
        own = weights_of(layer)
        expected = x[row].numpy() @ own["inputs.weight"].T + own["inputs.bias"]
        for kind, block in zip(blocks, layer.blocks, strict=True):
            w = weights_of(block)
            step = plain_mlstm_block if kind == "m" else plain_slstm_block
            expected = step(expected, w, heads) if kind == "m" else step(expected, w, heads, kind)
        expected = norm(expected, own["norm.weight"], own["norm.bias"])
        np.testing.assert_allclose(y[row].detach().numpy(), expected, rtol=1e-9, atol=1e-10)


def test_widths_are_the_papers():
    assert XLSTM(blocks="s", units=48).build(1).blocks[0].up.out_features == 2 * 64
    assert XLSTM(blocks="t", units=48).build(1).blocks[0].up.out_features == 2 * 128
    assert XLSTM(blocks="m", units=48).build(1).blocks[0].up.out_features == 2 * 96


@torch.no_grad()
def test_steps_equal_the_whole_over_several_chunks():
    torch.manual_seed(0)
    layer, x = XLSTM(units=16).build(2).eval(), draws(3, 140, 2).float()
    expected, _ = layer(x)
    session = layer.session(3)
    y = torch.stack([session.step(x[:, t]) for t in range(140)], 1)
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)


def test_a_state_of_another_layer_is_refused():
    state = XLSTM(units=8).build(2)(torch.zeros(1, 3, 2))[1]
    with pytest.raises(DataError, match="state must hold tensors of shapes"):
        XLSTM(units=16).build(2)(torch.zeros(1, 3, 2), state)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"blocks": ""}, "blocks must be letters of m, s, t"),
        ({"blocks": "mx"}, "blocks must be letters of m, s, t, such as 'ms', not 'mx'"),
        ({"blocks": ("m",)}, "blocks must be letters"),
        ({"units": 10}, "units must be a multiple of heads, 4, not 10"),
        ({"units": 4, "factor": 1.6}, r"factor \* units must be a multiple of heads, 4, not 6"),
        ({"factor": 0.0}, "factor must be a number above 0"),
    ],
)
def test_what_cannot_be_built_is_refused(change, sentence):
    with pytest.raises(SettingError, match=sentence):
        check_settings(XLSTM(**change))
