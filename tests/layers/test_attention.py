"""Attention equals its papers' formulas, written in NumPy, and torch's own module where that has the same."""

import numpy as np
import pytest
import torch
from layer_checks import close, inputs
from numpy_layers import softmax, weights_of
from torch import nn

from tidegate import layers
from tidegate.errors import DataError, SettingError
from tidegate.layers.attending import SCORES, make_attention
from tidegate.settings import check_settings

LENGTHS = torch.tensor([7, 1, 0, 12])


def build(units=6, size=3, score="multihead", heads=3, **settings):
    torch.manual_seed(3)
    heads = heads if score == "multihead" else None
    layer = layers.Attention(units=units, score=score, heads=heads, **settings).build(size).double().eval()
    for weight in layer.parameters():
        nn.init.normal_(weight, std=0.7)
    return layer


def scores_of(score, weights, queries, memory, prefix="attention."):
    """The scores (heads, T, S) as the papers have them, one query and one step at a time."""
    w = {name.removeprefix(prefix): value for name, value in weights.items()}
    formulas = {
        "dot": lambda q, k: q @ k,
        "general": lambda q, k: k @ w["query.weight"] @ q,
        "additive": lambda q, k: w["score.weight"][0] @ np.tanh(w["query.weight"] @ q + w["key.weight"] @ k),
    }
    if score != "multihead":
        return np.array([[[formulas[score](q, k) for k in memory] for q in queries]])
    q, k = (x @ w[f"{name}.weight"].T + w[f"{name}.bias"] for name, x in (("query", queries), ("key", memory)))
    heads = 3
    return np.array(
        [a @ b.T / np.sqrt(a.shape[1]) for a, b in zip(*(np.split(x, heads, 1) for x in (q, k)), strict=True)]
    )


def contexts_of(score, weights, shares, memory, prefix="attention."):
    w = {name.removeprefix(prefix): value for name, value in weights.items()}
    if score != "multihead":
        return shares[0] @ memory
    values = np.split(memory @ w["value.weight"].T + w["value.bias"], len(shares), 1)
    joined = np.concatenate([share @ value for share, value in zip(shares, values, strict=True)], 1)
    return joined @ w["output.weight"].T + w["output.bias"]


def expected(layer, score, x, causal, window):
    """Outputs and weights of one row, by the formulas."""
    weights, steps = weights_of(layer), len(x)
    back = np.arange(steps)[:, None] - np.arange(steps)
    allowed = (back >= 0) & (back < (window or steps)) if causal else np.ones((steps, steps), bool)
    shares = softmax(np.where(allowed, scores_of(score, weights, x, x), -np.inf))
    context = contexts_of(score, weights, shares, x)
    if score == "multihead":
        return context, shares
    return np.tanh(np.concatenate([context, x], 1) @ weights["join.weight"].T), shares


@pytest.mark.parametrize(("causal", "window"), [(True, None), (True, 1), (True, 4), (True, 30), (False, None)])
@pytest.mark.parametrize("score", SCORES)
def test_attention_is_its_formula(score, causal, window):
    layer = build(score=score, causal=causal, window=window)
    x = inputs(4, 12, 3)
    y, _ = layer(x, lengths=LENGTHS)
    attended, shares = layer.attend(x, LENGTHS)
    close(attended, y)
    for row, length in enumerate(LENGTHS.tolist()):
        if not length:
            assert not shares[row].any()
            continue
        outputs, weights = expected(layer, score, x[row, :length].numpy(), causal, window)
        close(y[row, :length], torch.from_numpy(outputs))
        close(shares[row, :, :length, :length], torch.from_numpy(weights))
        assert not shares[row, :, length:].any()
        assert not shares[row, :, :, length:].any()


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_multihead_attention_is_torchs(heads):
    layer = build(units=8, size=8, heads=heads, causal=False)
    other = nn.MultiheadAttention(8, heads, batch_first=True, dtype=torch.float64)
    own = layer.attention
    with torch.no_grad():
        parts = (own.query, own.key, own.value)
        other.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        other.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        other.out_proj.load_state_dict(own.output.state_dict())
    x, lengths = inputs(3, 6, 8), torch.tensor([6, 2, 4])
    beyond = torch.arange(6) >= lengths[:, None]
    theirs, shares = other(x, x, x, key_padding_mask=beyond, average_attn_weights=False)
    close(layer(x, lengths=lengths)[0], theirs.masked_fill(beyond[:, :, None], 0))
    close(layer.attend(x, lengths)[1], shares.masked_fill(beyond[:, None, :, None], 0))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("score", SCORES)
