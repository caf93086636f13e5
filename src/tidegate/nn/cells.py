"""The modules of one time step, for programs that write the loop over time themselves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tidegate.cells import Cell
from tidegate.cells.gru import GRU
from tidegate.cells.lstm import LSTM
from tidegate.cells.rnn import RNN
from tidegate.engine import dispatch
from tidegate.nn.running import are_computable, as_hx, as_torchs, is_watched, states_of


class LSTMCell(nn.LSTMCell):
    """`torch.nn.LSTMCell` with the same arguments, parameters and results, computed by Tidegate's engine.

    What the engine runs and what torch's own code runs is as for `LSTM`; under `torch.compile` it is torch's. Where the
    loop over time does nothing else, `LSTM` is several times faster.

    Example:
        >>> h, c = LSTMCell(3, 8)(torch.zeros(4, 3))
        >>> tuple(h.shape), tuple(c.shape)
        ((4, 8), (4, 8))
    """

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run one step; arguments and results are those of `torch.nn.LSTMCell`."""
        return _step(self, LSTM, input, hx) if _runs(self, LSTM, input, hx) else super().forward(input, hx)

    def __prepare_scriptable__(self) -> nn.LSTMCell:
        return as_torchs(self, nn.LSTMCell)


class GRUCell(nn.GRUCell):
    """`torch.nn.GRUCell` with the same arguments, parameters and results, computed by Tidegate's engine.

    What the engine runs and what torch's own code runs is as for `LSTMCell`.

    Example:
        >>> tuple(GRUCell(3, 8)(torch.zeros(4, 3)).shape)
        (4, 8)
    """

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run one step; arguments and results are those of `torch.nn.GRUCell`."""
        return _step(self, GRU, input, hx) if _runs(self, GRU, input, hx) else super().forward(input, hx)

    def __prepare_scriptable__(self) -> nn.GRUCell:
        return as_torchs(self, nn.GRUCell)


class RNNCell(nn.RNNCell):
    """`torch.nn.RNNCell` with the same arguments, parameters and results, computed by Tidegate's engine.

    What the engine runs and what torch's own code runs is as for `LSTMCell`; `nonlinearity="relu"` is torch's too.

    Example:
        >>> tuple(RNNCell(3, 8)(torch.zeros(4, 3)).shape)
        (4, 8)
    """

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run one step; arguments and results are those of `torch.nn.RNNCell`."""
        ours = self.nonlinearity == "tanh" and _runs(self, RNN, input, hx)
        return _step(self, RNN, input, hx) if ours else super().forward(input, hx)

    def __prepare_scriptable__(self) -> nn.RNNCell:
        return as_torchs(self, nn.RNNCell)


def _runs(module: nn.RNNCellBase, cell: type[Cell], input: Any, hx: Any) -> bool:
    """Say whether the engine computes this call; if not, torch does it or says what is wrong with it."""
    if torch.compiler.is_compiling() or is_watched():
        return False
    states = states_of(cell, hx)
    if states is None or not isinstance(input, Tensor) or input.dim() not in (1, 2):
        return False
    shape = (*input.shape[:-1], module.hidden_size)
    fits = input.shape[-1] == module.input_size and all(part.shape == shape for part in states)
    return fits and are_computable(input, *states, *(each for each in _parameters(module).values() if each is not None))


def _step(module: nn.RNNCellBase, cell: type[Cell], input: Tensor, hx: Any) -> Any:
    weights = _parameters(module)
    rows = module.weight_ih.shape[0]
    own = {name: module.weight_ih.new_zeros(rows) if each is None else each for name, each in weights.items()}
    alone = input.dim() == 1
    x = input[None] if alone else input
    states = tuple(part[None] if alone else part for part in states_of(cell, hx) or ())
    new = dispatch.step(cell, x, states or dispatch.zeros(cell, x, own), own)
    return as_hx(tuple(part[0] for part in new) if alone else new)


def _parameters(module: nn.RNNCellBase) -> dict[str, Tensor | None]:
    """Return the parameters under the engine's names, None for a bias that the module does without."""
    return {name: getattr(module, name) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
