import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from training_toy import Sums, Tiny, bits, quick

from tidegate.layers.recurrent import Recurrent
from tidegate.training.loop import train
from tidegate.training.passes import training_pass, validation_pass

LENGTH, CHUNK = 12, 3


class Cues:
    """Sequences (B, 24, 1) of two documents; each shows a sign once, and asks for it at each of its 12 steps."""

    def __init__(self, rows: int = 16, seed: int = 0, *, forget: bool = False) -> None:
        generator = torch.Generator().manual_seed(seed)
        signs = torch.randint(2, (rows, 2, 1), generator=generator) * 2.0 - 1
        self.x = F.pad(signs, (0, LENGTH - 1)).reshape(rows, 2 * LENGTH, 1)
        self.y = signs.repeat(1, 1, LENGTH).reshape(rows, 2 * LENGTH)
        self.forget = forget

    def __len__(self) -> int:
        return 2 * LENGTH // CHUNK

    def chunk(self, number: int) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        part = slice(number * CHUNK, (number + 1) * CHUNK)
        starts = torch.full((len(self.x),), self.forget or number * CHUNK % LENGTH == 0)
        return (self.x[:, part],), self.y[:, part], starts


class Reader(nn.Module):
    """A recurrent layer that takes and returns its state."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.recurrent, self.head = Recurrent("lstm", 1, 8), nn.Linear(8, 1)
        self.given: list[tuple[Tensor, ...] | None] = []

    def forward(self, x: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        self.given.append(state)
        y, state = self.recurrent(x, state)
        return self.head(y)[..., 0], state


def mse(returned: Tensor, target: Tensor) -> tuple[Tensor, int]:
    return F.mse_loss(returned, target), target.numel()


def test_chunks_with_carried_state_give_what_the_whole_sequence_gives():
    network, source = Reader().eval(), Cues()
    whole = torch.cat([network(document, None)[0] for document in source.x.split(LENGTH, dim=1)], dim=1)
    for batches in (training_pass(network, source, quick(), 1), validation_pass(network, source, quick())):
        parts, targets = zip(*batches, strict=True)
        assert batches.steps == len(parts) == len(source)
        assert torch.equal(torch.cat(targets, dim=1), source.y)
        torch.testing.assert_close(torch.cat(parts, dim=1), whole)


def test_carried_state_has_no_gradient_and_starts_anew_only_where_a_sequence_does():
    class Staggered(Cues):
        def chunk(self, number):
            (x,), target, _ = super().chunk(number)
            return (x + 1,), target, torch.arange(len(self.x)) == number

    network = Reader()
    returned = [state for _, state in zip(range(8), training_pass(network, Staggered(), quick(), 1), strict=True)]
    assert network.given[0] is None
    for number, state in enumerate(network.given[1:], start=1):
        assert state is not None
        for part in state:
            assert not part.requires_grad
            zeros = (part == 0).all(dim=(0, 2))
            assert zeros.tolist() == [row == number for row in range(16)]
    assert len(returned) == 8


def test_a_lag_longer_than_a_chunk_is_learned_with_carried_state_alone():
    settings = quick(epochs=60, learning_rate=0.03, patience=None)
    carried, forgotten = (
        train(Reader(), Cues(forget=forget), Cues(seed=1, forget=forget), mse, settings).rows[-1].validation_loss
        for forget in (False, True)
    )
    assert carried < 0.05
    assert forgotten > 0.7  # three chunks of four hold nothing that tells the sign


def test_steps_per_epoch_takes_the_first_chunks():
    network = Reader()
    train(network, Cues(), Cues(), mse, quick(epochs=2, steps_per_epoch=3))
    assert len(network.given) == 2 * (3 + 3)


class Stop(Exception):
    pass


def test_a_resumed_run_over_chunks_ends_with_the_same_bits(tmp_path):
    def stop(result):
        if result.epoch == 2:
            raise Stop

    whole, resumed = Reader(), Reader()
    train(whole, Cues(), Cues(seed=1), mse, quick())
    with pytest.raises(Stop):
        train(Reader(), Cues(), Cues(seed=1), mse, quick(), checkpoint=tmp_path / "c", on_epoch=stop)
    train(resumed, Cues(), Cues(seed=1), mse, quick(), checkpoint=tmp_path / "c")
    assert bits(resumed) == bits(whole)


def test_a_pass_over_samples_runs_each_batch_once():
    network, source = Tiny().eval(), Sums(1100)
    returned, targets = zip(*validation_pass(network, source, quick()), strict=True)
    assert [len(part) for part in returned] == [512, 512, 76]
    torch.testing.assert_close(torch.cat(returned), network(source.x))
    assert torch.equal(torch.cat(targets), source.y)
