"""The recurrent layer: any cell, stacked, in one or both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tidegate import cells, engine
from tidegate.cells import Cell, Initial
from tidegate.engine import fused
from tidegate.errors import DataError, SettingError
from tidegate.layers.initialise import initialise

State = tuple[Tensor, ...]


class Recurrent(nn.Module):
    r"""A stack of recurrent layers of one cell.

    Each layer computes, for every time step, :math:`s_t = \mathrm{step}(W x_t + b + U h_{t-1} + b', s_{t-1})`
    with the cell's equations; its outputs are the next layer's inputs. Parameters are named and shaped as those of
    `torch.nn.LSTM`, so state dicts can be exchanged with torch's layers.

    Args:
        cell: a built-in cell's name or a `tidegate.cells.Cell` class.
        input_size: features of an input, at least 1.
        units: hidden units of each layer and direction, at least 1.
        layers: layers stacked on each other, at least 1.
        dropout: share of a layer's outputs dropped before the next one, in [0, 1); only while training.
        bidirectional: run every layer in both directions and concatenate their outputs.

    Raises:
        SettingError: a setting has a value that cannot be used.

    Example:
        >>> layer = Recurrent("lstm", 3, 8, layers=2)
        >>> y, (h, c) = layer(torch.zeros(4, 10, 3))
        >>> tuple(y.shape), tuple(h.shape)
        ((4, 10, 8), (2, 4, 8))
    """

    def __init__(
        self,
        cell: str | type[Cell],
        input_size: int,
        units: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("input_size", input_size), ("units", units), ("layers", layers)):
            if not isinstance(value, int) or value < 1:
                raise SettingError(f"{name} must be a whole number of at least 1, not {value!r}")
        if not 0 <= dropout < 1:
            raise SettingError(f"dropout must be at least 0 and below 1, not {dropout!r}")
        self.cell = cells.get(cell)
        self.input_size, self.units, self.layers = input_size, units, layers
        self.dropout, self.bidirectional = dropout, bidirectional
        self._names = [self._add_parameters(layer, way) for layer in range(layers) for way in self._directions]
        self.reset_parameters()

    def forward(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Run over a batch of sequences.

        Args:
            x: inputs (B, T, input_size).
            state: the state to start from, for each of the cell's states (layers*directions, B, units); zeros
                when None.
            lengths: steps of each row (B,), int64, 0 to T; all T when None. What x holds beyond is not read.

        Returns:
            The top layer's outputs (B, T, output_size), 0 beyond a row's length, and the state at each row's end,
            which continues the sequence when passed back.

        Raises:
            DataError: a tensor has a wrong shape, or a length is not within 0 to T.
        """
        if x.dim() != 3 or x.shape[2] != self.input_size:
            raise DataError(f"x must have shape (batch, time, {self.input_size}), not {tuple(x.shape)}")
        if state is not None:
            self._check_state(state, x.shape[0])
        if lengths is not None:
            _check_lengths(lengths, x)
        dropout = self.dropout if self.training else 0.0
        return engine.scan_stack(
            self.cell, x, state, self._weights(), lengths=lengths, bidirectional=self.bidirectional, dropout=dropout
        )

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run one time step; the same steps in a row give what `forward` gives.

        Args:
            x: inputs (B, input_size).
            state: as `forward` takes and returns it; zeros when None.

        Returns:
            The top layer's outputs (B, units) and the new state.

        Raises:
            SettingError: the layer is bidirectional, so the first output needs the last input.
            DataError: a tensor has a wrong shape.
        """
        if self.bidirectional:
            raise SettingError("a bidirectional layer has no single step: the backward direction starts at the end")
        if x.dim() != 2 or x.shape[1] != self.input_size:
            raise DataError(f"x must have shape (batch, {self.input_size}), not {tuple(x.shape)}")
        if state is None:
            state = (x.new_zeros(self.layers, x.shape[0], self.units),) * len(self.cell.states)
        self._check_state(state, x.shape[0])
        dropout = self.dropout if self.training else 0.0
        states: list[State] = []
        for layer, weights in enumerate(self._weights()):
            if layer:
                x = nn.functional.dropout(x, dropout, training=dropout > 0)
            states.append(engine.step(self.cell, x, tuple(part[layer] for part in state), weights))
            x = states[-1][0]
        return x, tuple(torch.stack(parts) for parts in zip(*states, strict=True))

    @property
    def output_size(self) -> int:
        """Features of an output: units times directions."""
        return self.units * len(self._directions)

    def reset_parameters(self, initial: Initial | None = None) -> None:
        """Draw fresh weights, as the cell's paper says or as `initial` says."""
        for weights in self._weights():
            initialise(self.cell, weights, initial)

    def extra_repr(self) -> str:
        """Return what `repr` shows in the brackets."""
        words = [self.cell.name, str(self.input_size), str(self.units)]
        words += [f"layers={self.layers}"] if self.layers > 1 else []
        words += [f"dropout={self.dropout}"] if self.dropout else []
        return ", ".join(words + (["bidirectional=True"] if self.bidirectional else []))

    @property
    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _add_parameters(self, layer: int, direction: str) -> dict[str, str]:
        """Make the parameters of one layer and direction; return the engine's names of them and ours."""
        rows = len(self.cell.gates) * self.units
        columns = self.input_size if layer == 0 else self.output_size
        shapes = {"weight_ih": (rows, columns), "weight_hh": (rows, self.units), "bias_ih": (rows,), "bias_hh": (rows,)}
        shapes |= dict.fromkeys(self.cell.weights, (self.units,))
        names = {name: f"{name}_l{layer}{direction}" for name in shapes}
        for name, shape in shapes.items():
            self.register_parameter(names[name], nn.Parameter(torch.empty(shape)))
        return names

    def _weights(self) -> list[dict[str, Tensor]]:
        """Return the weights as the engine takes them, looked up anew so that parametrised ones work."""
        return [{name: getattr(self, own) for name, own in names.items()} for names in self._names]

    def _check_state(self, state: State, batch: int) -> None:
        expected = (self.layers * len(self._directions), batch, self.units)
        shapes = [tuple(part.shape) for part in state]
        if shapes != [expected] * len(self.cell.states):
            states = ", ".join(self.cell.states)
            raise DataError(f"state must hold {states}, each of shape {expected}, not shapes {shapes}")

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        """Gather the weights anew for cuDNN after `.to`, `.cuda`, `.double` and the like have moved them."""
        moved = super()._apply(fn, recurse)
        fused.flatten(self.cell, self._weights(), bidirectional=self.bidirectional)
        return moved


def _check_lengths(lengths: Tensor, x: Tensor) -> None:
    if lengths.shape != x.shape[:1] or lengths.is_floating_point():
        raise DataError(f"lengths must hold {x.shape[0]} whole numbers, one per row of x, not {lengths!r}")
    if lengths.numel() and (int(lengths.min()) < 0 or int(lengths.max()) > x.shape[1]):
        raise DataError(f"lengths must be within 0 and {x.shape[1]}, the steps of x, not {lengths.tolist()}")
