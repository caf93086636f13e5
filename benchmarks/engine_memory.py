"""Peak memory of training steps beside torch's, and whether it grows over 10 000 steps.

    python benchmarks/engine_memory.py

Every figure is of a process of its own: the largest resident size over twenty steps, less that before the first.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

POINTS = [
    (10, 32, 1, 50),
    (60, 32, 50, 50),
    (200, 1, 256, 256),
    (60, 128, 8, 128),
    (60, 256, 128, 128),
    (200, 128, 64, 64),
]
POINTS += [(60, 64, 512, 512), (10, 128, 650, 650)]


def measure(library, steps, batch, inputs, units, count):
    """Run training steps here; print kilobytes of growth."""
    import torch

    from tidegate import nn as ours

    torch.set_num_threads(1)
    module = (ours if library == "tidegate" else torch.nn).LSTM(inputs, units, batch_first=True)
    x, grad = torch.randn(batch, steps, inputs), torch.randn(batch, steps, units)
    small = torch.randn(2, 2, inputs)
    module(small)[0].sum().backward()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for step in range(count):
        module.zero_grad()
        module(x)[0].backward(grad)
        if step == min(count, 200) - 1:
            early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    late = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(early - before, late - early)


def run(library, point, count):
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--measure", library, *map(str, (*point, count))]
    return [int(word) for word in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--measure", nargs=6)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure[0], *map(int, arguments.measure[1:]))
        return
    print("| T | B | I | H | tidegate MB | torch MB |\n|---|---|---|---|---|---|")
    for point in POINTS:
        mine, theirs = (run(library, point, 20)[0] / 1024 for library in ("tidegate", "torch"))
        print("| " + " | ".join(map(str, point)) + f" | {mine:.1f} | {theirs:.1f} |", flush=True)
    print(f"\ngrowth from step 200 to step 10 000: {run('tidegate', (10, 16, 8, 32), 10_000)[1]} KB")


if __name__ == "__main__":
    main()
