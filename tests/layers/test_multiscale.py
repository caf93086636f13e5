"""The multi-scale layer equals a plain statement of what it is, one step at a time."""

import numpy as np
import pytest
import torch
from layer_checks import close, inputs
from numpy_layers import elman_step, weights_of

from tidegate import layers
from tidegate.errors import DataError, SettingError
from tidegate.settings import check_settings

STRIDES = (1, 2, 5)


def build(**settings):
    torch.manual_seed(2)
    return layers.MultiScale(**{"units": 4, "cell": "rnn", "strides": STRIDES, **settings}).build(3).double().eval()


def expected(layer, x):
    """Every recurrence gathers steps until its stride is full, then reads their mean; else it holds."""
    each = [weights_of(recurrence) for recurrence in layer.recurrences]
    states, gathered, outputs = [np.zeros(4) for _ in STRIDES], [[] for _ in STRIDES], []
    for now in x:
        for scale, stride in enumerate(STRIDES):
            gathered[scale].append(now)
            if len(gathered[scale]) == stride:
                states[scale] = elman_step(each[scale], np.mean(gathered[scale], 0), states[scale])
                gathered[scale] = []
        outputs.append(np.concatenate(states))
    return np.array(outputs)


def test_each_recurrence_reads_means_of_its_stride_and_holds():
    layer, x, lengths = build(), inputs(3, 23, 3), torch.tensor([23, 4, 11])
    y, _ = layer(x, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        close(y[row, :length], torch.from_numpy(expected(layer, x[row, :length].numpy())))


def test_rows_that_paused_at_different_steps_go_on_where_they_were():
    layer, x = build(), inputs(3, 23, 3)
    whole, _ = layer(x)
    _, state = layer(x[:, :9], lengths=torch.tensor([9, 4, 0]))
    rest = torch.stack([x[0, 9:22], x[1, 4:17], x[2, :13]])
    y, _ = layer(rest, state)
    for row, start in enumerate((9, 4, 0)):
        close(y[row], whole[row, start : start + 13])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gradients_of_the_multiscale_layer_are_right(cell):
    layer, x, lengths = build(cell=cell), inputs(2, 7, 3).requires_grad_(), torch.tensor([7, 4])
    before = tuple(part.detach() for part in layer(inputs(2, 3, 3))[1])
    names = [name for name, _ in layer.named_parameters()]

    def run(x, *weights):
        y, state = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x, before, lengths))
        return (y, *(part for part in state if part.requires_grad))

    assert torch.autograd.gradcheck(run, (x, *layer.parameters()), fast_mode=True)


def test_a_dependence_over_many_steps_is_short_at_a_long_stride():
    """The gradient of an early step reaches the last output through few steps of the slow recurrence."""
    layer = build(strides=(1, 16), units=8)
    x = inputs(1, 160, 3).requires_grad_()
    fast, slow = layer(x)[0][0, -1].split(8)
    slopes = [torch.autograd.grad(part.sum(), x, retain_graph=True)[0][0, 20].abs().sum() for part in (fast, slow)]
    assert slopes[1] > 100 * slopes[0]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"strides": (2, 4)}, r"strides must begin with 1, so that each step is seen, and grow, not \(2, 4\)"),
        ({"strides": (1, 4, 4)}, "strides must begin with 1"),
        ({"strides": ()}, "strides must be whole numbers of at least 1"),
        ({"strides": (1, 2.5)}, "strides must be whole numbers of at least 1"),
        ({"strides": 4}, "strides must be whole numbers of at least 1"),
        ({"cell": "contextual"}, "cell 'contextual' is for the layer 'recurrent'; layer 'multiscale' takes no context"),
        ({"cell": "lstn"}, "cell must be one of"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, sentence):
    with pytest.raises(SettingError, match=sentence):
        check_settings(layers.MultiScale(**settings))


def test_a_state_of_another_layer_is_refused():
    with pytest.raises(DataError, match="state must hold 7 tensors, not 1"):
        build()(inputs(2, 4, 3), (torch.zeros(1, 2, 4),))
