"""The modules that run over sequences; what they share is in `running`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tidegate.nn.running import as_torchs, compute


class LSTM(nn.LSTM):
    """`torch.nn.LSTM` with the same arguments, parameters and results, computed by Tidegate's engine.

    The engine runs float32 and float64 on a CPU, for tensors and packed sequences; torch's own code runs the rest:
    `proj_size`, other types and devices, autocast, and tracing by `torch.compile`, `torch.export` and `torch.jit`.
    Under autocast to a type for which torch has no LSTM on this processor (bfloat16 without AVX-512) the engine runs
    in float32 and the results are rounded to that type, where torch's own module stops with an error.

    Example:
        >>> lstm = LSTM(3, 8, num_layers=2, batch_first=True)
        >>> y, (h, c) = lstm(torch.zeros(4, 10, 3))
        >>> tuple(y.shape), tuple(h.shape), isinstance(lstm, torch.nn.LSTM)
        ((4, 10, 8), (2, 4, 8), True)
    """

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run over sequences; arguments and results are those of `torch.nn.LSTM`."""
        if torch.compiler.is_compiling():
            return super().forward(input, hx)
        return compute(self, super().forward, input, hx)

    def __prepare_scriptable__(self) -> nn.LSTM:
        return as_torchs(self, nn.LSTM)


class GRU(nn.GRU):
    """`torch.nn.GRU` with the same arguments, parameters and results, computed by Tidegate's engine.

    What the engine runs and what torch's own code runs is as for `LSTM`.

    Example:
        >>> y, h = GRU(3, 8)(torch.zeros(10, 4, 3))
        >>> tuple(y.shape), tuple(h.shape)
        ((10, 4, 8), (1, 4, 8))
    """

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run over sequences; arguments and results are those of `torch.nn.GRU`."""
        if torch.compiler.is_compiling():
            return super().forward(input, hx)
        return compute(self, super().forward, input, hx)

    def __prepare_scriptable__(self) -> nn.GRU:
        return as_torchs(self, nn.GRU)


class RNN(nn.RNN):
    """`torch.nn.RNN` with the same arguments, parameters and results, computed by Tidegate's engine.

    What the engine runs and what torch's own code runs is as for `LSTM`; `nonlinearity="relu"` is torch's too.

    Example:
        >>> y, h = RNN(3, 8)(torch.zeros(10, 4, 3))
        >>> tuple(y.shape), tuple(h.shape)
        ((10, 4, 8), (1, 4, 8))
    """

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run over sequences; arguments and results are those of `torch.nn.RNN`."""
        if torch.compiler.is_compiling():
            return super().forward(input, hx)
        return compute(self, super().forward, input, hx)

    def __prepare_scriptable__(self) -> nn.RNN:
        return as_torchs(self, nn.RNN)
