"""What our training loop costs beside loops that a person would write by hand, on the same network and data.

Prints one row per loop: milliseconds per step and the ratio to the plain bare loop, each the median over interleaved
repeats in this one process. All loops train two LSTM layers of 50 units and a dense layer, on windows of 60 steps, by
Adam with the mean squared error, batch 32; one epoch per repeat.

    bare            shuffled tensor indexing, torch's Adam as it comes, no clipping, no validation
    bare, clipped   the same with torch.nn.utils.clip_grad_norm_, as our loop does by default
    bare, tuned     the first with Adam(fused=True): all that can be left out is left out
    DataLoader      the first over torch.utils.data.DataLoader(TensorDataset)
    tidegate        tidegate.training.loop.train with its defaults: clipping, norms in the history, NaN-aware loss
    … checkpoint    the same, with a checkpoint written after the epoch

Usage: python benchmarks/loop.py [--samples 3200] [--repeats 9] [--threads 1] [--layer torch|tidegate]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tidegate.forecasting.losses import make_loss
from tidegate.layers.recurrent import Recurrent
from tidegate.training.loop import train
from tidegate.training.settings import TrainingSettings

LIMIT = 1.15


class Network(nn.Module):
    """Recurrent layers and a dense layer on their last output: (B, T, 1) to (B, 1, 1, 1)."""

    def __init__(self, layer: str, units: int) -> None:
        super().__init__()
        if layer == "torch":
            self.recurrent = nn.LSTM(1, units, num_layers=2, batch_first=True)
        else:
            self.recurrent = Recurrent("lstm", 1, units, layers=2)
        self.head = nn.Linear(units, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Predict from windows (B, T, 1)."""
        return self.head(self.recurrent(x)[0][:, -1]).reshape(-1, 1, 1, 1)


class Source:
    """Windows cut beforehand, so that all loops fetch them in the same way."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """The windows with these numbers and their targets."""
        return (self.x[indices],), self.y[indices]


def bare(network: nn.Module, x: Tensor, y: Tensor, batch: int, *, clip: bool = False, fused: bool = False) -> float:
    """One epoch of the loop that a person writes; returns the mean loss."""
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=fused or None)
    order, total = torch.randperm(len(x)), 0.0
    for start in range(0, len(x), batch):
        index = order[start : start + batch]
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(network(x[index]).squeeze(-1), y[index])
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        total += loss.item() * len(index)
    return total / len(x)


def with_loader(network: nn.Module, x: Tensor, y: Tensor, batch: int) -> float:
    """One epoch over a DataLoader; returns the mean loss."""
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    total = 0.0
    for inputs, target in DataLoader(TensorDataset(x, y), batch_size=batch, shuffle=True):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(network(inputs).squeeze(-1), target)
        loss.backward()
        optimiser.step()
        total += loss.item() * len(inputs)
    return total / len(x)


def ours(network: nn.Module, x: Tensor, y: Tensor, batch: int, checkpoint: Path | None = None) -> float:
    """One epoch of Tidegate's loop; returns the mean loss."""
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    settings = TrainingSettings(epochs=1, batch_size=batch)
    return train(network, Source(x, y), None, make_loss("mse"), settings, checkpoint=checkpoint).rows[-1].loss


def measure(loops: dict[str, Callable[[nn.Module], float]], options: argparse.Namespace) -> dict[str, float]:
    """Median seconds of each loop over interleaved repeats, after one that does not count."""
    times: dict[str, list[float]] = {name: [] for name in loops}
    for repeat in range(options.repeats + 1):
        for name, loop in loops.items():
            torch.manual_seed(0)
            network = Network(options.layer, options.units)
            start = time.perf_counter()
            loop(network)
            if repeat:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=3200)
    parser.add_argument("--window", type=int, default=60)
    parser.add_argument("--units", type=int, default=50)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--layer", choices=["torch", "tidegate"], default="torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    x = torch.randn(options.samples, options.window, 1)
    y = x.mean(dim=1, keepdim=True)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "run.safetensors"
        loops: dict[str, Callable[[nn.Module], float]] = {
            "bare": lambda network: bare(network, x, y, options.batch),
            "bare, clipped": lambda network: bare(network, x, y, options.batch, clip=True),
            "bare, tuned": lambda network: bare(network, x, y, options.batch, fused=True),
            "DataLoader": lambda network: with_loader(network, x, y, options.batch),
            "tidegate": lambda network: ours(network, x, y, options.batch),
            "… checkpoint": lambda network: ours(network, x, y, options.batch, checkpoint),
        }
        seconds = measure(loops, options)
    steps = -(-options.samples // options.batch)
    print(f"{'loop':<16}{'ms/step':>9}{'ratio':>8}")
    for name, value in seconds.items():
        print(f"{name:<16}{value / steps * 1e3:>9.3f}{value / seconds['bare']:>8.3f}")
    ratio = seconds["tidegate"] / seconds["bare"]
    print(f"tidegate / bare = {ratio:.3f}; the limit is {LIMIT}: {'kept' if ratio <= LIMIT else 'EXCEEDED'}")


if __name__ == "__main__":
    main()
