"""Dropout between layers: only there, only while training, from torch's seed."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from twins import MODES, check_close, parts_of, twins

import tidegate.nn


@pytest.mark.parametrize("name", MODES)
def test_same_seed_gives_the_same_and_another_does_not(name):
    mine, _ = twins(name, 3, 8, 2, dropout=0.5)
    x, outputs = torch.randn(6, 5, 3), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(mine(x)[0])
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])


@pytest.mark.parametrize("name", MODES)
def test_evaluation_and_probability_zero_drop_nothing(name):
    mine, other = twins(name, 3, 8, 2, dropout=0.5)
    x = torch.randn(6, 5, 3)
    expected = parts_of(*other.eval()(x))
    check_close(parts_of(*mine.eval()(x)), expected, 1e-5)
    mine.train().dropout = 0.0
    before = torch.get_rng_state()
    check_close(parts_of(*mine(x)), expected, 1e-5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", MODES)
def test_probability_one_hides_the_input_from_the_upper_layers(name, packed):
    mine, other = twins(name, 3, 8, 3, dropout=1.0)
    x, y = torch.randn(2, 6, 5, 3)
    if packed:
        x, y = (pack_padded_sequence(each, [6, 6, 4, 2, 1]) for each in (x, y))
    check_close(parts_of(mine(x)[0]), parts_of(mine(y)[0]), 1e-6)
    check_close(parts_of(*mine(x)), parts_of(*other(x)), 1e-5)
    lowest = [parts_of(mine(each)[1])[0][0] for each in (x, y)]
    assert not torch.allclose(*lowest)


@pytest.mark.parametrize("name", MODES)
def test_share_of_dropped_outputs_is_the_setting(name):
    """The upper layer is the identity's slope at 0, so its outputs show which of the lower's were dropped."""
    rate, units = 0.3, 64
    mine, _ = twins(name, 1, units, 2, dropout=rate)
    with torch.no_grad():
        for parameter in mine.parameters():
            parameter.zero_()
        block = slice(0, units) if name == "RNN" else slice(2 * units, 3 * units)  # the candidate's
        mine.bias_ih_l0[block] = 0.5
        mine.weight_ih_l1[block] = torch.eye(units)
    y, _ = mine(torch.zeros(1, 400, 1))
    kept = (y != 0).double().mean()
    # 25 600 draws: five standard deviations are 0.015.
    assert abs(float(kept) - (1 - rate)) < 0.015
    values = y[y != 0]
    torch.testing.assert_close(values, values[:1].expand_as(values))


@pytest.mark.parametrize("name", MODES)
def test_gradients_flow_through_what_was_kept(name):
    mine, _ = twins(name, 3, 8, 2, dropout=0.5, dtype=torch.float64)
    x = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)

    def run(x):
        torch.manual_seed(7)
        return mine(x)[0]

    assert torch.autograd.gradcheck(run, (x,), fast_mode=True)


@pytest.mark.parametrize("name", MODES)
def test_one_layer_with_dropout_warns_as_torch_does(name):
    with pytest.warns(UserWarning, match="num_layers greater than 1") as theirs:
        getattr(nn, name)(3, 4, dropout=0.5)
    with pytest.warns(UserWarning, match="num_layers greater than 1") as ours:
        mine = getattr(tidegate.nn, name)(3, 4, dropout=0.5)
    assert str(ours[0].message) == str(theirs[0].message)
    x = torch.randn(6, 5, 3)
    assert torch.equal(mine(x)[0], mine.eval()(x)[0])


@pytest.mark.parametrize("dropout", [-0.1, 1.1, True, "half"])
def test_impossible_dropout_is_refused(dropout):
    with pytest.raises(ValueError):  # noqa: PT011
        tidegate.nn.GRU(3, 4, 2, dropout=dropout)


@pytest.mark.parametrize("name", MODES)
def test_only_dropout_between_layers_in_training_moves_the_global_generator(name):
    x, before = torch.randn(6, 5, 3), torch.get_rng_state()
    for layers, dropout, training, moves in ((2, 0.5, True, True), (2, 0.5, False, False), (1, 0.0, True, False)):
        mine = getattr(tidegate.nn, name)(3, 8, layers, dropout=dropout).train(training)
        torch.set_rng_state(before)
        mine(x)
        assert torch.equal(torch.get_rng_state(), before) != moves
