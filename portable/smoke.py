"""The shortest whole use, for slow machines: import, one step of training, a forecast.

`--native` and `--pure` say which engine must be there, `--own-cell` adds a cell of the user's own, `--serve` a service.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np
import pandas as pd
import torch

import tidegate
from tidegate import Forecaster, Recurrent
from tidegate.cells import Cell
from tidegate.engine import simd
from tidegate.equations.functions import tanh


class Leaky(Cell):
    """A user's own cell."""

    gates = ("a",)

    @staticmethod
    def step(z: object, prev: object, w: object) -> tuple[object]:
        """Return the new output."""
        return (tanh(z.a) * 0.25 + prev.h / 2,)


def fit_and_forecast() -> Forecaster:
    """Train for one step on a wave and look at the forecast."""
    stamps = pd.date_range("2026-01-05", periods=60, freq="h")
    wave = pd.DataFrame({"ds": stamps, "y": np.sin(np.arange(60) / 4)})
    forecaster = Forecaster(lookback=6, horizon=2, units=4, layers=1, epochs=1, steps_per_epoch=1).fit(wave)
    forecast = forecaster.predict()
    assert len(forecast) == 2
    assert np.isfinite(forecast.select_dtypes("number")).all(axis=None)
    return forecaster


def run_own_cell() -> None:
    """Run a cell that has to be compiled, wherever the caller can keep it."""
    y, _ = Recurrent(Leaky, 2, 3)(torch.ones(1, 4, 2))
    assert torch.isfinite(y).all()


def serve(forecaster: Forecaster) -> None:
    """Start the service as a user does and ask it once."""
    with tempfile.TemporaryDirectory() as folder:
        forecaster.save(f"{folder}/wave")
        command = [sys.executable, "-m", "tidegate", "serve", f"{folder}/wave", "--port", "0"]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as service:
            try:
                address = service.stdout.readline().split()[-1]
                body = json.dumps({"values": [0.1] * 12}).encode()
                with urllib.request.urlopen(f"{address}/predict", body, timeout=60) as answer:
                    assert json.load(answer)["forecasts"]
            finally:
                service.terminate()


def main(options: list[str]) -> None:
    """Do what the options ask for."""
    begun = time.monotonic()
    print(f"{os.path.dirname(tidegate.__file__)}: levels {simd.levels()}, using {simd.level!r}", flush=True)
    if "--native" in options:
        assert simd.levels(), "the native part is not there"
    if "--pure" in options:
        assert not simd.levels(), "a native part is there"
    forecaster = fit_and_forecast()
    if "--own-cell" in options:
        run_own_cell()
    if "--serve" in options:
        serve(forecaster)
    print(f"fitted and forecast in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
