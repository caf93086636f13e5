"""A tiny network and its samples, shared by the tests of training."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tidegate.training.settings import TrainingSettings


class Sums:
    """Windows (n, 6, 2) whose target is a noisy sum of their values."""

    def __init__(self, count: int, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.x = torch.randn(count, 6, 2, generator=generator)
        self.y = self.x.mean(dim=(1, 2)).reshape(count, 1, 1) + 0.1 * torch.randn(count, 1, 1, generator=generator)
        self.asked: list[Tensor] = []

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        self.asked.append(indices)
        return (self.x[indices],), self.y[indices]


class Tiny(nn.Module):
    """An LSTM of 4 units with dropout, its weights drawn from a seed."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.recurrent = nn.LSTM(2, 4, batch_first=True)
            self.head = nn.Linear(4, 1)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.dropout(self.recurrent(x)[0][:, -1])).reshape(-1, 1, 1, 1)


def mse(prediction: Tensor, target: Tensor) -> tuple[Tensor, int]:
    """The mean squared error over the targets that are known."""
    known = ~target.isnan()
    if not known.any():
        return prediction.sum() * 0, 0
    return F.mse_loss(prediction[..., 0][known], target[known]), int(known.sum())


def quick(**changes: object) -> TrainingSettings:
    """Settings of a short run."""
    return TrainingSettings(**({"epochs": 4, "batch_size": 16, "learning_rate": 0.01} | changes))


def bits(network: nn.Module) -> dict[str, bytes]:
    """The weights, byte by byte."""
    return {name: value.numpy().tobytes() for name, value in network.state_dict().items()}
