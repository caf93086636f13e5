import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR, ReduceLROnPlateau, StepLR
from training_toy import quick

from tidegate.training.history import EpochResult, History
from tidegate.training.schedules import learning_rates


def ours(settings, steps: int, losses: list[float] | None = None) -> list[float]:
    history, rates = History(), []
    for epoch in range(settings.epochs):
        rate = learning_rates(settings, history, steps)
        rates += [rate(step) for step in range(steps)]
        history.rows.append(EpochResult(epoch + 1, 1.0, losses[epoch] if losses else None, rate(0), 0.0, 0.0))
    return rates


def optimiser(rate: float) -> SGD:
    return SGD([torch.zeros(1, requires_grad=True)], lr=rate)


def torchs(sgd: SGD, scheduler: LRScheduler, count: int) -> list[float]:
    rates = []
    for _ in range(count):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(("epochs", "steps"), [(1, 40), (7, 5), (10, 3)])
def test_cosine_equals_torchs_over_all_steps(epochs, steps):
    sgd = optimiser(0.3)
    expected = torchs(sgd, CosineAnnealingLR(sgd, T_max=epochs * steps), epochs * steps)
    settings = quick(schedule="cosine", epochs=epochs, learning_rate=0.3)
    assert ours(settings, steps) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("epochs", "steps"), [(1, 40), (7, 5), (10, 3)])
def test_onecycle_equals_torchs(epochs, steps):
    sgd = optimiser(0.3)
    scheduler = OneCycleLR(sgd, max_lr=0.3, total_steps=epochs * steps, cycle_momentum=False)
    expected = torchs(sgd, scheduler, epochs * steps)
    settings = quick(schedule="onecycle", epochs=epochs, learning_rate=0.3)
    assert ours(settings, steps) == pytest.approx(expected, rel=1e-9)


@given(epochs=st.integers(1, 12), steps=st.integers(1, 12))
def test_every_rate_lies_between_zero_and_the_setting(epochs, steps):
    for schedule in ("constant", "cosine", "step", "plateau", "onecycle"):
        rates = ours(quick(schedule=schedule, epochs=epochs, learning_rate=0.1), steps)
        assert all(0 < rate <= 0.1 + 1e-12 for rate in rates)


def test_step_equals_torchs():
    sgd = optimiser(0.1)
    expected = torchs(sgd, StepLR(sgd, step_size=4, gamma=0.1), 10)
    assert ours(quick(schedule="step", epochs=10, learning_rate=0.1), 1) == pytest.approx(expected)


@given(losses=st.lists(st.floats(0, 1), min_size=30, max_size=30))
def test_plateau_equals_torchs(losses):
    sgd = optimiser(0.1)
    # torch reduces when more than `patience` epochs were bad, we when so many were.
    scheduler, expected = ReduceLROnPlateau(sgd, factor=0.5, patience=2, threshold=0, eps=0), []
    for loss in losses:
        expected.append(sgd.param_groups[0]["lr"])
        scheduler.step(loss)
    settings = quick(schedule="plateau", epochs=30, learning_rate=0.1, patience=9)
    assert ours(settings, 1, losses) == pytest.approx(expected)


def test_constant_is_constant():
    assert set(ours(quick(epochs=5, learning_rate=0.1), 7)) == {0.1}
