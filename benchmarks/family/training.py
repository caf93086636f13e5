"""One run: a member, a seed, and the budget of its row."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from benchmarks.family.members import weights_of
from benchmarks.family.tasks import Task
from torch import Generator, nn

CHECKS = 10


def run(make: Callable[[], nn.Module], task: Task, seed: int, steps: int, rate: float) -> dict[str, Any]:
    """Train a network that `make` makes, and return what the results file holds of it.

    Adam with a learning rate that rises over a twentieth of the steps and falls to 0 along a cosine, gradients clipped
    to a norm of 1. The weights that are tested are those of the check, of ten, that is best on the part "valid".
    """
    torch.manual_seed(seed)
    network = make()
    generator = Generator().manual_seed(1000 + seed)
    optimiser = torch.optim.Adam(network.parameters(), rate)
    warm = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda n: min(1.0, (n + 1) / warm) * (0.5 + 0.5 * math.cos(math.pi * n / steps))
    )
    better = 1 if task.measure.higher else -1
    best, kept, spent = -math.inf, copy.deepcopy(network.state_dict()), 0.0
    valid = task.held("valid")
    for step in range(1, steps + 1):
        begin = time.process_time()
        batch = task.draw(generator)
        optimiser.zero_grad()
        task.measure.loss(network(batch), batch).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        spent += time.process_time() - begin
        if step % max(1, steps // CHECKS) == 0:
            figure = measured(network, task, valid)
            if better * figure > best:
                best, kept = better * figure, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return {
        "valid": better * best,
        "test": measured(network, task, task.held("test")),
        "seconds": round(spent, 2),
        "weights": weights_of(network),
    }


@torch.no_grad()
def measured(network: nn.Module, task: Task, batches: list[Any]) -> float:
    """Return the figure of a network over batches."""
    network.eval()
    totals = [task.measure.total(network(batch), batch) for batch in batches]
    network.train()
    return task.measure.finish(sum(total for total, _ in totals) / sum(count for _, count in totals))
