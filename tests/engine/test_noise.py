"""Random zeros and ones: their share is a binomial's, whatever the shape, and dropout keeps the expected value."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.engine.noise import draw, dropout


@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=4),
    st.floats(0, 1),
    st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=50, deadline=None)
def test_draws_are_zeros_and_ones_of_any_shape(shape, rate, dtype):
    drawn = draw(torch.empty(1, dtype=dtype), shape, rate)
    assert drawn.shape == tuple(shape)
    assert drawn.dtype == dtype
    assert ((drawn == 0) | (drawn == 1)).all()


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 0.93, 1.0])
def test_the_share_of_ones_is_the_rate_at_every_place(rate):
    torch.manual_seed(3)
    drawn = draw(torch.empty(1), (40_000, 8), rate)
    error = 5 * math.sqrt(rate * (1 - rate) / 40_000) + 1 / 65536
    assert (drawn.mean(0) - rate).abs().max() <= error
    both = drawn[:, :-1] * drawn[:, 1:]  # neighbours come from one random number and must not know each other
    assert (both.mean(0) - rate**2).abs().max() <= error + 2 / 65536


def test_one_seed_gives_the_same_draw():
    torch.manual_seed(4)
    first = draw(torch.empty(1), (3, 5), 0.5)
    second = draw(torch.empty(1), (3, 5), 0.5)
    torch.manual_seed(4)
    assert torch.equal(first, draw(torch.empty(1), (3, 5), 0.5))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_scales_the_rest(share):
    torch.manual_seed(5)
    x = torch.ones(300, 301, requires_grad=True)
    y = dropout(x, share)
    kept = y != 0
    assert abs(1 - kept.double().mean() - share) < 0.01
    assert torch.allclose(y[kept], torch.tensor(1 / (1 - share)), rtol=1e-3)
    y.sum().backward()
    assert torch.equal(x.grad, y)


def test_dropout_of_nothing_and_of_all():
    x = torch.randn(4, 5)
    assert dropout(x, 0.0) is x
    assert torch.equal(dropout(x, 1.0), torch.zeros(4, 5))
