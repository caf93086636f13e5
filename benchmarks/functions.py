"""The largest error of the engine's exp, sigmoid and tanh, over all of float32, in units of the last place.

    python benchmarks/functions.py

Every number from 2^-30 to 128 of either sign; what lies beyond has results that a test checks. Numbers whose result is
below 1.2e-38 are left out: the engine takes such small ones as zero.
"""

from __future__ import annotations

import numpy as np
import torch

from tidegate.engine import simd

PIECE = 1 << 22
SMALLEST, LARGEST = (127 - 30) << 23, (127 + 7) << 23  # as bits of a float32


def largest_error(level, number, function):
    """Compare with torch in float64; return the largest error and where it is."""
    worst, where = 0.0, 0.0
    for first in (sign + bits for sign in (0, 1 << 31) for bits in range(SMALLEST, LARGEST, PIECE)):
        x = torch.from_numpy(np.arange(first, first + PIECE, dtype=np.uint64).astype(np.uint32).view(np.float32))
        y = torch.empty_like(x)
        simd.extension.apply(level, number, x.data_ptr(), y.data_ptr(), len(x))
        exact = function(x.double())
        known = ~x.isnan() & (exact.abs() >= 1.2e-38) & (exact.abs() < 2.0**128)
        x, y, exact = x[known], y[known].double(), exact[known]
        if len(x):
            errors = (y - exact).abs() / torch.exp2(torch.floor(torch.log2(exact.abs())) - 23)
            at = int(errors.argmax())
            if float(errors[at]) > worst:
                worst, where = float(errors[at]), float(x[at])
    return worst, where


def main():
    """Print a table."""
    print("| level | exp | sigmoid | tanh | log |\n|---|---|---|---|---|")
    for level in simd.levels():
        found = [
            largest_error(level, row, f) for row, f in enumerate((torch.exp, torch.sigmoid, torch.tanh, torch.log))
        ]
        print(f"| {level} | " + " | ".join(f"{error:.2f} at {where:g}" for error, where in found) + " |", flush=True)


if __name__ == "__main__":
    main()
