"""Where the time of a whole fit goes: the tutorials' share price network, part by part.

    python benchmarks/profile_fit.py --threads 1

Prints milliseconds per step of each part, its share, and what the recurrent products alone would take at the sgemm rate
that torch reaches on this machine in the same run. The parts are timed within the fit itself by wrapping the calls, and
those of the fastest of several fits are shown, beside the fastest fit that was not watched. With one thread it is that
thread's own time, with more the clock on the wall. The set-up is that of `peers.py`. A machine without AVX-512:

    ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 TIDEGATE_SIMD=avx2 \\
        python benchmarks/profile_fit.py
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from peers import BATCH, ROWS, UNITS, WINDOW, tidegate_fit

from tidegate.engine import native, noise, simd
from tidegate.forecasting import table_model
from tidegate.forecasting.network import DenseHead, ForecastNetwork
from tidegate.forecasting.windows import Windows
from tidegate.training import loop

STEPS = -(-(ROWS - WINDOW) // BATCH)


class Clock:
    """Seconds by part; a part within another is taken off it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def wrap(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call with its time noted under a part's name."""

        def timed(*arguments: Any, **options: Any) -> Any:
            self._inner.append(0.0)
            start = self.now()
            try:
                return call(*arguments, **options)
            finally:
                spent = self.now() - start
                self.seconds[part] += spent - self._inner.pop()
                self._inner[-1] += spent

        return timed


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Time the parts of every fit in this block."""
    find, make_optimiser, make_loss = native._find, loop.make_optimiser, table_model.make_loss

    def timed_kernels(cell: Any) -> Any:
        kernels = find(cell)
        return kernels and tuple(TimedKernel(kernel, clock) for kernel in kernels)

    def timed_optimiser(*arguments: Any) -> Any:
        optimiser = make_optimiser(*arguments)
        optimiser.step = clock.wrap("optimiser (fused Adam)", optimiser.step)  # type: ignore[method-assign]
        return optimiser

    def timed_loss(*arguments: Any, **options: Any) -> Any:
        return clock.wrap("output layer and loss, forward", make_loss(*arguments, **options))

    with ExitStack() as stack:
        for owner, name, part in (
            (loop, "_train_epoch", "the loop itself"),
            (ForecastNetwork, "forward", "network and layers in Python"),
            (Windows, "batch", "cutting windows"),
            (noise, "dropout", "dropout between the layers"),
            (DenseHead, "forward", "output layer and loss, forward"),
            (loop, "clip_gradients", "gradient norm and clipping"),
            (native, "scan", "Python around the engine, forward"),
            (native._Call, "back", "Python around the engine, backward"),
            (torch.Tensor, "backward", "autograd; output layer, loss and dropout, backward"),
        ):
            stack.enter_context(mock.patch.object(owner, name, clock.wrap(part, getattr(owner, name))))
        stack.enter_context(mock.patch.object(native, "_find", timed_kernels))
        stack.enter_context(mock.patch.object(loop, "make_optimiser", timed_optimiser))
        stack.enter_context(mock.patch.object(table_model, "make_loss", timed_loss))
        yield


class TimedKernel:
    """A kernel of the engine whose runs are timed."""

    def __init__(self, kernel: Any, clock: Clock) -> None:
        self.state_row, self.saved_row = kernel.state_row, kernel.saved_row
        self.forward = clock.wrap("engine, forward", kernel.forward)
        self.backward = clock.wrap("engine, backward", kernel.backward)


def sgemm_rate(now: Callable[[], float]) -> float:
    """Multiplications and additions per second that torch's product of large square matrices reaches."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    times = []
    for _ in range(12):
        start = now()
        a @ b
        times.append(now() - start)
    return 2 * 1024**3 / min(times)


def product_operations() -> float:
    """Multiplications and additions of one step: W x, U h, dz U, dW and dU, and dz W of the upper layer."""
    rows = 2 * BATCH * WINDOW * 4 * UNITS
    lower, upper = 1 + UNITS, UNITS + UNITS
    return rows * (2 * lower + UNITS + 2 * upper + 2 * UNITS)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    # A single thread's own time leaves out when others had the core.
    now = time.thread_time if options.threads == 1 else time.perf_counter
    tidegate_fit(1)()
    parts: list[dict[str, float]] = []
    whole: list[float] = []
    rates: list[float] = []
    for _ in range(options.repeats):
        fit, start = tidegate_fit(options.epochs), now()
        fit()
        whole.append(now() - start)
        clock = Clock(now)
        with watched(clock):
            clock.wrap("around the loop (table, scaling, weights, …)", tidegate_fit(options.epochs))()
        parts.append(clock.seconds)
        rates.append(sgemm_rate(now))
    scale = 1e3 / (STEPS * options.epochs)
    best = min(parts, key=lambda run: sum(run.values()))
    total, minimum = sum(best.values()) * scale, product_operations() / max(rates) * 1e3
    print(f"{simd.level or 'torch'}, {options.threads} thread(s), sgemm {max(rates) / 1e9:.0f} GF/s\n")
    print("| part of a step | ms | share |\n|---|---|---|")
    for part, value in sorted(best.items(), key=lambda item: -item[1]):
        print(f"| {part} | {value * scale:.3f} | {value * scale / total:.0%} |")
    print(f"| **together** | {total:.3f} | |")
    print(f"| the same fit, not watched | {min(whole) * scale:.3f} | |")
    print(f"| the products alone, at the rate of sgemm | {minimum:.3f} | {minimum / total:.0%} |")


if __name__ == "__main__":
    main()
