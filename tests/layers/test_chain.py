"""A chain is its parts one after the other, under one name, with settings that are those of its parts."""

import pytest
import torch
from layer_checks import close, inputs
from numpy_layers import elman, norm, weights_of
from sklearn.base import clone

from tidegate import Forecaster
from tidegate.cells import Cell
from tidegate.errors import DataError, SettingError
from tidegate.layers import Attention, Chain, MultiScale, RecurrentSettings
from tidegate.layers.registry import read
from tidegate.settings import check_settings

ELMAN = {"name": "recurrent", "cell": "rnn", "units": 4, "layers": 1}


def build(*parts, context_size=0, **settings):
    torch.manual_seed(2)
    return Chain(parts=parts, **settings).build(3, context_size=context_size).double().eval()


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("normed", [False, True])
def test_a_chain_is_its_formula(residual, normed):
    layer, x = build(ELMAN, ELMAN, residual=residual, norm=normed), inputs(3, 6, 3)
    for each in layer.norms:
        torch.nn.init.normal_(each.bias)
    weights, lengths = weights_of(layer), torch.tensor([6, 2, 4])
    y, _ = layer(x, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        signal = x[row, :length].numpy()
        for part in range(2):
            own = {name.removeprefix(f"parts.{part}."): each for name, each in weights.items()}
            skip = signal @ weights["skips.0.weight"].T if residual and part == 0 else signal
            signal = elman(own, signal)[0] + (skip if residual else 0.0)
            if normed:
                signal = norm(signal, weights[f"norms.{part}.weight"], weights[f"norms.{part}.bias"])
        close(y[row, :length], torch.from_numpy(signal))
        assert not y[row, length:].any()


def test_gradients_of_a_chain_are_right():
    layer = build(ELMAN, {"name": "attention", "units": 4, "heads": 2}, residual=True, norm=True)
    x, lengths = inputs(2, 4, 3).requires_grad_(), torch.tensor([4, 2])
    names = [name for name, _ in layer.named_parameters()]

    def run(x, *weights):
        return torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x, None, lengths))[0]

    assert torch.autograd.gradcheck(run, (x, *layer.parameters()), fast_mode=True)


def test_padding_reaches_no_gradient_through_a_residual_connection():
    layer, x = build(ELMAN, residual=True), inputs(2, 4, 3)
    x[1, 2:] = torch.nan
    layer(x, lengths=torch.tensor([4, 2]))[0].sum().backward()
    assert all(weight.grad.isfinite().all() for weight in layer.parameters())


def test_a_chain_streams_and_is_causal_if_all_parts_are():
    for parts, streams, causal in (
        ((ELMAN, "multiscale"), True, True),
        ((ELMAN, "attention"), False, True),
        ((ELMAN, {"name": "attention", "causal": False}), False, False),
        (({**ELMAN, "bidirectional": True}, "recurrent"), False, False),
    ):
        layer = build(*parts)
        assert (layer.streams, layer.causal) == (streams, causal)
        assert bool(layer(inputs(2, 4, 3))[1]) == streams


def test_the_state_is_that_of_all_parts_and_another_is_refused():
    layer = build("recurrent", "multiscale")
    _, state = layer(inputs(2, 4, 3))
    assert len(state) == 2 + 2 + 4 + 4
    with pytest.raises(DataError, match="state must hold 12 tensors, those of all parts, not 2"):
        layer(inputs(2, 4, 3), state[:2])
    with pytest.raises(DataError, match=r"x must have shape \(batch, 3\)"):
        layer.step(inputs(2, 4, 3))


def test_dropout_acts_between_the_parts():
    layer = build(ELMAN, {**ELMAN, "units": 1000}, dropout=0.5).train()
    x = inputs(1, 1, 3)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    assert build(ELMAN, dropout=0.5).train()(x)[0].equal(build(ELMAN)(x)[0])


def test_a_context_enters_the_parts_that_read_one():
    layer = build({**ELMAN, "contextual": True}, ELMAN, context_size=2)
    first, second = layer.parts
    assert (layer.context_size, first.context_size, second.context_size) == (2, 2, 0)
    assert Chain(parts=(ELMAN,)).reads_context is False


@pytest.mark.parametrize(
    "layer",
    [
        "multiscale+recurrent",
        "multiscale + recurrent",
        ["multiscale", "recurrent"],
        ("multiscale", RecurrentSettings()),
        [{"name": "multiscale"}, {"name": "recurrent", "units": 50}],
        {"name": "multiscale+recurrent"},
        {"name": "chain", "parts": ["multiscale", {"name": "recurrent"}]},
    ],
)
def test_a_chain_is_written_in_many_ways(layer):
    assert read(layer).named() == Chain(parts=(MultiScale(), RecurrentSettings()))
    assert Forecaster(layer=layer).settings().layer_settings().title == "MULTISCALE+LSTM"


def test_settings_of_parts_are_reached_by_their_numbers():
    forecaster = Forecaster(layer="recurrent+attention").set_params(layer__0__units=7, layer__1__window=5)
    assert forecaster.layer == Chain(parts=(RecurrentSettings(units=7), Attention(window=5)))
    assert forecaster.get_params()["layer__0__units"] == 7
    twin, kept = clone(forecaster), forecaster.settings().layer
    twin.set_params(layer__0__units=9, layer__0__cell="gru", layer__residual=True)
    forecaster.set_params(layer__1=MultiScale(units=2))
    assert twin.layer.parts[0] == RecurrentSettings(units=9, cell="gru")
    assert forecaster.layer.parts == (RecurrentSettings(units=7), MultiScale(units=2))
    assert kept.parts == (RecurrentSettings(units=7), Attention(window=5))  # what was fitted stays as it was


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"2__units": 3}, "2__units is no setting of layer chain, whose parts are 0 to 1"),
        ({"0__kernel_size": 3}, "kernel_size is no setting of layer recurrent"),
        ({"units": 3}, "units is no setting of layer chain, which has dropout, parts"),
        ({"parts": ["tcnn"]}, "layer must be one of"),
    ],
)
def test_a_setting_that_there_is_not_is_named(change, sentence):
    with pytest.raises(SettingError, match=sentence):
        Chain().set_params(**change)


def test_settings_of_parts_are_checked():
    with pytest.raises(SettingError, match="units must be a whole number at least 1, not 0"):
        check_settings(Chain(parts=(RecurrentSettings(units=0),)))
    with pytest.raises(SettingError, match="layer chain needs at least one part"):
        check_settings(Chain(parts=()))


def test_a_cell_of_ones_own_in_a_chain_has_a_fingerprint_and_needs_a_name():
    class Slow(Cell):
        gates = ("all",)

        @staticmethod
        def step(z, prev, w):
            return (0.5 * prev.h + z.all,)

    own = RecurrentSettings(cell=Slow)
    assert Chain(parts=(own, "attention")).fingerprint() == own.fingerprint() != ""
    with pytest.raises(SettingError, match="register cell slow before saving"):
        Chain(parts=(own,)).named()


def test_a_layer_of_ones_own_is_a_part(toyconv):
    layer = build("toyconv", ELMAN)
    x = inputs(2, 6, 3)
    y, _ = layer(x)
    state = None
    for t in range(6):
        out, state = layer.step(x[:, t], state)
        close(out, y[:, t])
    assert read("toyconv+recurrent").title == "TOYCONV+LSTM"
