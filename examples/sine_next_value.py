"""A3: from a whole sine of random phase (50 steps) to its next value, on plain arrays; LSTM 50, 20 epochs.

What the article got wrong, and is right here: it plotted predictions for sequences it had trained on. The last fifth
of the sequences is never trained on, and the error of repeating the last value stands beside ours.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tidegate


def main(epochs: int = 20, out: str = "run/sine_next_value") -> float:
    """Train on 800 sequences, plot three of the 200 others."""
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, size=(1000, 1))
    waves = np.sin(phase + np.linspace(0, 4 * np.pi, 51))
    inputs, truth = waves[:, :-1], waves[:, -1]
    regressor = tidegate.WindowRegressor(units=50, layers=1, epochs=epochs).fit(inputs[:800], truth[:800])
    predicted = regressor.predict(inputs[800:])
    error = float(np.sqrt(np.mean((predicted - truth[800:]) ** 2)))
    repeat = float(np.sqrt(np.mean((inputs[800:, -1] - truth[800:]) ** 2)))
    print(f"RMSE on 200 unseen sequences: LSTM {error:.4f}, repeat-last {repeat:.4f}")

    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, n in zip(figure.subplots(1, 3, sharey=True), range(800, 803), strict=True):
        axes.plot(inputs[n], label="input")
        axes.plot(50, truth[n], "o", label="truth")
        axes.plot(50, predicted[n - 800], "x", label="prediction")
    axes.legend()
    Path(out).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(out) / "next_value.png")
    print("figure:", Path(out) / "next_value.png")
    return error


if __name__ == "__main__":
    main()