def test_gradients_of_attention_are_right(score, causal):
    layer = build(score=score, causal=causal, window=2 if causal else None)
    x, lengths = inputs(2, 5, 3).requires_grad_(), torch.tensor([5, 3])
    names = [name for name, _ in layer.named_parameters()]

    def run(x, *weights):
        y, state = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x, None, lengths))
        return (y, *state[:1])

    assert torch.autograd.gradcheck(run, (x, *layer.parameters()), fast_mode=True)


@pytest.mark.parametrize("score", SCORES)
def test_a_decoder_attends_to_an_encoders_outputs(score):
    torch.manual_seed(4)
    size, heads = (5 if score == "dot" else 4), (3 if score == "multihead" else None)
    attention = layers.MemoryAttention(size, 5, units=6, score=score, heads=heads).double()
    queries, memory = inputs(4, 3, size).requires_grad_(), inputs(4, 12, 5)
    padded = memory.clone()
    for row, length in enumerate(LENGTHS.tolist()):
        padded[row, length:] = torch.nan
    read = attention.read(padded, LENGTHS)
    contexts, shares = attention(queries, read)
    context, share = attention(queries[:, 1], read)
    close(context, contexts[:, 1])
    close(share, shares[:, :, 1])
    weights = weights_of(attention)
    for row, length in enumerate(LENGTHS.tolist()):
        assert not shares[row, :, :, length:].any()
        if length:
            seen = memory[row, :length].numpy()
            own = softmax(scores_of(score, weights, queries[row].detach().numpy(), seen))
            close(shares[row, :, :, :length], torch.from_numpy(own))
            close(contexts[row], torch.from_numpy(contexts_of(score, weights, own, seen)))
    contexts.square().sum().backward()
    assert all(each.grad.isfinite().all() for each in (queries, *attention.parameters()))


def test_the_memory_must_have_its_size():
    attention = layers.MemoryAttention(4, 5, units=6)
    with pytest.raises(DataError, match=r"memory must have shape \(batch, time, 5\)"):
        attention.read(torch.zeros(2, 3, 4))


def test_dropout_drops_weights_and_keeps_their_mean():
    layer = layers.Attention(score="dot", units=2, dropout=0.5, causal=False).build(1).double().train()
    nn.init.constant_(layer.join.weight, 1.0)
    x = torch.full((400, 20, 1), 0.1, dtype=torch.float64)
    contexts = layer(x)[0].atanh()[..., 0] - 0.1
    assert contexts.std() > 0.01
    assert contexts.mean().item() == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"score": "cosine"}, "score must be one of additive, dot, general, multihead, not 'cosine'"),
        ({"score": "dot", "heads": 2}, "heads are for score='multihead', not 'dot'"),
        ({"units": 6, "heads": 4}, "units must be a multiple of heads, not 6 and 4"),
        ({"window": 3, "causal": False}, "window is for causal attention"),
        ({"window": 0}, "window must be a whole number at least 1, not 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, sentence):
    with pytest.raises(SettingError, match=sentence):
        check_settings(layers.Attention(**settings))


def test_dot_needs_queries_as_large_as_the_memory():
    with pytest.raises(SettingError, match="dot attention needs queries as large as the memory's steps, not 3 and 4"):
        make_attention("dot", 3, 4, 5)


def test_without_a_window_it_says_that_it_keeps_no_state():
    with pytest.raises(SettingError, match=r"causal=True.* has no single step and no session: it keeps no state"):
        build().step(torch.zeros(1, 3))
    with pytest.raises(DataError, match="state must hold tensors of shapes"):
        build(window=3)(inputs(2, 4, 3), (torch.zeros(1),))
