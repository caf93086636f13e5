"""One pass over a source: what the network returns beside the target, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from tidegate.training.sampling import ChunkSource, SampleSource, epoch_order, even_order, mixed_seed
from tidegate.training.settings import TrainingSettings

_VALIDATION_BATCH = 512


class Pass(Protocol):
    """So many steps, each of which runs the network once."""

    @property
    def steps(self) -> int:
        """How many batches there are."""
        ...

    def __iter__(self) -> Iterator[tuple[Any, Tensor]]:
        """What the network returns for each batch, and the target."""
        ...


def training_pass(
    network: nn.Module, source: SampleSource | ChunkSource, settings: TrainingSettings, epoch: int
) -> Pass:
    """An epoch over the samples in an order drawn from (seed, epoch), or over the chunks as they follow each other."""
    if isinstance(source, ChunkSource):
        return _ChunkPass(network, source, _most(source, settings))
    count, size = len(source), settings.batch_size
    limit = count if settings.steps_per_epoch is None else min(count, settings.steps_per_epoch * size)
    order = epoch_order(count, limit, mixed_seed(settings.seed, epoch, "order"))
    return _SamplePass(network, source, order.split(size))


def validation_pass(network: nn.Module, source: SampleSource | ChunkSource, settings: TrainingSettings) -> Pass:
    """All samples in order, or as many evenly spread as an epoch has, in batches of at least 512; or all chunks.

    Such batches need no memory for gradients.
    """
    if isinstance(source, ChunkSource):
        return _ChunkPass(network, source, _most(source, settings))
    count, size = len(source), settings.batch_size
    limit = count if settings.steps_per_epoch is None else settings.steps_per_epoch * size
    return _SamplePass(network, source, even_order(count, limit).split(max(size, _VALIDATION_BATCH)))


def _most(source: ChunkSource, settings: TrainingSettings) -> int:
    return min(len(source), settings.steps_per_epoch or len(source))


@dataclass(frozen=True)
class _SamplePass:
    network: nn.Module
    source: SampleSource
    batches: tuple[Tensor, ...]

    @property
    def steps(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Any, Tensor]]:
        device = device_of(self.network)
        for indices in self.batches:
            inputs, target = self.source.batch(indices)
            yield self.network(*(part.to(device) for part in inputs)), target.to(device)


@dataclass(frozen=True)
class _ChunkPass:
    """Truncated back-propagation through time: state is carried on from chunk to chunk, its gradient is not.

    Source: Williams & Peng, Neural Computation 2 (1990), with as many steps back as forward.
    """

    network: nn.Module
    source: ChunkSource
    steps: int

    def __iter__(self) -> Iterator[tuple[Any, Tensor]]:
        device, state = device_of(self.network), None
        for number in range(self.steps):
            inputs, target, starts = self.source.chunk(number)
            state = _restarted(state, starts.to(device))
            returned, state = self.network(*(part.to(device) for part in inputs), state)
            yield returned, target.to(device)


def _restarted(state: tuple[Tensor, ...] | None, starts: Tensor) -> tuple[Tensor, ...] | None:
    """The state without its past, and zeros in the rows (B,) where a sequence starts."""
    if state is None:
        return None
    rows = starts.reshape(1, -1, 1)
    return tuple(torch.where(rows, 0.0, part.detach()) for part in state)


def device_of(network: nn.Module) -> torch.device:
    """Where a network's weights are."""
    return next(network.parameters()).device
