"""What every sequence layer must do, whatever it computes: `CHECKS`, each a function of a layer's settings.

A layer that is registered gets all of them from `test_sequence.py`, with its default settings; `VARIANTS` has others
that are worth checking.
"""

import copy

import pytest
import torch
from sklearn.base import clone

from tidegate import layers
from tidegate.engine import simd
from tidegate.errors import DataError, SettingError
from tidegate.settings import check_settings

BATCH, TIME, INPUTS, CONTEXT = 4, 9, 3, 2
LENGTHS = torch.tensor([5, 9, 1, 7])
CHAIN = ((0, 1), (1, 0), (1, 2, 0.5), (2, 1, 0.25))  # node i reads node j, with a weight
SMALL = {"name": "recurrent", "units": 5}
VARIANTS = {
    "attention": [
        {"units": 8},
        {"units": 6, "heads": 2, "window": 3},
        {"units": 5, "score": "additive", "window": 4},
        {"units": 5, "score": "general", "window": 1},
        {"units": 5, "score": "dot", "window": 20},
        {"units": 6, "heads": 3, "causal": False},
        {"units": 5, "score": "additive", "causal": False},
    ],
    "chain": [
        {},
        {"parts": ("multiscale", "recurrent"), "residual": True},
        {"parts": (SMALL, {"name": "attention", "units": 4, "window": 4}), "norm": True},
        {"parts": ({**SMALL, "contextual": True}, "hierarchical"), "norm": True, "residual": True},
        {"parts": ({**SMALL, "bidirectional": True},)},
    ],
    "conv": [{"channels": 5}, {"channels": 4, "kernel_size": 3, "layers": 2}, {"channels": 4, "kernel_size": 1}],
    "convlstm": [{"frame": (1, 3), "units": 2, "layers": 2}, {"frame": (1, 1), "units": 2, "cell": "gru"}],
    "gconv": [
        {"edges": CHAIN, "nodes": 3, "units": 2, "order": 3, "layers": 2},
        {"edges": ((0, 1), (1, 0)), "nodes": 2, "common": 1, "units": 2, "cell": "peephole"},
    ],
    "dilated": [
        {"units": 4, "dilations": (1, 2, 4)},
        {"units": 4, "dilations": (3,), "cell": "gru", "layers": 2},
        {"units": 4, "dilations": (2, 20), "block": 1, "cell": "projected"},
        {"units": 3, "dilations": (1, 3, 4, 2), "attention": 5},
    ],
    "hierarchical": [{"units": 4, "periods": (3, 2)}, {"units": 4, "periods": (4,), "cell": "gru", "layers": 2}, {}],
    "lru": [{"units": 5, "states": 4}, {"units": 4, "states": 3, "layers": 1, "largest": 0.5}],
    "multiscale": [{"units": 4, "strides": (1, 2, 4)}, {"units": 4, "strides": (1, 3), "cell": "gru", "layers": 2}, {}],
    "ntm": [{"units": 5, "slots": 6, "width": 3, "heads": 2, "shift": 2}, {"units": 5, "cell": "gru", "shift": 0}],
    "recurrent": [
        {"units": 5},
        {"units": 5, "bidirectional": True},
        {"units": 5, "cell": "gru", "variational": True, "dropout": 0.3, "contextual": True},
        {"units": 6, "cell": "projected", "layers": 1, "bidirectional": True},
        {"units": 6, "cell": "depthgated", "initial": "uniform"},
    ],
    "s4d": [
        {"units": 5, "states": 4},
        {"units": 4, "states": 3, "layers": 1, "frequencies": "inv", "method": "bilinear", "longest": 0.5},
    ],
    "tcn": [{"channels": 5, "layers": 2}, {"channels": 3, "kernel_size": 2, "layers": 4}],
    "tgcn": [
        {"edges": CHAIN, "nodes": 3, "units": 2, "layers": 2},
        {"edges": ((0, 1), (1, 0)), "nodes": 2, "common": 1, "units": 2, "cell": "lstm"},
    ],
    "xlstm": [
        {"blocks": "ms", "units": 8},
        {"blocks": "tm", "units": 8, "factor": 1.5, "kernel_size": 1},
        {"blocks": "m", "units": 6, "heads": 3},
    ],
}


def every_settings():
    """Return settings of all registered layers, each with a name for a test."""
    return [
        pytest.param(layers.get(name)(**values), id="-".join([name, *(f"{k}={v}" for k, v in values.items())]))
        for name in layers.names()
        for values in VARIANTS.get(name, [{}])
    ]


