"""The recurrent layer: any cell, stacked, in one or both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tidegate import cells
from tidegate.cells import Cell, Initial
from tidegate.engine import noise, sessions, torch_kernels
from tidegate.errors import DataError, SettingError
from tidegate.layers import block_diagonal
from tidegate.layers.initialise import initialise
from tidegate.layers.inside import Inside, look_inside
from tidegate.layers.sequence import SequenceLayer, State
from tidegate.layers.session import Session
from tidegate.layers.stack import scan_stack, step_stack


class Recurrent(SequenceLayer):
    r"""A stack of recurrent layers of one cell.

    Each layer computes, for every time step, :math:`s_t = \mathrm{step}(W x_t + b + U h_{t-1} + b', s_{t-1})`
    with the cell's equations; its outputs are the next layer's inputs. Parameters are named and shaped as those of
    `torch.nn.LSTM`, so state dicts can be exchanged with torch's layers.

    Args:
        cell: a built-in cell's name or a `tidegate.cells.Cell` class; "variational" is the LSTM with that option.
        input_size: features of an input, at least 1.
        units: hidden units of each layer and direction, at least 1.
        layers: layers stacked on each other, at least 1.
        dropout: share of a layer's outputs dropped before the next one, in [0, 1); only while training.
        bidirectional: run every layer in both directions and concatenate their outputs.
        variational: drop the share of every layer's inputs and of what its recurrent weights read instead, the same
            numbers at all steps of a sequence (Gal and Ghahramani, NIPS 2016, equation 7).
        context_size: features of a context that joins every layer's inputs, 0 for none (Ghosh et al. 2016, section 3).
        heads: groups of units that read only themselves: `weight_hh` is then (heads, G*units/heads, units/heads), and U
            costs the part 1/heads where a head has a multiple of 16 units. None leaves it to the cell: sLSTM has four.

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
        variational: bool = False,
        context_size: int = 0,
        heads: int | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("input_size", input_size), ("units", units), ("layers", layers)):
            if not isinstance(value, int) or value < 1:
                raise SettingError(f"{name} must be a whole number of at least 1, not {value!r}")
        if not 0 <= dropout < 1:
            raise SettingError(f"dropout must be at least 0 and below 1, not {dropout!r}")
        alias = cells.alias(cell)
        self.cell = cells.get(cell)
        self.variational = variational or (alias is not None and alias.option == "variational")
        self.input_size, self.units, self.layers = input_size, units, layers
        if heads is not None:
            block_diagonal.check(self.cell, units, heads)
        self.dropout, self.bidirectional, self.context_size, self.heads = dropout, bidirectional, context_size, heads
        self.streams = self.causal = not bidirectional
        self._add_constants()
        self._names = [self._add_parameters(layer, way) for layer in range(layers) for way in self._directions]
        self.reset_parameters()

    @property
    def output_size(self) -> int:
        """Features of an output: those of the first state times directions."""
        return self.cell.sizes(self.units)[0] * len(self._directions)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        lengths: Tensor | None = None,
        context: Tensor | None = None,
        *,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences.

        Args:
            x: inputs (B, T, input_size).
            state: the state to start from, for each of the cell's states (layers*directions, B, units); zeros
                when None.
            lengths: steps of each row (B,), int64, 0 to T; all T when None. What x holds beyond is not read.
            context: joins every layer's inputs (B, context_size) or (B, T, context_size).
            resets: true (B, T), bool, at the first step of each sequence where a row holds several, documents or
                episodes: no state and no gradient passes from one to the next. A row whose first step is marked does
                not go on from `state`. In the native engine this costs little; elsewhere it runs step by step.

        Returns:
            The top layer's outputs (B, T, output_size), 0 beyond a row's length, and the state at each row's end,
            which continues the sequence when passed back.

        Raises:
            DataError: a tensor has a wrong shape, or a length is not within 0 to T.
        """
        self.check(x, lengths, context)
        if resets is not None and (resets.shape != x.shape[:2] or resets.dtype != torch.bool):
            given = f"{tuple(resets.shape)} of {resets.dtype}"
            raise DataError(f"resets must hold {tuple(x.shape[:2])} bools, one per step of x, not {given}")
        if state is not None:
            self._check_state(state, x.shape[0])
        return scan_stack(
            self.cell,
            x,
            state,
            [weights | self._draw(x) for weights in self._weights()],
            lengths=lengths,
            bidirectional=self.bidirectional,
            dropout=self.dropout if self.training else 0.0,
            variational=self.variational,
            context=context,
            resets=resets,
        )

    def step(self, x: Tensor, state: State | None = None, context: Tensor | None = None) -> tuple[Tensor, State]:
        """Run one time step; see `SequenceLayer.step`.

        Args:
            x: inputs (B, input_size).
            state: as `forward` takes and returns it; zeros when None.
            context: as `forward` takes it (B, context_size).

        Returns:
            The top layer's outputs (B, units) and the new state.

        Raises:
            SettingError: the layer is bidirectional, so the first output needs the last input.
            DataError: a tensor has a wrong shape.
        """
        self.check_step(x, context)
        if state is None:
            state = tuple(x.new_zeros(self.layers, x.shape[0], size) for size in self.cell.sizes(self.units))
        self._check_state(state, x.shape[0])
        return step_stack(self.cell, x, state, self._weights(), context=context)

    def last(self, y: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return each row's output at its last step; of the backward direction, which ends there, at its first."""
        if not self.bidirectional:
            return super().last(y, lengths)
        forward, backward = y.chunk(2, -1)
        return torch.cat([super().last(forward, lengths), backward[:, 0]], 1)

    def session(self, batch: int = 1) -> Session:
        """Return a stream of this layer; see `SequenceLayer.session`. In the native engine it costs almost nothing.

        Example:
            >>> session = Recurrent("lstm", 3, 8).session()
            >>> tuple(session.step(torch.zeros(1, 3)).shape)
            (1, 8)
        """
        weights = self._weights()
        if self.streams and not self.context_size and sessions.runs(self.cell, weights[0]):
            return sessions.NativeSession(self.cell, weights, batch)
        return super().session(batch)

    def reset_parameters(self, initial: Initial | None = None) -> None:
        """Draw fresh weights, as the cell's paper says or as `initial` says."""
        for names in self._names:
            initialise(self.cell, {name: getattr(self, own) for name, own in names.items()}, initial)

    def extra_repr(self) -> str:
        """Return what `repr` shows in the brackets."""
        words = [self.cell.name, str(self.input_size), str(self.units)]
        words += [f"layers={self.layers}"] if self.layers > 1 else []
        words += [f"dropout={self.dropout}"] if self.dropout else []
        words += [f"heads={self.heads}"] if self.heads else []
        words += [f"{name}=True" for name in ("bidirectional", "variational") if getattr(self, name)]
        return ", ".join(words)

    def inside(self, x: Tensor, state: State | None = None, context: Tensor | None = None) -> dict[str, Inside]:
        """Return what the gates and states of each layer and direction were over time; see `layers.inside`.

        Args:
            x: inputs (B, T, input_size).
            state: as `forward` takes it.
            context: as `forward` takes it.

        Returns:
            By the name that the layer has in its parameters, "l0", "l0_reverse" and so on, the lowest first.

        Raises:
            DataError: a tensor has a wrong shape.
        """
        self.check(x, None, context)
        if state is not None:
            self._check_state(state, x.shape[0])
        weights = [each | self._draw(x) for each in self._weights()]
        names = [f"l{layer}{way}" for layer in range(self.layers) for way in self._directions]
        found = look_inside(self.cell, x, state, weights, bidirectional=self.bidirectional, context=context)
        return dict(zip(names, found, strict=True))

    @property
    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _add_parameters(self, layer: int, direction: str) -> dict[str, str]:
        """Make the parameters of one layer and direction; return the engine's names of them and ours."""
        output = self.cell.sizes(self.units)[0]
        rows = len(self.cell.gates) * self.units
        recurrent = (len(self.cell.gates) - len(self.cell.input_only)) * self.units
        columns = (self.input_size if layer == 0 else self.output_size) + self.context_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, columns), "weight_hh": (recurrent, output)}
        if self.heads:
            shapes["weight_hh"] = (self.heads, recurrent // self.heads, self.units // self.heads)
        shapes |= {"bias_ih": (rows,), "bias_hh": (recurrent,)}
        shapes |= dict.fromkeys(self.cell.weights, (self.units,))
        if self.cell.projection != 1:
            shapes["weight_hr"] = (output, self.units)
        names = {name: f"{name}_l{layer}{direction}" for name in shapes}
        for name, shape in shapes.items():
            self.register_parameter(names[name], nn.Parameter(torch.empty(shape)))
        return names

    def _add_constants(self) -> None:
        """Make what follows from the number of units; it is not saved."""
        values = self.cell.constant_values(self.units)
        for name in self.cell.constants:
            self.register_buffer(f"constant_{name}", torch.tensor(values[name]), persistent=False)
        kept = block_diagonal.mask(self.units, self.heads) if self.heads else self._mask()
        self._masked = kept is not None
        if kept is not None:
            gates = len(self.cell.gates) - len(self.cell.input_only)
            if not self.heads:
                self.register_buffer("recurrent_mask", kept.repeat(gates, 1), persistent=False)
            blocks = nn.functional.max_pool2d(kept[None], 16, ceil_mode=True)[0]
            self.register_buffer("recurrent_pattern", blocks.to(torch.uint8), persistent=False)

    def _mask(self) -> Tensor | None:
        mask = self.cell.mask(self.units)
        return None if mask is None else torch.tensor(mask, dtype=torch.get_default_dtype())

    def _weights(self) -> list[dict[str, Tensor]]:
        """Return the weights as the engine takes them, looked up anew so that parametrised ones work."""
        layers = [{name: getattr(self, own) for name, own in names.items()} for names in self._names]
        for weights in layers:
            weights |= {name: getattr(self, f"constant_{name}") for name in self.cell.constants}
            if self.heads:
                weights["weight_hh"] = block_diagonal.matrix(weights["weight_hh"])
            elif self._masked:
                weights["weight_hh"] = weights["weight_hh"] * self.recurrent_mask
            if self._masked:
                weights["pattern"] = self.recurrent_pattern
        return layers

    def _draw(self, x: Tensor) -> dict[str, Tensor]:
        """Return the cell's noise for one layer (B, T, H); when not training, the same number everywhere."""
        if not self.cell.noise:
            return {}
        shape = (*x.shape[:2], self.units)
        if self.training:
            return {name: noise.draw(x, shape, rate) for name, rate in self.cell.noise.items()}
        return {name: x.new_full(shape[2:], rate).expand(shape) for name, rate in self.cell.noise.items()}

    def _check_state(self, state: State, batch: int) -> None:
        rows = self.layers * len(self._directions)
        expected = [(rows, batch, size) for size in self.cell.sizes(self.units)]
        shapes = [tuple(part.shape) for part in state]
        if shapes != expected:
            states = ", ".join(self.cell.states)
            raise DataError(f"state must hold {states} of shapes {expected}, not {shapes}")

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        """Gather the weights anew for cuDNN after `.to`, `.cuda`, `.double` and the like have moved them."""
        moved = super()._apply(fn, recurse)
        if torch_kernels.runs(self.cell) and not self.heads:
            torch_kernels.flatten(self.cell, self._weights(), bidirectional=self.bidirectional)
        return moved
