"""What each layer costs beside the engine's LSTM of about as many weights: time of a training step, and its memory.

    python benchmarks/layers.py

Prints a Markdown table. Each layer reads 16 features, 16 rows at once, and has a width at which it has about 20,000
weights. Times are CPU time of one thread, the median over turns that the layer and the LSTM take, so that other work on
the machine slows both. Memory is what the largest resident size grows by in a process of its own that trains twice at
this length, and has run at a length of 2 before.
"""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.connection
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.family import measures
from benchmarks.family.members import LSTM, Member, cell, fitted_width, of, weights_of
from benchmarks.family.tasks import Batch, Task

from tidegate import layers

FEATURES, ROWS, WEIGHTS = 16, 16, 20_000
RING = tuple((node, (node + turn) % FEATURES) for node in range(FEATURES) for turn in (1, -1))
GRAPH = {"edges": RING, "nodes": FEATURES}


def members() -> list[Member]:
    """Return the layers, each with its defaults but for its width."""
    both = {"name": "recurrent", "layers": 1, "bidirectional": True}

    def attends(n: int) -> layers.LayerSettings:
        parts = ({**both, "units": n}, {"name": "attention", "causal": False, "units": 2 * n})
        return layers.BiLSTMAttention(parts=parts)

    return [
        LSTM,
        cell("gru"),
        cell("bidirectional lstm", "lstm", bidirectional=True),
        of("attention", lambda n: layers.Attention(units=n), multiple=4),
        of("attention, window 32", lambda n: layers.Attention(units=n, window=32), multiple=4),
        of("bilstm_attention", attends, multiple=4),
        of("conv", lambda n: layers.Conv(channels=n)),
        of("convlstm, 4 x 4 pixels", lambda n: layers.ConvLSTM(units=n, frame=(4, 4)), multiple=1),
        of("dilated", lambda n: layers.Dilated(units=n)),
        of("gconv, 16 nodes", lambda n: layers.GConv(units=n, **GRAPH), multiple=1),
        of("hierarchical, 24 and 7", lambda n: layers.Hierarchical(units=n)),
        of("lru", lambda n: layers.LRU(units=n, states=n)),
        of("multiscale, 1, 4 and 16", lambda n: layers.MultiScale(units=n)),
        of("ntm", lambda n: layers.NTM(units=n)),
        of("s4d", lambda n: layers.S4D(units=n)),
        of("tcn", lambda n: layers.TCN(channels=n)),
        of("tgcn, 16 nodes", lambda n: layers.TGCN(units=n, **GRAPH), multiple=1),
        of("xlstm", lambda n: layers.XLSTM(units=n), multiple=8),
    ]


def trained(network: torch.nn.Module, steps: int) -> Callable[[], None]:
    """Return a call that runs a network forward and backward over this many steps."""
    batch = Batch(torch.randn(ROWS, steps, FEATURES), torch.empty(0))

    def call() -> None:
        network.zero_grad()
        network(batch).sum().backward()

    return call


def turns(first: Callable[[], None], second: Callable[[], None], seconds: float) -> tuple[float, float]:
    """Return the median CPU seconds of the first call, and the median ratio to the second's, over turns."""
    pairs, begin = [], time.process_time()
    for call in (first, second):
        call()
    while len(pairs) < 3 or time.process_time() - begin < seconds:
        pairs.append([spent(call) for call in (first, second)])
    return statistics.median(own for own, _ in pairs), statistics.median(own / other for own, other in pairs)


def spent(call: Callable[[], None]) -> float:
    """Return the CPU seconds of a call."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def growth(network: torch.nn.Module, steps: int) -> float:
    """Return the megabytes by which training at this length grows a process that has not yet."""

    def child(pipe: multiprocessing.connection.Connection) -> None:
        trained(network, 2)()
        call = trained(network, steps)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        call()
        call()
        pipe.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)

    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=child, args=(there,))
    process.start()
    there.close()
    grown = here.recv()
    process.join()
    return grown


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU time for a layer at a length")
    parser.add_argument("--lengths", type=int, nargs="+", default=[60, 600], help="steps at which time is taken")
    parser.add_argument("--memory", type=int, nargs="+", default=[100, 300, 900], help="steps at which memory is")
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = Task(FEATURES, 1, measures.squared(), lambda _: Batch(*[torch.empty(0)] * 2), lambda _: [])
    networks = {}
    for member in members():
        width = fitted_width(member, task, WEIGHTS)
        networks[member.name] = (width, member.make(task, width))
    megabytes = {  # before anything else has grown this process
        name: [growth(network, steps) for steps in options.memory] for name, (_, network) in networks.items()
    }
    heads = ["layer", "width", "weights"]
    heads += [f"ms, T {steps} (of the LSTM's)" for steps in options.lengths]
    heads += [f"MB, T {steps}" for steps in options.memory]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for name, (width, network) in networks.items():
        cells = [name, str(width), f"{weights_of(network):,}"]
        for steps in options.lengths:
            own, ratio = turns(trained(network, steps), trained(networks["lstm"][1], steps), options.seconds)
            cells.append(f"{1e3 * own:.1f} ({ratio:.1f} x)")
        cells += [f"{each:.0f}" for each in megabytes[name]]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
