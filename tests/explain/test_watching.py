"""Gates, states and attention of whole networks as a tidy frame."""

import numpy as np
import pytest
import torch
from torch import nn

from tidegate import DataError, Recurrent, explain, layers
from tidegate.layers.attending import AttentionPooling, MemoryAttention
from tidegate.layers.registry import read

X = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 6, 3))).float()


def built(name, **settings):
    torch.manual_seed(0)
    return read(name).set_params(**settings).build(3).eval()


def values(frame, layer, quantity):
    rows = frame[(frame["layer"] == layer) & (frame["quantity"] == quantity)]
    assert not rows.duplicated(["step", "unit"]).any()
    return rows.pivot_table(index="step", columns="unit", values="value", sort=True).to_numpy()


class Pooled(nn.Module):
    """A network of a user's own: recurrence, attention over its outputs, dropout, a dense layer."""

    def __init__(self):
        super().__init__()
        self.memory = Recurrent("gru", 3, 4)
        self.pool, self.drop, self.head = AttentionPooling(4, 5), nn.Dropout(0.5), nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.drop(self.pool(self.memory(x)[0])[0]))


class Decoder(nn.Module):
    """Attends to what an encoder said, one query at a time."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Recurrent("lstm", 3, 4), Recurrent("lstm", 3, 5)
        self.attention = MemoryAttention(5, 4, units=6)

    def forward(self, x):
        memory = self.attention.read(self.encoder(x)[0])
        return torch.cat([self.attention(y, memory)[0] for y in self.decoder(x)[0].unbind(1)], 1)


def test_the_frame_is_long_and_names_what_the_layer_names():
    module = Recurrent("lstm", 3, 4, layers=2)
    frame = explain.activations(module, X)
    assert frame.columns.tolist() == ["layer", "step", "unit", "quantity", "value"]
    assert list(frame["layer"].unique()) == ["recurrent.l0", "recurrent.l1"]
    assert list(frame["quantity"].unique()) == ["input", "forget", "candidate", "output", "h", "c"]
    assert len(frame) == 2 * 6 * 6 * 4
    np.testing.assert_allclose(values(frame, "recurrent.l1", "h"), module(X)[0][0].detach(), rtol=1e-6)


def test_a_bidirectional_layer_shows_both_directions():
    module = Recurrent("lstm", 3, 4, bidirectional=True)
    frame = explain.activations(module, X)
    both = [values(frame, f"recurrent.l0{way}", "h") for way in ("", "_reverse")]
    np.testing.assert_allclose(np.concatenate(both, 1), module(X)[0][0].detach(), rtol=1e-6)


@pytest.mark.parametrize("score", ["multihead", "additive", "dot", "general"])
@pytest.mark.parametrize("window", [None, 3])
def test_attention_is_what_the_layer_itself_returns(score, window):
    module = built("attention", score=score, window=window, units=8)
    frame = explain.activations(module, X)
    expected = module.attend(X)[1][0].detach().numpy()
    names = ["attention"] if len(expected) == 1 else [f"attention_{head}" for head in range(len(expected))]
    for name, weights in zip(names, expected, strict=True):
        found = values(frame, "attentionlayer", name)
        np.testing.assert_allclose(found, weights, rtol=1e-6)
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
        assert (np.triu(found, 1) == 0).all(), "a causal layer attends to what is to come"


def test_pooling_attention_is_what_the_module_returns():
    network = Pooled()
    frame = explain.activations(network, X)
    y = network.memory(X)[0]
    found = values(frame, "pool", "attention")
    np.testing.assert_allclose(found, network.pool(y)[1].detach(), rtol=1e-6)
    assert found.sum() == pytest.approx(1, rel=1e-6)


def test_attention_of_a_decoder_has_a_step_for_each_query():
    network = Decoder()
    found = values(explain.activations(network, X), "attention", "attention")
    memory = network.attention.read(network.encoder(X)[0])
    expected = network.attention(network.decoder(X)[0], memory)[1][0, 0]
    np.testing.assert_allclose(found, expected.detach(), rtol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("name", ["tcn", "s4d", "lru", "conv"])
def test_a_layer_without_gates_shows_its_outputs_and_says_so(name):
    module = built(name)
    frame = explain.activations(module, X)
    (layer,) = frame["layer"].unique()
    np.testing.assert_allclose(values(frame, layer, "y"), module(X)[0][0].detach(), rtol=1e-4, atol=1e-6)
    (note,) = frame.attrs["notes"]
    assert "has no recurrent layer whose gates and memory could be read" in note


def test_a_controller_that_is_run_step_by_step_is_told():
    frame = explain.activations(built("ntm"), X)
    assert frame["quantity"].unique().tolist() == ["y"]
    assert "controller is run step by step" in frame.attrs["notes"][0]


def test_recurrences_over_parts_of_a_sequence_are_told():
    frame = explain.activations(built("dilated", dilations=(1, 2)), X)
    assert "dilatedlayer" in frame["layer"].to_list() or "parts.0.recurrence.l0" in frame["layer"].to_list()
    (note,) = frame.attrs["notes"]
    assert "parts.1.recurrence reads parts of the sequence side by side" in note


def test_a_chain_shows_each_part_once():
    frame = explain.activations(built("recurrent+attention"), X)
    assert frame["layer"].unique().tolist() == ["parts.0.l0", "parts.0.l1", "parts.1"]


@pytest.mark.parametrize("name", sorted(set(layers.names()) - {"convlstm", "gconv", "tgcn"}))
def test_every_layer_shows_something(name):
    frame = explain.activations(built(name), X)
    assert len(frame)
    assert np.isfinite(frame["value"]).all()


def test_nothing_is_dropped_and_the_network_trains_on_as_before():
    network = Pooled().train()
    network.memory.eval()
    first, second = (explain.activations(network, X) for _ in range(2))
    assert first.equals(second)
    assert network.training
    assert network.drop.training
    assert not network.memory.training
    assert all(parameter.grad is None for parameter in network.parameters())


def test_what_cannot_be_looked_into_is_refused_in_a_sentence():
    module = Recurrent("lstm", 3, 4)
    with pytest.raises(DataError, match="a network alone has no data; give x"):
        explain.activations(module)
    with pytest.raises(DataError, match="x holds 2 inputs; give the one to look into"):
        explain.activations(module, torch.zeros(2, 6, 3))
    with pytest.raises(DataError, match=r"x must have shape \(batch, time, features\)"):
        explain.activations(module, torch.zeros(6))
    with pytest.raises(DataError, match=r"takes a fitted model of a task or a torch\.nn\.Module, not str"):
        explain.activations("model", X)
    with pytest.raises(DataError, match=r"there is no layer 'l9'; the layers are recurrent\.l0"):
        explain.draw_activations(explain.activations(module, X), "l9")