def make(settings, context_size=0):
    torch.manual_seed(0)
    return settings.build(INPUTS, context_size=context_size).double().eval()


def inputs(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*(shape or (BATCH, TIME, INPUTS)), dtype=torch.float64, generator=generator)


def close(mine, other):
    torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-11)


def check_outputs_have_the_declared_shape(settings):
    layer, x = make(settings), inputs()
    y, state = layer(x)
    assert y.shape == (BATCH, TIME, layer.output_size)
    assert layer.input_size == INPUTS
    assert y.isfinite().all()
    assert isinstance(state, tuple)
    assert all(isinstance(part, torch.Tensor) for part in state)


def check_steps_equal_the_whole(settings):
    layer, x = make(settings), inputs()
    if not layer.streams:
        with pytest.raises(SettingError, match="no single step"):
            layer.step(x[:, 0])
        with pytest.raises(SettingError, match="no session"):
            layer.session()
        return
    assert layer.causal, "a layer that streams cannot read what is to come"
    expected, _ = layer(x)
    session, state = layer.session(BATCH), None
    for t in range(TIME):
        y, state = layer.step(x[:, t], state)
        close(y, expected[:, t])
        close(session.step(x[:, t]), expected[:, t])


def check_chunks_equal_the_whole(settings):
    layer, x = make(settings), inputs()
    if not layer.streams:
        return
    expected, end = layer(x)
    for cut in (1, 4, TIME - 1):
        first, between = layer(x[:, :cut])
        second, after = layer(x[:, cut:], between)
        close(torch.cat([first, second], 1), expected)
        close(after, end)


def check_order_of_the_batch_does_not_matter(settings):
    layer, x, order = make(settings), inputs(), [2, 0, 3, 1]
    y, _ = layer(x, lengths=LENGTHS)
    moved, _ = layer(x[order], lengths=LENGTHS[order])
    close(moved, y[order])


def check_padding_does_not_matter(settings):
    layer, x = make(settings), inputs()
    for filling in (0.0, 1e30, torch.nan):
        padded = x.clone()
        for row, length in enumerate(LENGTHS.tolist()):
            padded[row, length:] = filling
        y, state = layer(padded, lengths=LENGTHS)
        for row, length in enumerate(LENGTHS.tolist()):
            close(y[row : row + 1, :length], layer(x[row : row + 1, :length])[0])
            assert not y[row, length:].any()
        if layer.streams:  # the state is that of each row's end, and not of its padding
            _, ends = layer(inputs(BATCH, 2, INPUTS), state)
            assert all(part.isfinite().all() for part in ends)


def check_a_state_of_zeros_begins_a_sequence(settings):
    layer, x = make(settings), inputs()
    if not layer.streams:
        return
    expected, state = layer(x)
    assert all(part.dim() == 3 and part.shape[1] == BATCH for part in state)
    close(layer(x, tuple(map(torch.zeros_like, state)))[0], expected)


