"""A whole fit beside the programs that people would write or take instead, in one run.

    python benchmarks/peers.py --epochs 10 --threads 2

The set-up is the tutorials' share price network: one series as long as the daily closes of 2010 to 2024 (a random walk
here, since only the time is measured), window 60, LSTM 50, dropout 0.2, LSTM 50, dropout 0.2, dense 1, Adam, mean
squared error, batch 32. Peers that are not installed are left out: keras (with tensorflow), neuralforecast, darts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tidegate import Forecaster

ROWS, WINDOW, UNITS, BATCH = 3770, 60, 50, 32


def series():
    """A random walk, scaled to 0 to 1, and its windows (N, 60, 1) with what follows them."""
    walk = np.random.default_rng(0).normal(size=ROWS).cumsum()
    walk = ((walk - walk.min()) / (walk.max() - walk.min())).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(walk, WINDOW + 1)
    return walk, windows[:, :-1, None].copy(), windows[:, -1:].copy()


def tidegate_fit(epochs):
    """Our forecaster; min-max scaling, gradient clipping and a seed come with it."""
    walk, _, _ = series()
    table = pd.DataFrame({"ds": pd.date_range("2010-01-04", periods=ROWS, freq="B"), "y": walk})
    model = Forecaster(
        lookback=WINDOW,
        units=UNITS,
        layers=2,
        dropout=0.2,
        epochs=epochs,
        batch_size=BATCH,
        scaler="minmax",
        scale_by="global",
        linear_skip=0,
        transform="none",
        loss="mse",
        learning_rate=1e-3,
        schedule="constant",
        steps_per_epoch=None,
        validation_size=0.0,
    )
    return lambda: model.fit(table)


class Network(nn.Module):
    """The same network as people write it."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(1, UNITS, 2, batch_first=True, dropout=0.2)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(UNITS, 1))

    def forward(self, x):
        """Predict from windows (B, T, 1)."""
        return self.head(self.recurrent(x)[0][:, -1])


def torch_fit(epochs):
    """A bare loop over a DataLoader."""
    _, x, y = series()

    def fit():
        torch.manual_seed(0)
        model = Network()
        optimizer, loss = torch.optim.Adam(model.parameters()), nn.MSELoss()
        loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), BATCH, shuffle=True)
        for _ in range(epochs):
            for inputs, targets in loader:
                optimizer.zero_grad()
                loss(model(inputs), targets).backward()
                optimizer.step()

    return fit


def keras_fit(epochs):
    """The tutorials' own program."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    _, x, y = series()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((WINDOW, 1)),
            layers.LSTM(UNITS, return_sequences=True),
            layers.Dropout(0.2),
            layers.LSTM(UNITS),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer="adam", loss="mean_squared_error")
    return lambda: model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)


def neuralforecast_fit(epochs):
    """NeuralForecast's LSTM of the same size, as many steps of as many windows."""
    from neuralforecast import NeuralForecast
    from neuralforecast.models import LSTM

    walk, _, _ = series()
    table = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2010-01-04", periods=ROWS, freq="B"), "y": walk})
    steps = epochs * -(-(ROWS - WINDOW) // BATCH)
    model = LSTM(
        h=1,
        input_size=WINDOW,
        encoder_hidden_size=UNITS,
        encoder_n_layers=2,
        encoder_dropout=0.2,
        max_steps=steps,
        windows_batch_size=BATCH,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    return lambda: NeuralForecast([model], freq="B").fit(table)


def darts_fit(epochs):
    """Darts' block network of the same size."""
    from darts import TimeSeries
    from darts.models import BlockRNNModel

    walk, _, _ = series()
    model = BlockRNNModel(
        WINDOW,
        1,
        model="LSTM",
        hidden_dim=UNITS,
        n_rnn_layers=2,
        dropout=0.2,
        batch_size=BATCH,
        n_epochs=epochs,
        pl_trainer_kwargs={"accelerator": "cpu", "logger": False, "enable_progress_bar": False},
    )
    return lambda: model.fit(TimeSeries.from_values(walk))


PEERS = {
    "tidegate": tidegate_fit,
    "torch, a bare loop": torch_fit,
    "keras": keras_fit,
    "neuralforecast": neuralforecast_fit,
    "darts": darts_fit,
}


def main():
    """Print one row for each that is installed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    fits = {}
    for name, make in PEERS.items():
        try:
            make(1)()  # imports, compiles and warms up
            fits[name] = make
        except ImportError:
            print(f"{name} is not installed")
    times = {name: [] for name in fits}
    for _ in range(arguments.repeats):
        for name, make in fits.items():
            fit, start = make(arguments.epochs), time.perf_counter()
            fit()
            times[name].append(time.perf_counter() - start)
    print(f"\n{arguments.epochs} epochs, {torch.get_num_threads()} thread(s), medians of {arguments.repeats}\n")
    print("| program | seconds | of tidegate's |\n|---|---|---|")
    base = statistics.median(times["tidegate"])
    for name, values in times.items():
        print(f"| {name} | {statistics.median(values):.2f} | {statistics.median(values) / base:.2f} |")


if __name__ == "__main__":
    main()
