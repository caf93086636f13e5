"""A second task in a few lines: what is general asks nothing of forecasting."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tidegate
from tidegate import ModelFolderError, registry
from tidegate.layers.recurrent import Recurrent
from tidegate.storage.model_folder import load_model, save_model
from tidegate.training.history import History
from tidegate.training.loop import train
from tidegate.training.objective import Metric
from tidegate.training.settings import TrainingSettings


class Signs:
    """Sequences (n, T, 1) and whether their sum is positive; a source of samples."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.label = x, (x.sum(dim=(1, 2)) > 0).long()

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        return (self.x[indices],), self.label[indices]


def cross_entropy(scores: Tensor, label: Tensor) -> tuple[Tensor, int]:
    return F.cross_entropy(scores, label), len(label)


def correct(scores: Tensor, label: Tensor) -> tuple[Tensor, int]:
    return (scores.argmax(1) == label).float().mean(), len(label)


ACCURACY = Metric("accuracy", correct, higher_is_better=True)


class SignClassifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.head, self.history = Recurrent("gru", 1, 8), nn.Linear(8, 2), History()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x)[0][:, -1])

    def fit(self, x: Tensor) -> "SignClassifier":
        settings = TrainingSettings(epochs=25, learning_rate=0.02)
        self.history = train(self, Signs(x[:-100]), Signs(x[-100:]), cross_entropy, settings, metric=ACCURACY)
        return self

    def predict(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self(x).argmax(1)

    def save(self, folder) -> None:
        save_model(folder, "signs", {"history": self.history.to_json()}, self.state_dict())

    @classmethod
    def load(cls, folder) -> "SignClassifier":
        config, tensors = load_model(folder, "signs")
        model = cls()
        model.load_state_dict(tensors)
        model.history = History.from_json(config["history"])
        return model.eval()


def test_a_second_task_trains_saves_and_loads_without_a_change_to_what_is_general(tmp_path, monkeypatch):
    torch.manual_seed(0)
    x, unseen = torch.randn(400, 8, 1), torch.randn(200, 8, 1)
    model = SignClassifier().fit(x)
    assert (model.predict(unseen) == Signs(unseen).label).float().mean() > 0.9
    accuracies = [row.metric for row in model.history.rows]
    assert model.history.decided_by == "accuracy"
    assert model.history.best_epoch == 1 + accuracies.index(max(accuracies))
    assert (model.predict(x[-100:]) == Signs(x[-100:]).label).float().mean() == pytest.approx(max(accuracies))

    model.save(tmp_path / "model")
    with pytest.raises(ModelFolderError, match="of kind 'signs', which this version does not know"):
        tidegate.load(tmp_path / "model")
    monkeypatch.setitem(registry.TASKS, "signs", registry.Task(f"{__name__}:SignClassifier"))
    loaded = tidegate.load(tmp_path / "model")
    assert torch.equal(loaded(unseen), model(unseen))
    gates = tidegate.explain.activations(loaded, unseen[:1])
    assert gates["quantity"].unique().tolist() == ["reset", "update", "candidate", "h"]
    assert loaded.history == model.history
