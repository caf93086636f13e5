"""The rows whose tasks are generated."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

from benchmarks.family import data, measures, tasks
from benchmarks.family.members import LSTM, Member, attended, cell, of
from benchmarks.family.row import Row
from benchmarks.family.tasks import Task, generated
from torch import Generator

from tidegate import layers
from tidegate.cells.clockwork import Clockwork


class SlowClockwork(Clockwork):
    """Periods as long as those of the sines."""

    title = "Clockwork RNN, periods to 64"
    periods = (1, 4, 16, 64)


def lasting(steps: int) -> list[Member]:
    """Layers for memory over so many steps."""
    reach = math.ceil(math.log2((steps - 1) / 14 + 1))  # 1 + 2 * 7 * (2^layers - 1) steps
    return [
        LSTM,
        cell("gru", own=False),
        of("tcn", lambda n: layers.TCN(channels=n, kernel_size=8, layers=reach)),
        of("lru", lambda n: layers.LRU(units=n, states=n, largest=0.999)),
        of("s4d", lambda n: layers.S4D(units=n, states=16)),
    ]


def adding(steps: int) -> Row:
    """The adding problem over so many steps."""

    def task(_: Path) -> Task:
        make = partial(tasks.adding, steps=steps)
        return Task(2, 1, measures.squared(), **generated(make, batch=32), baseline=1 / 6)

    published = "T 600: LSTM .164, GRU 5.3e-5, TCN 5.8e-5" if steps == 600 else ""
    return Row(f"adding problem, T {steps}", task, lambda _: lasting(steps), 10_000, 1500, 3e-3, published=published)


def copying(delay: int) -> Row:
    """Copy memory over such a delay."""

    def task(_: Path) -> Task:
        make = partial(tasks.copy_memory, delay=delay)
        baseline = 10 * math.log(8) / (delay + 20)
        return Task(10, 10, measures.surprise(), **generated(make, batch=32), every=True, baseline=baseline)

    published = "T 1000: LSTM .0204, GRU .0197, TCN 3.5e-5" if delay == 1000 else ""
    return Row(f"copy memory, T {delay}", task, lambda _: lasting(delay + 20), 10_000, 1500, 3e-3, published=published)


def _sines(_: Path) -> Task:
    make = partial(tasks.sines, steps=256, periods=(8, 40, 200), ahead=24, noise=0.2)
    return Task(1, 24, measures.root(), **generated(make, batch=32))


def _noisy(_: Path) -> Task:
    make = partial(tasks.noisy, steps=24, noise=0.5)
    parts = {"train": (7, 128), "valid": (8, 2000), "test": (9, 2000)}
    parts = {name: make(Generator().manual_seed(seed), rows) for name, (seed, rows) in parts.items()}
    return Task(1, 1, measures.root(), **data.held_out(parts, batch=32))


def _shapes(_: Path) -> Task:
    make = partial(tasks.shapes, steps=10, side=12)
    return Task(144, 144, measures.steps_nll(), **generated(make, batch=16), every=True)


def _recall(_: Path) -> Task:
    make = partial(tasks.recall, pairs=6, words=12)
    return Task(24, 12, measures.accuracy(), **generated(make, batch=64, held=(4, 250)), baseline=100 / 12)


def _repeat(_: Path) -> Task:
    make = partial(tasks.repeat_copy, bits=4, longest=5, repeats=4)
    return Task(6, 5, measures.bits_wrong(), **generated(make, batch=16, held=(20, 32)), every=True)


def _parity(_: Path) -> Task:
    make, test = (partial(tasks.parity, shortest=a, longest=b) for a, b in ((1, 40), (160, 160)))
    return Task(2, 2, measures.accuracy(), **generated(make, batch=64, test=test), every=True, baseline=50.0)


def _scales(_: Path) -> list[Member]:
    return [
        LSTM,
        cell("clockwork", SlowClockwork),
        of("multiscale", lambda n: layers.MultiScale(units=n, strides=(1, 4, 16))),
        of("dilated", lambda n: layers.Dilated(units=n, dilations=(1, 4, 16, 64))),
        of("hierarchical", lambda n: layers.Hierarchical(units=n, periods=(8, 8))),
        of("tcn", lambda n: layers.TCN(channels=n, kernel_size=3, layers=6), own=False),
    ]


def _recalling(_: Path) -> list[Member]:
    def convolved(n: int) -> layers.LayerSettings:
        return layers.Chain(parts=(layers.Conv(channels=n, kernel_size=2, layers=1), layers.Attention(units=n)))

    return [
        LSTM,
        of("conv + attention", convolved, multiple=4),
        of("lstm + attention", attended, multiple=4),
        of("xlstm, blocks m", lambda n: layers.XLSTM(units=n, blocks="mm", heads=2), multiple=4),
        of("ntm", lambda n: layers.NTM(units=n, slots=16, width=16)),
    ]


def _regularised(_: Path) -> list[Member]:
    return [
        LSTM,
        cell("lstm, 2 layers", "lstm", layers=2, own=False),
        cell("lstm, 2 layers, dropout .3", "lstm", layers=2, dropout=0.3, own=False),
        cell("variational .3, 2 layers", "variational", layers=2, dropout=0.3),
        cell("zoneout"),
    ]


def _counting(_: Path) -> list[Member]:
    return [
        LSTM,
        cell("slstm"),
        of("xlstm, blocks s", lambda n: layers.XLSTM(units=n, blocks="s", heads=2), multiple=4),
        of("xlstm, blocks m", lambda n: layers.XLSTM(units=n, blocks="m", heads=2), own=False, multiple=4),
        cell("mingru", own=False),
        of("lru", lambda n: layers.LRU(units=n, states=n), own=False),
        of("tcn", lambda n: layers.TCN(channels=n, layers=4), own=False),
    ]


def _seeing(_: Path) -> list[Member]:
    def frames(n: int) -> layers.LayerSettings:
        return layers.ConvLSTM(frame=(12, 12), units=n, kernel_size=5)

    return [LSTM, cell("gru", own=False), of("convlstm", frames, multiple=1)]


def _remembering(_: Path) -> list[Member]:
    return [LSTM, of("ntm", lambda n: layers.NTM(units=n, slots=16, width=12))]


ROWS: dict[str, Row] = {
    "noisy": Row("128 noisy sequences of 24 steps (the noise alone: .5)", _noisy, _regularised, 20_000, 600, 5e-3),
    "shapes": Row("two squares that bounce, the next 12 x 12 frame", _shapes, _seeing, 30_000, 300, 1e-2),
    "sines": Row("sines of periods 8, 40 and 200, 24 steps ahead", _sines, _scales, 15_000, 400, 5e-3),
    "parity": Row("parity, learnt to 40 steps, tested at 160", _parity, _counting, 5_000, 300, 5e-3),
    "recall": Row("recall of one of 6 values by its key", _recall, _recalling, 20_000, 600, 5e-3),
    "repeat": Row("copying with repeats, to 5 vectors, to 4 times", _repeat, _remembering, 20_000, 3000, 5e-3),
    "adding-600": adding(600),
    "copy-600": copying(600),
    "adding-1000": adding(1000),
    "copy-1000": copying(1000),
}
