"""A recurrent cell at each place of a frame or a graph, whose products read the neighbouring places too."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tidegate import cells
from tidegate.cells import Cell, Initial
from tidegate.engine import noise
from tidegate.engine.reference import pre_activations
from tidegate.equations.declaration import extra_names
from tidegate.errors import SettingError
from tidegate.layers.initialise import initialise
from tidegate.layers.sequence import SequenceLayer, State, start, without_padding
from tidegate.layers.settings import CellSettings


class SpatialRecurrent(SequenceLayer):
    r"""Layers of one cell at many places, with weights that the places share.

    Each place computes :math:`s_t = \mathrm{step}(W * x_t + b + U * h_{t-1} + b', s_{t-1})` with the cell's equations,
    where :math:`*` is the product of a member: it reads the place and its neighbours. All of a layer's input products
    are computed at once, before its loop over time.

    Args:
        settings: the cell, see `spatial_cell`, its units at each place, and layers stacked on each other.
        input_size: features of an input, of all places together.
        features: features of an input at one place.
        places: how the places are laid out: (height, width), or (nodes,).
        taps: what a product reads: numbers for each feature.
        own_extras: each place has its own extra weights of the cell; else the places share them.

    Raises:
        SettingError: the cell cannot be spread over places.
    """

    streams = causal = True

    def __init__(
        self,
        settings: CellSettings,
        input_size: int,
        *,
        features: int,
        places: tuple[int, ...],
        taps: int,
        own_extras: bool,
    ) -> None:
        super().__init__()
        units, self.layers, self.dropout = settings.units, settings.layers, settings.dropout
        self.cell = spatial_cell(settings.cell, units)
        self.input_size, self.places, self.units = input_size, places, units
        rows = len(self.cell.gates) * units
        recurrent = rows - len(self.cell.input_only) * units
        initial = Initial(input=settings.initial, recurrent=settings.initial) if settings.initial else None
        for layer in range(self.layers):
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, (units if layer else features) * taps)}
            shapes |= {"weight_hh": (recurrent, units * taps), "bias_ih": (rows,), "bias_hh": (recurrent,)}
            shapes |= dict.fromkeys(self.cell.weights, (*(places if own_extras else ()), units))
            for name, shape in shapes.items():
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(torch.empty(shape)))
            initialise(self.cell, self._weights(layer), initial)

    @abstractmethod
    def product(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Multiply what each place and its neighbours hold.

        Args:
            x: features of each place (M, *places, F).
            weight: weights (R, F*taps), for each feature what is read of it.
            bias: added to each result (R,).

        Returns:
            The results (M, *places, R).
        """

    @abstractmethod
    def spread(self, x: Tensor) -> Tensor:
        """Lay out inputs (B, T, input_size) as (B, T, *places, features)."""

    @abstractmethod
    def gather(self, y: Tensor) -> Tensor:
        """Lay out hidden units (B, T, *places, units) as outputs (B, T, output_size)."""

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`.

        A state holds (layers, B, places*units) for each of the cell's states.
        """
        self.check(x, lengths, context)
        shape = (self.layers, len(x), math.prod(self.places) * self.units)
        state = start(state, x, [shape] * len(self.cell.states))
        parts = [part.unflatten(2, (*self.places, self.units)) for part in state]
        y, ends = self.spread(without_padding(x, lengths)), []
        for layer in range(self.layers):
            if layer and self.training:
                y = noise.dropout(y, self.dropout)
            y, after = self._scan(y, tuple(part[layer] for part in parts), self._weights(layer), lengths)
            ends.append(after)
        y = without_padding(self.gather(y), lengths)
        return y, tuple(torch.stack(parts).flatten(2) for parts in zip(*ends, strict=True))

    def extra_repr(self) -> str:
        """Return what `repr` shows in the brackets."""
        return f"{self.cell.name}, {self.input_size}, {'x'.join(map(str, self.places))}x{self.units}"

    def _scan(
        self, x: Tensor, state: State, weights: Mapping[str, Tensor], lengths: Tensor | None
    ) -> tuple[Tensor, State]:
        """Run one layer: x (B, T, *places, F) to its outputs (B, T, *places, units) and the state at each row's end."""
        cell, outputs = self.cell, []
        parts = self.product(x.flatten(0, 1), weights["weight_ih"], weights["bias_ih"]).unflatten(0, x.shape[:2])
        extra = cell.W(*(weights[name] for name in extra_names(cell)))
        for t, x_part in enumerate(parts.unbind(1)):
            h_part = self.product(state[0], weights["weight_hh"], weights["bias_hh"])
            new = cell.step(pre_activations(cell, x_part, h_part), cell.Prev(*state), extra)
            outputs.append(new[0])
            state = new if lengths is None else keep(state, new, t < lengths)
        if not outputs:
            return x.new_zeros(*x.shape[:-1], self.units), state
        return torch.stack(outputs, 1), state

    def _weights(self, layer: int) -> dict[str, Tensor]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", *self.cell.weights)
        return {name: getattr(self, f"{name}_l{layer}") for name in names}


def keep(before: State, after: State, alive: Tensor) -> State:
    """Return the new state of the rows that are alive (B,), and the state before of the others."""
    rows = [alive.to(part.device).view(-1, *[1] * (part.dim() - 1)) for part in after]
    return tuple(torch.where(row, new, old) for row, new, old in zip(rows, after, before, strict=True))


def spatial_cell(name: str | type[Cell], units: int) -> type[Cell]:
    """Return the cell of this name.

    Raises:
        SettingError: there is none, or its equations need more than what one place and its neighbours hold.
    """
    cell, alias = cells.get(name), cells.alias(name)
    more = [word for word in ("noise", "constants", "below") if getattr(cell, word)]
    more += ["a projection"] if cell.projection != 1 else []
    more += ["a mask on its recurrent weights"] if cell.mask(units) is not None else []
    more += ["no recurrent weights"] if len(cell.input_only) == len(cell.gates) else []
    more += [f"the option {alias.option}"] if alias is not None else []
    if more:
        raise SettingError(
            f"cell {name!r} cannot be spread over places, for it has {', '.join(more)}; take another cell"
        )
    return cell
