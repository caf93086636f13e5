"""The training loop: epochs of batches, validation, early stopping, checkpoints; it knows no task.

Everything random in an epoch (order of samples, dropout) follows from (seed, epoch), the learning rate from the
history. So a run that is cut off and resumed after its last whole epoch ends with the same bits as one that was not.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

from tidegate.errors import DataError, SettingError, TrainingError
from tidegate.training.checkpoint import Checkpoint, describe_run
from tidegate.training.history import EpochResult, History
from tidegate.training.meter import REMEDY, Meter, StepResult
from tidegate.training.objective import Counted, Loss, Metric
from tidegate.training.optimisers import clip_gradients, make_optimiser
from tidegate.training.passes import Pass, device_of, training_pass, validation_pass
from tidegate.training.sampling import ChunkSource, SampleSource, mixed_seed, private_random, seed_random
from tidegate.training.schedules import learning_rates
from tidegate.training.settings import TrainingSettings
from tidegate.training.state import TrainingState
from tidegate.training.tensorboard import open_scalars


def train(
    network: nn.Module,
    source: SampleSource | ChunkSource,
    validation: SampleSource | ChunkSource | None,
    loss: Loss,
    settings: TrainingSettings,
    *,
    metric: Metric | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
    on_step: Callable[[StepResult], None] | None = None,
    tensorboard: Path | None = None,
) -> History:
    """Train a network; it is left in evaluation mode, on its own device, with the best weights.

    The best weights are those of the epoch with the lowest validation loss, or the best `metric`, or of the last epoch
    without a validation part; `history.decided_by` says which. They are kept also when training ends by an error, or
    when the user interrupts it. An interruption (KeyboardInterrupt) after the first whole epoch ends training quietly
    and sets `history.interrupted`; before, it is passed on.

    Args:
        network: called with a batch's inputs; with those of a chunk and a state, it returns its new state too.
        source: samples to learn from, or sequences in chunks between which state is carried (`ChunkSource`).
        validation: samples, or chunks, that decide which epoch is best and when to stop. With `steps_per_epoch` given,
            so many batches of them are used: of samples evenly spread ones, of chunks the first.
        loss: of what the network returns and a target; a mean and of how many.
        settings: how to train.
        metric: decides, in place of the loss, which epoch is best.
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
    home, device = device_of(network), _device(settings.device)
    history = History() if metric is None else History([], metric.name, metric.higher_is_better)
    optimiser = make_optimiser(network.to(device), settings, device)
    state = TrainingState(network, optimiser, history, copy.deepcopy(network.state_dict()))
    try:
        saved = None
        if checkpoint is not None:
            saved = Checkpoint(checkpoint, describe_run(network, source, validation, settings, metric))
            saved.restore(state)
        with private_random(device), open_scalars(tensorboard, state.history) as write_scalars:
            for result in _epochs(state, source, validation, loss, metric, settings, on_step):
                if saved is not None:
                    saved.write(state)
                if on_epoch is not None:
                    on_epoch(result)
                write_scalars(result)
    except KeyboardInterrupt:
        if not state.history.rows:
            raise
        state.history.interrupted = True
    finally:
        network.load_state_dict(state.best)
        network.eval().to(home)
    return state.history


def _epochs(
    state: TrainingState,
    source: SampleSource | ChunkSource,
    validation: SampleSource | ChunkSource | None,
    loss: Loss,
    metric: Metric | None,
    settings: TrainingSettings,
    on_step: Callable[[StepResult], None] | None,
) -> Iterator[EpochResult]:
    """Train epoch by epoch until the last one or until patience runs out."""
    history = state.history
    while len(history.rows) < settings.epochs and not history.stopped_early:
        start, epoch = time.perf_counter(), len(history.rows) + 1
        batches = training_pass(state.network, source, settings, epoch)
        meter = Meter(epoch, batches.steps, on_step)
        rate = _train_epoch(state, batches, loss, settings, meter)
        checked = measured = None
        if validation is not None:
            batches = validation_pass(state.network, validation, settings)
            checked, measured = _validate(state.network, batches, loss, metric, epoch)
        seconds = time.perf_counter() - start
        result = EpochResult(epoch, meter.loss, checked, rate, meter.gradient_norm, seconds, measured)
        history.rows.append(result)
        best = history.best_epoch or 0
        if best == epoch:
            state.best = copy.deepcopy(state.network.state_dict())
        history.stopped_early = settings.patience is not None and epoch - best >= settings.patience
        yield result


def _train_epoch(state: TrainingState, batches: Pass, loss: Loss, settings: TrainingSettings, meter: Meter) -> float:
    """One pass over the training part; returns the learning rate of its first step."""
    group = state.optimiser.param_groups[0]
    weights = group["params"]
    rate = learning_rates(settings, state.history, batches.steps)
    seed_random(device_of(state.network), mixed_seed(settings.seed, meter.epoch, "dropout"))
    state.network.train()
    for step, (returned, target) in enumerate(batches):
        for weight in weights:
            weight.grad = None
        value, count = loss(returned, target)
        value.backward()
        norm = clip_gradients(weights, settings.clip_norm)
        group["lr"] = rate(step)
        state.optimiser.step()
        meter.add(value.detach(), norm, count)
    meter.flush()
    return rate(0)


@torch.no_grad()
def _validate(
    network: nn.Module, batches: Pass, loss: Loss, metric: Metric | None, epoch: int
) -> tuple[float | None, float | None]:
    """Mean loss, and the metric if there is one; None for what nothing was counted in."""
    losses: list[Counted] = []
    measured: list[Counted] = []
    network.eval()
    for returned, target in batches:
        losses.append(loss(returned, target))
        if metric is not None:
            measured.append(metric.measure(returned, target))
    means = _mean(losses), _mean(measured)
    for name, mean in zip(("validation loss", metric and metric.name), means, strict=True):
        if mean is not None and not math.isfinite(mean):
            raise TrainingError(f"the {name} became {mean:g} in epoch {epoch}; {REMEDY}")
    return means


def _mean(parts: list[Counted]) -> float | None:
    """The mean over all batches, each weighted by what was counted in it; None when nothing was."""
    counts = [float(count) for _, count in parts]
    means = torch.stack([mean for mean, _ in parts]).tolist() if parts else []
    total = sum(mean * count for mean, count in zip(means, counts, strict=True) if count)
    return total / sum(counts) if any(counts) else None


def _device(name: str) -> torch.device:
    with contextlib.suppress(RuntimeError, AssertionError):
        device = torch.zeros(1, device=name).device
        if device.type != "meta":
            return device
    raise SettingError(f"device must be one that this machine has, not {name!r}; cpu is always there")
