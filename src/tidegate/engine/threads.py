"""Who computes with how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from tidegate.engine.simd import levels

_engines: ContextVar[int | None] = ContextVar("engines", default=None)


def count() -> int:
    """Return how many threads the engine uses: those of torch, or what they were before `one_torch_thread`."""
    return _engines.get() or torch.get_num_threads()


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch's own operations use one thread in this block, and the engine as many as torch did before.

    The engine's bits do not depend on threads, but those of torch's products, convolutions and long sums do: a dense
    layer (32, 50) to 24 steps differs between 2 and 3 threads, a convolution between 1 and 2. Beside a recurrence they
    are too small to gain from threads.

    MKL's number of threads is the whole process's, so blocks that end in one Python thread while another computes may
    give the other its threads back.
    """
    threads = torch.get_num_threads()
    if threads == 1 or not levels():  # one within such a block, too; no levels where the engine was not built
        yield
        return
    token = _engines.set(threads)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        _engines.reset(token)
