import torch
from hypothesis import given
from hypothesis import strategies as st

from tidegate.training.sampling import epoch_order, even_order, mixed_seed


@given(count=st.integers(1, 3000), limit=st.integers(1, 3000), seed=st.integers(0, 2**56))
def test_epoch_order_holds_each_number_at_most_once(count, limit, seed):
    order = epoch_order(count, limit, seed)
    assert len(order) == min(count, limit) == len(order.unique())
    assert 0 <= order.min() <= order.max() < count
    assert torch.equal(order, epoch_order(count, limit, seed))


def test_epoch_order_of_a_small_part_is_uniform_in_what_and_in_which_order():
    orders = torch.stack([epoch_order(100, 5, seed) for seed in range(4000)])
    # 4000 draws spread over 100 numbers: 40 ± 6.3 per place; 6 standard deviations.
    for place in orders.T:
        assert (place.bincount(minlength=100) - 40).abs().max() < 38


def test_epoch_order_of_a_small_part_of_very_many_is_cheap():
    assert len(epoch_order(10**15, 3200, 0)) == 3200


@given(count=st.integers(1, 500), limit=st.integers(1, 500))
def test_even_order_spreads_over_all(count, limit):
    order = even_order(count, limit)
    assert len(order) == min(count, limit) == len(order.unique())
    gaps = torch.cat([order, torch.tensor([count])]).diff(prepend=torch.tensor([0]))
    assert gaps.max() <= count // min(count, limit) + 1


def test_mixed_seed_differs_by_seed_epoch_and_purpose():
    seeds = {
        mixed_seed(seed, epoch, word) for seed in range(20) for epoch in range(20) for word in ("order", "dropout")
    }
    assert len(seeds) == 800
