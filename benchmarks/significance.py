"""How often does the verdict's test call two equally good methods different? Prints one table; 5 % is what it promises.

Loss differences are drawn with mean zero: of windows of h steps that overlap (each the mean of h values of noise, the
strongest dependence that overlap alone can make), and, one step ahead, of a first-order autoregression r. "rejected" is
the share of draws with p < 0.05, "not decided" the share for which the origins were too little evidence for a test.
Beside it stands the usual test, that of Diebold and Mariano with the correction of Harvey, Leybourne and Newbold.
Run: python benchmarks/significance.py
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from tidegate.forecasting.evaluation.significance import diebold_mariano

DRAWS = 10_000
ORIGINS = (30, 60, 100, 240, 400)
HORIZONS = (1, 2, 6, 12, 24, 48)
DEPENDENCE = (0.3, 0.5, 0.7, 0.8, 0.9)
WARM_UP = 100


def overlapping(rng: np.random.Generator, origins: int, horizon: int) -> np.ndarray:
    """(DRAWS, origins) means over windows of noise that start one step apart."""
    sums = np.cumsum(rng.normal(size=(DRAWS, origins + horizon)), axis=1)
    return (sums[:, horizon:] - sums[:, :-horizon]) / horizon


def autoregressive(rng: np.random.Generator, origins: int, r: float) -> np.ndarray:
    """(DRAWS, origins) values of which each is r times the one before, and noise."""
    values = rng.normal(size=(DRAWS, origins + WARM_UP))
    for t in range(1, values.shape[1]):
        values[:, t] += r * values[:, t - 1]
    return values[:, WARM_UP:]


def usual(difference: np.ndarray, horizon: int) -> bool:
    """Whether the usual test rejects: equations 8 and 9 of Harvey, Leybourne & Newbold (1997)."""
    n = len(difference)
    centred = difference - difference.mean()
    covariances = np.array([centred[k:] @ centred[: n - k] / n for k in range(horizon)])
    variance = covariances[0] + 2 * covariances[1:].sum()
    if variance <= 0:
        variance = covariances[0] + 2 * (1 - np.arange(1, horizon) / horizon) @ covariances[1:]
    correction = np.sqrt((n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n)
    statistic = difference.mean() / np.sqrt(variance / n) * correction
    return bool(2 * stats.t.sf(abs(statistic), n - 1) < 0.05)


def row(title: str, differences: np.ndarray, horizon: int) -> tuple[str, float]:
    """One line of the table, and the share rejected."""
    equal = np.zeros(differences.shape[1])
    tests = [diebold_mariano(difference, equal, horizon) for difference in differences]
    rejected = float(np.mean([test.significant for test in tests]))
    undecided = float(np.mean([test.freedom == 0 for test in tests]))
    before = float(np.mean([usual(difference, horizon) for difference in differences[:1000]]))
    cells = [title, str(len(equal)), f"{rejected:.1%}", f"{undecided:.0%}", f"{before:.0%}"]
    return "| " + " | ".join(cells) + " |", rejected


def main() -> None:
    """Print the table and its highest share."""
    rng, highest = np.random.default_rng(0), 0.0
    print("| loss differences | origins | rejected | not decided | usual test rejected |\n|---|---|---|---|---|")
    for origins in ORIGINS:
        cases = [(f"windows of {h}", overlapping(rng, origins, h), h) for h in HORIZONS if h < origins]
        cases += [(f"r = {r}", autoregressive(rng, origins, r), 1) for r in DEPENDENCE]
        for title, differences, horizon in cases:
            line, rejected = row(title, differences, horizon)
            highest = max(highest, rejected)
            print(line, flush=True)
    print(f"\nhighest share rejected: {highest:.1%} of {DRAWS} draws")


if __name__ == "__main__":
    main()
