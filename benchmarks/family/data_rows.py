"""The rows whose data lie in files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.family import data
from benchmarks.family.members import (
    EMBEDDED,
    LSTM,
    AtEachNode,
    DocumentReader,
    Member,
    OverAllNodes,
    Reader,
    attended,
    cell,
    of,
)
from benchmarks.family.row import Row

from tidegate import layers
from tidegate.cells.sparse import Sparse
from tidegate.layers import Recurrent


class Sparser(Sparse):
    """An eighth of the blocks."""

    title = "Block-sparse LSTM, an eighth"
    density = 0.125


def _roads(folder: Path, ahead: int) -> list[Member]:
    edges = data.traffic_edges(folder)
    graph = {"edges": edges, "nodes": 207}
    return [
        Member("lstm", lambda _, n: AtEachNode(Recurrent("lstm", 1, n), 207, ahead, folded=True), own=False),
        Member("gru", lambda _, n: AtEachNode(Recurrent("gru", 1, n), 207, ahead, folded=True), own=False),
        Member("lstm over all sensors", lambda _, n: OverAllNodes(Recurrent("lstm", 207, n), 207, ahead), own=False),
        Member("tgcn", lambda _, n: AtEachNode(layers.TGCN(units=n, **graph).build(207), 207, ahead)),
        Member("gconv", lambda _, n: AtEachNode(layers.GConv(units=n, **graph).build(207), 207, ahead)),
    ]


def traffic(ahead: int, published: str) -> Row:
    """Traffic so many steps of 5 minutes ahead."""
    return Row(
        f"traffic, {5 * ahead} min (los_loop)",
        partial(data.traffic, batch=32, ahead=ahead),
        partial(_roads, ahead=ahead),
        4_000,
        150,
        5e-3,
        needs="los_loop",
        published=published,
    )


def _readers(_: Path) -> list[Member]:
    def attends(kind: str) -> Member:
        return Member(f"{kind} + attention", lambda task, n: Reader(Recurrent(kind, EMBEDDED, n), task, attends=True))

    return [
        Member("lstm", lambda task, n: Reader(Recurrent("lstm", EMBEDDED, n), task), own=False),
        attends("lstm"),
        attends("gru"),
        Member("hierarchical (documents)", DocumentReader),
    ]


def _players(_: Path) -> list[Member]:
    return [
        LSTM,
        *(cell(name) for name in ("gru", "coupled", "peephole", "layernorm", "projected", "zoneout")),
        cell("lstm, 3 layers", "lstm", layers=3, own=False),
        cell("depthgated, 3 layers", "depthgated", layers=3),
        of("tcn", lambda n: layers.TCN(channels=n, kernel_size=3, layers=3)),
        of("xlstm", lambda n: layers.XLSTM(units=n), multiple=8),
    ]


def _writers(_: Path) -> list[Member]:
    return [
        LSTM,
        cell("sparse, a quarter", "sparse", multiple=16),
        cell("sparse, an eighth", Sparser, multiple=16),
        cell("gru", own=False),
    ]


def _digits(_: Path) -> list[Member]:
    def both_ways(n: int) -> layers.LayerSettings:
        reads = {"name": "recurrent", "units": n, "layers": 1, "bidirectional": True}
        return layers.BiLSTMAttention(parts=(reads, {"name": "attention", "causal": False, "units": 2 * n}))

    return [
        LSTM,
        cell("gru"),
        of("tcn", lambda n: layers.TCN(channels=n, kernel_size=3, layers=4)),
        of("s4d", lambda n: layers.S4D(units=n, states=16)),
        of("lru", lambda n: layers.LRU(units=n, states=n)),
        cell("bidirectional lstm", "lstm", bidirectional=True),
        of("bilstm_attention", both_ways, multiple=4),
    ]


def _moving(_: Path) -> list[Member]:
    def convolved(n: int) -> layers.LayerSettings:
        recurrent = layers.RecurrentSettings(units=n, layers=1)
        return layers.Chain(parts=(layers.Conv(channels=n, layers=1), recurrent))

    return [
        LSTM,
        cell("bidirectional lstm", "lstm", bidirectional=True),
        of("conv + lstm", convolved),
        of("lstm + attention", attended, multiple=4),
        of("tcn", lambda n: layers.TCN(channels=n, kernel_size=3, layers=5)),
    ]


ROWS: dict[str, Row] = {
    "chorales": Row(
        "JSB chorales",
        partial(data.chorales, batch=16),
        _players,
        40_000,
        400,
        needs="poly_music",
        published="LSTM 8.45 (8.33 tuned), GRU 8.43, TCN 8.10",
    ),
    "mnist1d": Row(
        "MNIST-1D",
        partial(data.mnist1d, batch=64),
        _digits,
        10_000,
        800,
        5e-3,
        needs="mnist1d",
        published="GRU 91, CNN 94, logistic 32",
    ),
    "traffic-15": traffic(3, "repeat-last 5.54, GRU 5.22, T-GCN 5.13"),
    "density": Row(
        "characters (tinyshakespeare)",
        partial(data.characters, batch=32),
        _writers,
        80_000,
        300,
        5e-3,
        needs="tinyshakespeare",
    ),
    "activity": Row(
        "activities from 3 accelerations (UCI HAR)",
        partial(data.activity, batch=64),
        _moving,
        10_000,
        300,
        5e-3,
        needs="uci_har_acc",
        published="with 9 channels: LSTM 91",
    ),
    "reviews": Row(
        "IMDB reviews",
        partial(data.reviews, batch=32),
        _readers,
        25_000,
        600,
        needs="imdb",
        published="LSTM 85.9 to 86.2, on the official test",
    ),
    "traffic-60": traffic(12, "repeat-last 8.46, GRU 7.66, T-GCN 7.27"),
}
