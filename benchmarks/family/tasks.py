"""Tasks that a few lines generate; those that read files are in `data`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from benchmarks.family.measures import Measure
from torch import Generator, Tensor
from torch.nn.functional import one_hot


class Batch(NamedTuple):
    """Inputs (B, T, I), what is to be said of them, and the steps of each row (B,), all T when None."""

    x: Tensor
    y: Tensor
    lengths: Tensor | None = None


@dataclass(frozen=True)
class Task:
    """What a row of the table is measured on.

    Attributes:
        inputs, outputs: features of an input, and numbers that a network says.
        measure: the loss, and the figure of the table.
        draw: makes a batch to train on.
        held: the batches of a part, "valid" or "test".
        every: an answer is due at every step, and not after the last one alone.
        baseline: the figure of who knows the task and not the inputs; None where that says nothing.
    """

    inputs: int
    outputs: int
    measure: Measure
    draw: Callable[[Generator], Batch]
    held: Callable[[str], list[Batch]]
    every: bool = False
    baseline: float | None = None


Maker = Callable[[Generator, int], Batch]


def generated(make: Maker, *, batch: int, held: tuple[int, int] = (4, 64), test: Maker | None = None) -> dict:
    """Return how a task draws and holds out what `make(generator, rows)` generates; `held` is batches and rows."""

    def parts(name: str) -> list[Batch]:
        generator = Generator().manual_seed({"valid": 10_001, "test": 10_002}[name])
        return [(test or make)(generator, held[1]) for _ in range(held[0])]

    return {"draw": lambda generator: make(generator, batch), "held": parts}


def adding(generator: Generator, rows: int, *, steps: int) -> Batch:
    """Return the adding problem: the sum of the two numbers that are marked, one in each half.

    Hochreiter and Schmidhuber 1997, as in Bai et al. 2018; who always says 1 is wrong by 1/6 in the mean square.
    """
    values = torch.rand(rows, steps, generator=generator)
    marks = torch.zeros(rows, steps)
    half = steps // 2
    for begin, count in ((0, half), (half, steps - half)):
        place = begin + torch.randint(count, (rows, 1), generator=generator)
        marks.scatter_(1, place, 1.0)
    return Batch(torch.stack([values, marks], -1), (values * marks).sum(1, keepdim=True))


def copy_memory(generator: Generator, rows: int, *, delay: int) -> Batch:
    """Return copy memory: ten symbols of eight, a delay, and then the ten symbols are to be said.

    Arjovsky et al. 2016, as in Bai et al. 2018; who guesses the ten symbols has a loss of 10 ln 8 / (delay + 20).
    """
    symbols = torch.randint(1, 9, (rows, 10), generator=generator)
    x = torch.zeros(rows, delay + 20, dtype=torch.int64)
    x[:, :10], x[:, delay + 9 :] = symbols, 9
    y = torch.zeros_like(x)
    y[:, -10:] = symbols
    return Batch(one_hot(x, 10).float(), y)


def sines(generator: Generator, rows: int, *, steps: int, periods: tuple[int, ...], ahead: int, noise: float) -> Batch:
    """Return sums of sines of these periods with noise, and the next values of the sum without."""
    turns = torch.rand(rows, len(periods), 1, generator=generator)
    sizes = 0.5 + torch.rand(rows, len(periods), 1, generator=generator)
    time = torch.arange(steps + ahead)
    clean = (sizes * torch.sin(2 * math.pi * (time / torch.tensor(periods)[:, None] + turns))).sum(1)
    seen = clean[:, :steps] + noise * torch.randn(rows, steps, generator=generator)
    return Batch(seen[..., None], clean[:, steps:])


def shapes(generator: Generator, rows: int, *, steps: int, side: int, count: int = 2, edge: int = 3) -> Batch:
    """Return frames of squares that move and bounce, and of each frame the next one."""
    room = side - edge
    begin = room * torch.rand(rows, 1, count, 2, generator=generator)
    speed = 2 * torch.rand(rows, 1, count, 2, generator=generator) - 1
    place = (begin + speed * torch.arange(steps + 1)[None, :, None, None]) % (2 * room)
    corner = torch.where(place > room, 2 * room - place, place).round().long()
    along = torch.arange(side)
    inside = (along >= corner[..., None]) & (along < corner[..., None] + edge)  # (B, T, count, 2, side)
    frames = (inside[..., 0, :, None] & inside[..., 1, None, :]).any(2).float().flatten(2)
    return Batch(frames[:, :-1], frames[:, 1:])


def repeat_copy(generator: Generator, rows: int, *, bits: int, longest: int, repeats: int) -> Batch:
    """Return vectors of bits, how often they are to be said, and the steps in which to say them, then an end mark.

    Graves et al. 2014, section 4.2; a batch has one length and one number of repeats. Steps without an answer are NaN.
    """
    length, times = (int(torch.randint(1, top + 1, (), generator=generator)) for top in (longest, repeats))
    vectors = torch.randint(2, (rows, length, bits), generator=generator).float()
    said = length * times
    x = torch.zeros(rows, length + said + 2, bits + 2)
    x[:, :length, :bits] = vectors
    x[:, length, bits], x[:, length, bits + 1] = 1.0, times / repeats
    y = torch.full((rows, length + said + 2, bits + 1), math.nan)
    y[:, length + 1 :] = 0.0
    y[:, length + 1 : -1, :bits], y[:, -1, bits] = vectors.repeat(1, times, 1), 1.0
    return Batch(x, y)


def recall(generator: Generator, rows: int, *, pairs: int, words: int) -> Batch:
    """Return keys, each followed by its value, then one of the keys; its value is to be said (0 to words - 1)."""
    keys = torch.rand(rows, words, generator=generator).argsort(1)[:, :pairs]
    values = torch.randint(words, (rows, pairs), generator=generator)
    asked = torch.randint(pairs, (rows, 1), generator=generator)
    x = torch.stack([keys, values + words], 2).flatten(1)
    x = torch.cat([x, keys.gather(1, asked)], 1)
    return Batch(one_hot(x, 2 * words).float(), values.gather(1, asked)[:, 0])


def parity(generator: Generator, rows: int, *, shortest: int, longest: int) -> Batch:
    """Return bits, and at each step whether an odd number of them was 1; a batch has one length."""
    steps = int(torch.randint(shortest, longest + 1, (), generator=generator))
    bits = torch.randint(2, (rows, steps), generator=generator)
    return Batch(one_hot(bits, 2).float(), bits.cumsum(1) % 2)


def noisy(generator: Generator, rows: int, *, steps: int, noise: float) -> Batch:
    """Return sines of any period with noise, and the next value with its noise."""
    period = 6 + 18 * torch.rand(rows, 1, generator=generator)
    turn = torch.rand(rows, 1, generator=generator)
    clean = torch.sin(2 * math.pi * (torch.arange(steps + 1) / period + turn))
    seen = clean + noise * torch.randn(rows, steps + 1, generator=generator)
    return Batch(seen[:, :-1, None], seen[:, -1:])
