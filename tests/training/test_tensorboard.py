import sys

import pytest
from training_toy import Sums, Tiny, mse, quick

from lacking import need_module
from tidegate.errors import MissingExtraError
from tidegate.training.loop import train


def run(folder, **changes):
    settings = quick(**changes)
    return train(Tiny(), Sums(40), Sums(20, 1), mse, settings, tensorboard=folder)


def test_scalars_of_every_epoch_are_written(tmp_path):
    reading = need_module("tensorboard.backend.event_processing.event_accumulator")
    history = run(tmp_path / "events", epochs=3)
    events = reading.EventAccumulator(str(tmp_path / "events")).Reload()
    for name in ("loss", "validation_loss", "learning_rate", "gradient_norm", "seconds"):
        scalars = events.Scalars(name)
        assert [scalar.step for scalar in scalars] == [1, 2, 3]
        assert [scalar.value for scalar in scalars] == pytest.approx([getattr(row, name) for row in history.rows])


def test_missing_tensorboard_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tidegate\[tensorboard\]'"):
        run(tmp_path / "events")


def test_without_a_folder_tensorboard_is_not_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert len(run(None).rows) == 4
