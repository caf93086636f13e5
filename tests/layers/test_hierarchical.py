"""The hierarchical layer equals a plain statement of what it is, one step at a time."""

import numpy as np
import pytest
import torch
from layer_checks import close, inputs
from numpy_layers import elman_step, weights_of

from tidegate import layers
from tidegate.errors import DataError, SettingError
from tidegate.settings import check_settings

PERIODS = (3, 2)


def build(**settings):
    torch.manual_seed(2)
    layer = layers.Hierarchical(**{"units": 4, "cell": "rnn", "periods": PERIODS, **settings}).build(3)
    return layer.double().eval()


def expected(layer, x):
    """A level reads its block and begins anew; what it has made of the block is one step of the level above."""
    each = [weights_of(level.recurrence) for level in layer.levels]
    states, counts, newest = ([make() for _ in each] for make in (lambda: np.zeros(4), int, lambda: np.zeros(4)))
    outputs = []
    for now in x:
        signal = now
        for level, weights in enumerate(each):
            newest[level] = states[level] = elman_step(weights, signal, states[level])
            counts[level] += 1
            if level == len(PERIODS) or counts[level] < PERIODS[level]:
                break
            signal, states[level], counts[level] = states[level], np.zeros(4), 0
        outputs.append(np.concatenate(newest))
    return np.array(outputs)


def test_levels_move_once_per_block_of_the_level_below():
    layer, x, lengths = build(), inputs(4, 25, 3), torch.tensor([25, 6, 17, 2])
    y, _ = layer(x, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        close(y[row, :length], torch.from_numpy(expected(layer, x[row, :length].numpy())))


def test_rows_that_paused_at_different_steps_go_on_where_they_were():
    layer, x = build(), inputs(4, 25, 3)
    whole, _ = layer(x)
    _, state = layer(x[:, :9], lengths=torch.tensor([9, 4, 0, 6]))
    rest = torch.stack([x[0, 9:22], x[1, 4:17], x[2, :13], x[3, 6:19]])
    y, _ = layer(rest, state)
    for row, start in enumerate((9, 4, 0, 6)):
        close(y[row], whole[row, start : start + 13])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gradients_of_the_hierarchical_layer_are_right(cell):
    layer, x, lengths = build(cell=cell), inputs(2, 8, 3).requires_grad_(), torch.tensor([8, 5])
    before = tuple(part.detach() for part in layer(inputs(2, 4, 3))[1])
    names = [name for name, _ in layer.named_parameters()]

    def run(x, *weights):
        y, state = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x, before, lengths))
        return (y, *(part for part in state if part.requires_grad))

    assert torch.autograd.gradcheck(run, (x, *layer.parameters()), fast_mode=True)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"periods": ()}, "periods must be whole numbers of at least 1"),
        ({"periods": (0, 7)}, "periods must be whole numbers of at least 1"),
        ({"periods": "24"}, "periods must be whole numbers of at least 1"),
        ({"cell": "contextual"}, "layer 'hierarchical' takes no context"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, sentence):
    with pytest.raises(SettingError, match=sentence):
        check_settings(layers.Hierarchical(**settings))


def test_a_state_of_another_layer_is_refused():
    with pytest.raises(DataError, match="state must hold 9 tensors, not 1"):
        build()(inputs(2, 4, 3), (torch.zeros(1, 2, 4),))
