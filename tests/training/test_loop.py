import math

import pytest
import torch
from torch import nn
from training_toy import Sums, Tiny, bits, mse, quick

from tidegate.errors import DataError, SettingError, TrainingError
from tidegate.training import loop
from tidegate.training.loop import train
from tidegate.training.objective import Metric


def without_time(history):
    return [(row.epoch, row.loss, row.validation_loss, row.learning_rate, row.gradient_norm) for row in history.rows]


def test_train_learns():
    network = Tiny()
    history = train(network, Sums(200), Sums(50, seed=1), mse, quick(epochs=30))
    assert history.rows[-1].validation_loss < 0.3 * history.rows[0].validation_loss
    assert not network.training


def test_train_equals_the_loop_that_one_writes_by_hand():
    ours, theirs, source = Tiny(), Tiny(), Sums(100)
    ours.dropout.p = theirs.dropout.p = 0.0
    history = train(ours, source, None, mse, quick(epochs=3, clip_norm=0.05))
    optimiser = torch.optim.Adam(theirs.parameters(), lr=0.01)
    for start in range(0, len(source.asked), 7):
        losses, norms = [], []
        for index in source.asked[start : start + 7]:
            optimiser.zero_grad()
            loss = nn.functional.mse_loss(theirs(source.x[index])[..., 0], source.y[index])
            loss.backward()
            norms.append(nn.utils.clip_grad_norm_(theirs.parameters(), 0.05).item())
            optimiser.step()
            losses += [loss.item()] * len(index)
        row = history.rows[start // 7]
        assert row.loss == pytest.approx(sum(losses) / 100, rel=1e-5)
        assert row.gradient_norm == pytest.approx(sum(norms) / 7, rel=1e-5)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_epoch_meets_every_sample_once_in_another_order():
    source = Sums(50)
    train(Tiny(), source, None, mse, quick(epochs=2))
    first, second = torch.cat(source.asked[:4]), torch.cat(source.asked[4:])
    assert torch.equal(first.sort().values, torch.arange(50))
    assert torch.equal(second.sort().values, torch.arange(50))
    assert not torch.equal(first, second)


def test_steps_per_epoch_caps_training_and_validation():
    source, validation = Sums(500), Sums(300, seed=1)
    train(Tiny(), source, validation, mse, quick(epochs=2, steps_per_epoch=3))
    assert [len(index) for index in source.asked] == [16] * 6
    assert sum(len(index) for index in validation.asked) == 2 * 48


def test_same_seed_gives_the_same_bits_and_another_seed_does_not():
    results = []
    for seed in (5, 5, 6):
        torch.manual_seed(len(results))
        network = Tiny()
        results.append((without_time(train(network, Sums(64), None, mse, quick(seed=seed))), bits(network)))
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_global_random_state_is_untouched():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train(Tiny(), Sums(64), Sums(20), mse, quick())
    assert torch.equal(before, torch.get_rng_state())


class Scripted(nn.Module):
    """One weight, counted up by each training batch; the validation loss then follows a script."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("epoch", torch.tensor(0))
        self.losses = losses

    def forward(self, x):
        if self.training:
            self.epoch += 1
            return self.weight + x.new_zeros(len(x), 1, 1, 1)
        return x.new_full((len(x), 1, 1, 1), self.losses[self.epoch - 1])


def mae(prediction, target):
    return (prediction[..., 0] - target).abs().mean(), target.numel()


class Zeros(Sums):
    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.y = torch.zeros(count, 1, 1)


@pytest.mark.parametrize(
    ("losses", "patience", "epochs", "best", "early"),
    [
        ([5, 4, 3, 4, 5, 1], 2, 5, 3, True),
        ([5, 4, 3, 4, 3, 3], 3, 6, 3, True),
        ([5, 6, 7, 8, 9, 1], None, 6, 6, False),
        ([5, 6, 5, 4, 6, 6], 3, 6, 4, False),
        ([1, 2, 3, 4, 5, 6], 5, 6, 1, True),
        ([9, 9, 9, 9, 9, 9], 1, 2, 1, True),
    ],
)
def test_early_stopping_keeps_the_best_epoch(losses, patience, epochs, best, early):
    network = Scripted([float(loss) for loss in losses])
    settings = quick(epochs=6, batch_size=8, patience=patience)
    history = train(network, Zeros(8), Zeros(8), mae, settings)
    assert (len(history.rows), history.best_epoch, history.stopped_early) == (epochs, best, early)
    assert [row.validation_loss for row in history.rows] == losses[:epochs]
    assert network.epoch.item() == best


@pytest.mark.parametrize(("higher", "best"), [(True, 2), (False, 4)])
def test_a_metric_decides_in_place_of_the_loss_and_the_history_says_so(higher, best):
    losses, epochs = [2.0, 3.0, 1.0, 0.5, 0.75], []
    network, metric = Scripted(losses), Metric("score", mae, higher_is_better=higher)
    settings = quick(epochs=5, batch_size=8, patience=2)
    history = train(network, Zeros(8), Zeros(8), mse, settings, metric=metric, on_epoch=epochs.append)
    assert (history.best_epoch, network.epoch.item(), history.decided_by) == (best, best, "score")
    assert [row.metric for row in epochs] == losses[: len(epochs)]
    assert history.stopped_early == higher  # two epochs after the second; the fourth is too near the end
    assert [row.validation_loss for row in epochs] == [loss**2 for loss in losses[: len(epochs)]]


def test_history_names_what_decided_without_a_metric():
    assert train(Tiny(), Sums(20), Sums(20), mse, quick(epochs=1)).decided_by == "validation_loss"
    assert train(Tiny(), Sums(20), None, mse, quick(epochs=1)).decided_by == "last epoch"


def test_a_metric_that_is_not_finite_is_named():
    metric = Metric("ratio", lambda returned, target: (returned.mean() / 0, 1))
    with pytest.raises(TrainingError, match=r"the ratio became -?inf in epoch 1"):
        train(Tiny(), Sums(20), Sums(20), mse, quick(), metric=metric)


def test_validation_and_training_losses_are_weighted_by_what_counted():
    network, validation = Tiny(), Sums(1000, seed=1)
    validation.y[:500] = torch.nan  # nearly all of the first batch of 512
    validation.y[500:512] = 9.0
    history = train(network, Sums(20), validation, mse, quick(epochs=1))
    with torch.no_grad():
        expected = mse(network(validation.x), validation.y)[0].item()
    assert history.rows[0].validation_loss == pytest.approx(expected, rel=1e-5)

    class Still(Tiny):
        def forward(self, x):
            return super().forward(x) * 0

    source = Sums(40)
    source.y[:] = torch.arange(40.0).reshape(-1, 1, 1)
    source.y[torch.rand(40, generator=torch.Generator().manual_seed(0)) < 0.6] = torch.nan
    history = train(Still(), source, None, mse, quick(epochs=1))
    assert history.rows[0].loss == pytest.approx(source.y.square().nanmean().item(), rel=1e-5)


def test_a_validation_part_without_a_known_target_decides_nothing():
    unknown = Sums(20)
    unknown.y[:] = torch.nan
    history = train(Tiny(), Sums(64), unknown, mse, quick(epochs=3, patience=1))
    assert ([row.validation_loss for row in history.rows], history.best_epoch) == ([None] * 3, 3)


def test_without_validation_the_last_weights_stay():
    network = Scripted([])
    history = train(network, Zeros(8), None, mse, quick(epochs=3, batch_size=8, patience=1))
    assert (network.epoch.item(), history.best_epoch, history.stopped_early) == (3, 3, False)


class Poisoned(Sums):
    """Target infinite from the given batch on."""

    def __init__(self, after: int) -> None:
        super().__init__(64)
        self.after = after

    def batch(self, indices):
        inputs, target = super().batch(indices)
        return inputs, target + (math.inf if len(self.asked) > self.after else 0.0)


@pytest.mark.parametrize(("after", "where"), [(0, "epoch 1, step 1"), (6, "epoch 2, step 3")])
def test_infinite_loss_is_named_and_the_weights_stay_good(after, where):
    network, start, reference = Tiny(), bits(Tiny()), Tiny()
    train(reference, Sums(64), None, mse, quick(epochs=1))
    with pytest.raises(TrainingError, match=rf"loss became inf in {where}; lower learning_rate"):
        train(network, Poisoned(after), None, mse, quick())
    assert bits(network) == (bits(reference) if after else start)


def test_infinite_gradient_is_named():
    network = Tiny()
    network.head.weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(TrainingError, match="gradient became"):
        train(network, Sums(64), None, mse, quick())


def test_infinite_validation_loss_is_named():
    with pytest.raises(TrainingError, match="validation loss became inf in epoch 1"):
        train(Tiny(), Sums(64), Poisoned(0), mse, quick())


def test_unknown_targets_do_not_poison_training():
    source = Sums(64)
    source.y[::3] = torch.nan
    history = train(Tiny(), source, source, mse, quick())
    assert all(math.isfinite(row.loss) and math.isfinite(row.gradient_norm) for row in history.rows)


def test_interruption_keeps_the_last_whole_epoch():
    network, reference = Tiny(), Tiny()
    train(reference, Sums(64), None, mse, quick(epochs=2))

    class Impatient(Sums):
        def batch(self, indices):
            if len(self.asked) == 10:
                raise KeyboardInterrupt
            return super().batch(indices)

    history = train(network, Impatient(64), None, mse, quick())
    assert history.interrupted
    assert len(history.rows) == 2
    assert bits(network) == bits(reference)


def test_interruption_before_the_first_epoch_is_passed_on():
    class Impatient(Sums):
        def batch(self, indices):
            raise KeyboardInterrupt

    network = Tiny()
    with pytest.raises(KeyboardInterrupt):
        train(network, Impatient(64), None, mse, quick())
    assert bits(network) == bits(Tiny())


def test_callbacks_see_every_epoch_and_the_steps_in_time(monkeypatch):
    monkeypatch.setattr("tidegate.training.meter._INTERVAL", 0.0)
    epochs, steps = [], []
    history = train(Tiny(), Sums(40), None, mse, quick(epochs=2), on_epoch=epochs.append, on_step=steps.append)
    assert epochs == history.rows
    assert [(step.epoch, step.step, step.steps) for step in steps] == [(e, s, 3) for e in (1, 2) for s in (1, 2, 3)]
    assert steps[-1].loss == history.rows[-1].loss


def test_reading_losses_at_another_pace_changes_no_bit(monkeypatch):
    slow = without_time(train(Tiny(), Sums(100), None, mse, quick()))
    monkeypatch.setattr("tidegate.training.meter._PENDING", 2)
    assert without_time(train(Tiny(), Sums(100), None, mse, quick())) == slow


def test_no_samples_are_refused():
    with pytest.raises(DataError, match="no samples"):
        train(Tiny(), Sums(0), None, mse, quick())


@pytest.mark.parametrize("name", ["cuda:99", "nonsense", "meta"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(SettingError, match="device"):
        train(Tiny(), Sums(8), None, mse, quick(device=name))


def test_loop_is_short():
    with open(loop.__file__, encoding="utf-8") as file:
        assert len(file.readlines()) < 300
