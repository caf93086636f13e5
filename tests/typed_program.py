"""A typed program of a user of Tidegate, never run: `test_typing` has it checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor, nn

import tidegate
from tidegate import DataError, Forecaster, ForecasterSettings, SettingError, TidegateError, WindowRegressor
from tidegate.cells import Cell, get, names, register
from tidegate.layers import LayerSettings, SequenceLayer


def forecast(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    forecaster = Forecaster(lookback=24, horizon=6, cell="gru", features=("hour",), freq="h")
    result = forecaster.backtest(table, test_size=0.2)
    text: str = result.verdict.text
    print(text, forecaster.freq_, forecaster.columns_.targets)
    forecaster.save(folder)
    again = Forecaster.load(folder)
    frame: pd.DataFrame = again.predict(table, level=[80, 90.0])
    score: float = again.fit(table).score(table)
    print(score, again.history_["loss"])
    return frame


def windows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    regressor = WindowRegressor(units=8, layers=1).fit(x, y)
    try:
        return regressor.predict(x)
    except (DataError, SettingError) as error:
        raise TidegateError(str(error)) from error


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = tidegate.nn.LSTM(8, 16, num_layers=2, batch_first=True)
        self.cell = tidegate.nn.GRUCell(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        y, state = self.encoder(x)
        out: Tensor = self.cell(y[:, -1] + state[0][-1])
        return out


settings: ForecasterSettings = Forecaster().settings()
loaded = tidegate.load("model")
layer = tidegate.Recurrent("lstm", 3, 4)
streams: SequenceLayer = layer
kinds: list[type[LayerSettings] | type[Cell]] = [type(settings.layer_settings()), get("lstm")]
register(get("gru"))
print(names(), kinds, tidegate.__version__, loaded, streams)

# What a checker has to find; the marks are read by test_typing.py.
Forecaster(lookbck=24)  # wrong
Forecaster(lookback="a day")  # wrong
WindowRegressor(lookback=24)  # wrong
forecast(3, Path())  # wrong
length: int = Forecaster().predict()  # wrong
print(tidegate.Forcaster)  # wrong
