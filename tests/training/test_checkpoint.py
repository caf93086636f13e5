import dataclasses
import random

import pytest
import torch
from training_toy import Sums, Tiny, bits, mse, quick

from tidegate.errors import CheckpointError
from tidegate.training.loop import train
from tidegate.training.settings import OPTIMIZERS, SCHEDULES


class Stop(Exception):
    pass


def stop_after(epoch: int):
    def on_epoch(result) -> None:
        if result.epoch == epoch:
            raise Stop

    return on_epoch


def run(settings, path=None, *, source=None, validation=True, network=None, **hooks):
    network = network or Tiny()
    history = train(
        network, source or Sums(60), Sums(20, 1) if validation else None, mse, settings, checkpoint=path, **hooks
    )
    rows = [dataclasses.replace(row, seconds=0.0) for row in history.rows]
    return bits(network), rows, history.best_epoch, history.stopped_early


@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumed_run_ends_with_the_same_bits(tmp_path, optimizer, schedule, validation):
    settings = quick(optimizer=optimizer, schedule=schedule, momentum=0.5, weight_decay=0.01, patience=3)
    whole = run(settings, validation=validation)
    for epoch in (1, 3):
        with pytest.raises(Stop):
            run(settings, tmp_path / "c", validation=validation, on_epoch=stop_after(epoch))
    # The network that a resumed run starts with plays no part.
    assert run(settings, tmp_path / "c", validation=validation, network=Tiny(seed=9)) == whole


def test_finished_run_is_given_back_without_training(tmp_path):
    settings = quick(patience=1, learning_rate=0.3, epochs=20)
    first = run(settings, tmp_path / "c")
    source = Sums(60)
    assert run(settings, tmp_path / "c", source=source, on_epoch=stop_after(1)) == first
    assert first[3]
    assert len(source.asked) == 1


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_open_ended_run_goes_on_with_more_epochs(tmp_path, schedule):
    run(quick(schedule=schedule, epochs=2), tmp_path / "c")
    assert run(quick(schedule=schedule, epochs=5), tmp_path / "c") == run(quick(schedule=schedule, epochs=5))
    with pytest.raises(CheckpointError, match="epochs is 3, there it was 5"):
        run(quick(schedule=schedule, epochs=3), tmp_path / "c")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rate": 0.02}, "learning_rate is 0.02, there it was 0.01"),
        ({"optimizer": "sgd"}, "optimizer is sgd, there it was adam"),
        ({"seed": 1}, "seed is 1"),
    ],
)
def test_checkpoint_of_other_settings_is_refused(tmp_path, changes, words):
    run(quick(), tmp_path / "c")
    with pytest.raises(CheckpointError, match=words):
        run(quick(**changes), tmp_path / "c")


def test_schedule_over_the_epochs_refuses_other_epochs(tmp_path):
    run(quick(schedule="cosine"), tmp_path / "c")
    with pytest.raises(CheckpointError, match="epochs is 9, there it was 4"):
        run(quick(schedule="cosine", epochs=9), tmp_path / "c")


@pytest.mark.parametrize(("count", "seed"), [(61, 0), (60, 7)])
def test_checkpoint_of_other_samples_is_refused(tmp_path, count, seed):
    run(quick(), tmp_path / "c")
    with pytest.raises(CheckpointError, match="training samples"):
        run(quick(), tmp_path / "c", source=Sums(count, seed))


def test_checkpoint_of_another_network_is_refused_and_the_network_left_alone(tmp_path):
    run(quick(), tmp_path / "c")
    network = Tiny()
    network.head = torch.nn.Linear(4, 2)
    before = bits(network)
    with pytest.raises(CheckpointError, match=r"the shape of head\.bias is \[2\], there it was \[1\]\); delete it"):
        run(quick(), tmp_path / "c", network=network)
    assert bits(network) == before


def test_damaged_checkpoint_is_refused_or_harmless(tmp_path):
    settings = quick(epochs=2)
    whole = run(settings, tmp_path / "c")
    data = (tmp_path / "c").read_bytes()
    draw = random.Random(0)
    for _ in range(150):
        damaged = bytearray(data)
        at = draw.choice([draw.randrange(len(data)), draw.randrange(2000)])
        if draw.random() < 0.5:
            damaged[at] ^= 1 << draw.randrange(8)
        else:
            del damaged[at:]
        (tmp_path / "c").write_bytes(damaged)
        try:
            assert run(settings, tmp_path / "c") == whole
        except CheckpointError as error:
            assert "cannot be resumed from" in str(error)  # noqa: PT017 (either end is right)


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"\xff" * 100, b"[" * 5000])
def test_other_file_is_refused_as_checkpoint(tmp_path, content):
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be resumed from"):
        run(quick(), tmp_path / "c")


def test_folder_is_refused_as_checkpoint(tmp_path):
    with pytest.raises(CheckpointError):
        run(quick(), tmp_path)


def test_checkpoint_makes_its_folder_and_leaves_nothing_else(tmp_path):
    run(quick(), tmp_path / "a" / "b" / "c")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c"]


def test_failed_write_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"file/c cannot be written|cannot be resumed"):
        run(quick(), tmp_path / "file" / "c")