def check_rows_go_on_from_their_own_ends(settings):
    layer, x = make(settings), inputs()
    if not layer.streams:
        return
    expected, end = layer(x)
    _, between = layer(x, lengths=LENGTHS)
    rest = torch.full_like(x, torch.nan)
    for row, length in enumerate(LENGTHS.tolist()):
        rest[row, : TIME - length] = x[row, length:]
    second, after = layer(rest, between, TIME - LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        close(second[row, : TIME - length], expected[row, length:])
    close(after, end)


def check_gradients_are_right(settings):
    layer, x = make(settings), inputs(2, 4, INPUTS).requires_grad_()
    names = [name for name, _ in layer.named_parameters()]
    for parameter in layer.parameters():  # away from 0, where a rectifier has no slope
        parameter.data += inputs(*parameter.shape) / 10

    def run(x, *weights):
        own = dict(zip(names, weights, strict=True))
        y, state = torch.func.functional_call(layer, own, (x[:, :2],))
        rest, state = torch.func.functional_call(layer, own, (x[:, 2:], state or None, torch.tensor([2, 1])))
        return tuple(part for part in (y, rest, *state) if part.requires_grad)

    assert torch.autograd.gradcheck(run, (x, *layer.parameters()), fast_mode=True)


def check_last_is_where_a_row_has_seen_all_of_its_steps(settings):
    layer, x = make(settings), inputs()
    y, _ = layer(x)
    ragged, _ = layer(x, lengths=LENGTHS)
    last, of_ragged = layer.last(y), layer.last(ragged, LENGTHS)
    assert last.shape == of_ragged.shape == (BATCH, layer.output_size)
    close(layer.last(y, torch.full((BATCH,), TIME)), last)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, _ = layer(x[row : row + 1, :length])
        close(of_ragged[row : row + 1], layer.last(alone))
    if layer.causal:
        close(last, y[:, -1])
        close(of_ragged, torch.stack([ragged[row, length - 1] for row, length in enumerate(LENGTHS.tolist())]))
    moved = x.clone()
    moved[:, -1] += 1
    assert not torch.equal(layer.last(layer(moved)[0]), last)


def check_the_future_never_leaks_if_causal(settings):
    layer, x = make(settings), inputs()
    y, _ = layer(x)
    leaks = []
    for t in range(1, TIME):
        moved = x.clone()
        moved[:, t:] += 3
        leaks.append(not torch.allclose(layer(moved)[0][:, :t], y[:, :t], rtol=1e-12, atol=1e-13))
    assert not any(leaks) if layer.causal else any(leaks), "the layer does not say truly whether it is causal"


def check_context_is_read_or_refused(settings):
    context = inputs(BATCH, CONTEXT)
    layer, x = make(settings), inputs()
    assert layer.context_size == 0
    for wrong in (context, inputs(BATCH, TIME, CONTEXT)):
        with pytest.raises(DataError, match="context must have 0 features"):
            layer(x, context=wrong)
    if not settings.reads_context:
        return
    reading = make(settings, CONTEXT)
    assert reading.context_size == CONTEXT
    y, _ = reading(x, context=context)
    assert not torch.equal(reading(x, context=context + 1)[0], y)
    close(reading(x, context=context[:, None].expand(-1, TIME, -1))[0], y)
    with pytest.raises(DataError, match=f"context must have {CONTEXT} features"):
        reading(x)
    if reading.streams:
        close(reading.step(x[:, 0], context=context)[0], y[:, 0])


def check_wrong_input_is_named(settings):
    layer = make(settings)
    with pytest.raises(DataError, match=r"x must have shape \(batch, time, 3\)"):
        layer(inputs(BATCH, TIME, INPUTS + 1))
    for lengths in ([TIME + 1, 1, 1, 1], [-1, 1, 1, 1], [1, 1], [1.0, 1.0, 1.0, 1.0]):
        with pytest.raises(DataError, match="lengths"):
            layer(inputs(), lengths=torch.tensor(lengths))


def check_every_weight_gets_a_finite_gradient(settings):
    layer = make(settings).train()
    layer.last(layer(inputs(), lengths=LENGTHS)[0], LENGTHS).square().sum().backward()
    found = {name: weight.grad for name, weight in layer.named_parameters()}
    if not simd.levels():  # a scan of no steps leaves its weights out where torch runs it; the engine gives them zeros
        found = {name: gradient for name, gradient in found.items() if gradient is not None}
    for name, gradient in found.items():
        assert gradient is not None, name
        assert gradient.isfinite().all(), name
    assert any(gradient.any() for gradient in found.values())


def check_dropout_acts_only_while_training(settings):
    settings = clone(settings).set_params(dropout=0.5)
    layer, x = make(settings), inputs()
    assert torch.equal(layer(x)[0], layer(x)[0])
    layer.load_state_dict(make(clone(settings).set_params(dropout=0.0)).state_dict())
    assert torch.equal(layer(x)[0], make(clone(settings).set_params(dropout=0.0))(x)[0])


def check_weights_go_into_another_of_the_same_settings(settings):
    layer, x = make(settings), inputs()
    torch.manual_seed(5)
    other = clone(settings).build(INPUTS).double().eval()
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x)[0], layer(x)[0])
    assert torch.equal(copy.deepcopy(layer)(x)[0], layer(x)[0])


def check_settings_follow_scikit_learn(settings):
    check_settings(settings)
    twin = clone(settings)
    assert twin is not settings
    own = settings.get_params(deep=False)
    assert twin == settings == type(settings)(**own)
    for name, value in own.items():
        assert settings.__dataclass_fields__[name].metadata["help"], name
        assert twin.set_params(**{name: value}) is twin
    with pytest.raises(SettingError, match=f"nothing is no setting of layer {settings.name}"):
        twin.set_params(nothing=1)


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_") and name != "check_settings"]
