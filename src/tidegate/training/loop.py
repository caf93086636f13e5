"""The training loop: epochs of shuffled batches, validation, early stopping, checkpoints.

Everything random in an epoch (order of samples, dropout) follows from (seed, epoch), the learning rate from the
history. So a run that is cut off and resumed after its last whole epoch ends with the same bits as one that was not.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tidegate.errors import DataError, SettingError, TrainingError
from tidegate.training.checkpoint import Checkpoint, describe_run
from tidegate.training.history import EpochResult, History
from tidegate.training.losses import Loss
from tidegate.training.meter import REMEDY, Meter, StepResult
from tidegate.training.optimisers import clip_gradients, make_optimiser
from tidegate.training.sampling import SampleSource, epoch_order, even_order, mixed_seed, private_random, seed_random
from tidegate.training.schedules import learning_rates
from tidegate.training.settings import TrainingSettings
from tidegate.training.tensorboard import open_scalars

_VALIDATION_BATCH = 512


@dataclass
class _Run:
    """What training changes; a checkpoint holds it."""

    network: nn.Module
    optimiser: Optimizer
    history: History = field(default_factory=History)
    best: dict[str, Tensor] = field(default_factory=dict)


def train(
    network: nn.Module,
    source: SampleSource,
    validation: SampleSource | None,
    loss: Loss,
    settings: TrainingSettings,
    *,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
    on_step: Callable[[StepResult], None] | None = None,
    tensorboard: Path | None = None,
) -> History:
    """Train a network; it is left in evaluation mode, on its own device, with the best weights.

    The best weights are those of the epoch with the lowest validation loss, or of the last epoch without a validation
    part; also when training ends by an error, or when the user interrupts it. An interruption (KeyboardInterrupt)
    after the first whole epoch ends training quietly and sets `history.interrupted`; before, it is passed on.

    Args:
        network: called with a batch's inputs.
        source: samples to learn from.
        validation: samples that decide which epoch is best and when to stop. With `steps_per_epoch` given, so many
            batches of them, evenly spread, are used.
        loss: of a prediction and a target; a scalar.
        settings: how to train.
        checkpoint: a file written after every epoch; when it exists, training resumes from it.
        on_epoch: called after every epoch.
        on_step: called at most five times per second, between steps.
        tensorboard: a folder for TensorBoard's event files.

    Raises:
        TrainingError: when the loss or a gradient stops being finite.
        CheckpointError: when the checkpoint is damaged or of another run.
        SettingError: when the device is not there.
        MissingExtraError: when TensorBoard is asked for and not installed.
    """
    if not len(source):
        raise DataError("there are no samples to train on; give more rows or shorten the windows")
    home, device = _device_of(network), _device(settings.device)
    run = _Run(network.to(device), make_optimiser(network, settings, device))
    run.best = copy.deepcopy(network.state_dict())
    try:
        saved = None
        if checkpoint is not None:
            saved = Checkpoint(checkpoint, describe_run(network, source, validation, settings))
            saved.restore(run)
        with private_random(device), open_scalars(tensorboard, run.history) as write_scalars:
            for result in _epochs(run, source, validation, loss, settings, on_step):
                if saved is not None:
                    saved.write(run)
                if on_epoch is not None:
                    on_epoch(result)
                write_scalars(result)
    except KeyboardInterrupt:
        if not run.history.rows:
            raise
        run.history.interrupted = True
    finally:
        network.load_state_dict(run.best)
        network.eval().to(home)
    return run.history


def _epochs(
    run: _Run,
    source: SampleSource,
    validation: SampleSource | None,
    loss: Loss,
    settings: TrainingSettings,
    on_step: Callable[[StepResult], None] | None,
) -> Iterator[EpochResult]:
    """Train epoch by epoch until the last one or until patience runs out."""
    history = run.history
    while len(history.rows) < settings.epochs and not history.stopped_early:
        start = time.perf_counter()
        order = _order(source, settings, len(history.rows) + 1)
        meter = Meter(len(history.rows) + 1, math.ceil(len(order) / settings.batch_size), on_step)
        rate = _train_epoch(run, source, order, loss, settings, meter)
        checked = None if validation is None else _validate(run.network, validation, loss, settings)
        if checked is not None and not math.isfinite(checked):
            raise TrainingError(f"the validation loss became {checked:g} in epoch {meter.epoch}; {REMEDY}")
        seconds = time.perf_counter() - start
        result = EpochResult(meter.epoch, meter.loss, checked, rate, meter.gradient_norm, seconds)
        history.rows.append(result)
        best = history.best_epoch or 0
        if best == meter.epoch:
            run.best = copy.deepcopy(run.network.state_dict())
        history.stopped_early = settings.patience is not None and meter.epoch - best >= settings.patience
        yield result


def _train_epoch(
    run: _Run, source: SampleSource, order: Tensor, loss: Loss, settings: TrainingSettings, meter: Meter
) -> float:
    """One pass over the samples; returns the learning rate of its first step."""
    network, optimiser = run.network, run.optimiser
    group = optimiser.param_groups[0]
    weights, device = group["params"], group["params"][0].device
    size = settings.batch_size
    rate = learning_rates(settings, run.history, meter.steps)
    seed_random(device, mixed_seed(settings.seed, meter.epoch, "dropout"))
    network.train()
    for step in range(meter.steps):
        inputs, target = source.batch(order[step * size : (step + 1) * size])
        if device.type != "cpu":
            inputs, target = tuple(part.to(device) for part in inputs), target.to(device)
        for weight in weights:
            weight.grad = None
        value = loss(network(*inputs), target)
        value.backward()
        norm = clip_gradients(weights, settings.clip_norm)
        group["lr"] = rate(step)
        optimiser.step()
        meter.add(value.detach(), norm, len(target))
    meter.flush()
    return rate(0)


def _order(source: SampleSource, settings: TrainingSettings, epoch: int) -> Tensor:
    count = len(source)
    limit = count if settings.steps_per_epoch is None else min(count, settings.steps_per_epoch * settings.batch_size)
    return epoch_order(count, limit, mixed_seed(settings.seed, epoch, "order"))


@torch.no_grad()
def _validate(network: nn.Module, validation: SampleSource, loss: Loss, settings: TrainingSettings) -> float:
    """Mean loss over the validation samples, in batches of at least 512: they need no memory for gradients."""
    device, count = _device_of(network), len(validation)
    limit = count if settings.steps_per_epoch is None else settings.steps_per_epoch * settings.batch_size
    order = even_order(count, limit)
    total = torch.zeros((), dtype=torch.float64, device=device)
    network.eval()
    for indices in order.split(max(settings.batch_size, _VALIDATION_BATCH)):
        inputs, target = validation.batch(indices)
        prediction = network(*(part.to(device) for part in inputs))
        total += loss(prediction, target.to(device)) * len(indices)
    return total.item() / len(order)


def _device_of(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def _device(name: str) -> torch.device:
    with contextlib.suppress(RuntimeError, AssertionError):
        device = torch.zeros(1, device=name).device
        if device.type != "meta":
            return device
    raise SettingError(f"device must be one that this machine has, not {name!r}; cpu is always there")
