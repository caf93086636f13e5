"""Which samples an epoch meets, and in which order, from (seed, epoch) alone."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


class SampleSource(Protocol):
    """Samples numbered from 0, handed out in batches."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """The network's inputs and the target of the samples with these numbers (B,)."""
        ...


@runtime_checkable
class ChunkSource(Protocol):
    """Long sequences in B rows side by side, handed out in chunks that follow each other.

    The network is then called with a chunk's inputs and the state that it returned for the chunk before, and returns a
    prediction and its state: parts of shape (any, B, any), as those of a layer; None, at first, stands for zeros.
    """

    def __len__(self) -> int:
        """Number of chunks."""
        ...

    def chunk(self, number: int) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        """A chunk's inputs and target, and the rows (B,) bool whose sequence starts with it."""
        ...


def epoch_order(count: int, limit: int, seed: int) -> Tensor:
    """At most `limit` of the numbers below `count`, each once, in random order.

    A small part of many samples is drawn without making the permutation of all.
    """
    generator = torch.Generator().manual_seed(seed)
    if limit * 4 >= count:
        return torch.randperm(count, generator=generator)[:limit]
    chosen = torch.empty(0, dtype=torch.int64)
    while len(chosen) < limit:
        more = torch.randint(count, (limit + limit // 4 + 16,), generator=generator)
        chosen = torch.cat([chosen, more]).unique()
    return chosen[torch.randperm(len(chosen), generator=generator)[:limit]]


def even_order(count: int, limit: int) -> Tensor:
    """At most `limit` of the numbers below `count`, evenly spread, in order."""
    if count <= limit:
        return torch.arange(count)
    return torch.arange(limit) * count // limit


def mixed_seed(seed: int, epoch: int, purpose: str) -> int:
    """A seed for one purpose in one epoch; different ones share nothing."""
    text = f"{seed} {epoch} {purpose}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:7], "big")


@contextlib.contextmanager
def private_random(device: torch.device) -> Iterator[None]:
    """Let the block seed torch's global generators (dropout draws from them); afterwards they are as before."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def seed_random(device: torch.device, seed: int) -> None:
    """Seed the global generators of the CPU and of this device, and of no other device."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
