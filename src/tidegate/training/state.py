"""What training changes, and a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import Optimizer

from tidegate.training.history import History


@dataclass
class TrainingState:
    """A run between two epochs; randomness and learning rate follow from the history.

    Attributes:
        network: what is trained.
        optimiser: with its moments.
        history: a row for each epoch so far.
        best: the network's tensors after its best epoch.
    """

    network: nn.Module
    optimiser: Optimizer
    history: History
    best: dict[str, Tensor]
