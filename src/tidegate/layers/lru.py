"""The linear recurrent unit: a diagonal complex recurrence that is stable however it is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tidegate.errors import SettingError
from tidegate.layers.diagonal import scan
from tidegate.layers.residual import Recurrence, ResidualStack, as_complex, draw_complex
from tidegate.layers.sequence import SequenceLayer
from tidegate.layers.settings import LayerSettings
from tidegate.settings import setting


@dataclass(kw_only=True)
class LRU(LayerSettings):
    """Settings of a stack of linear recurrent units; each field's help says what it does."""

    name = "lru"
    units: int = setting(64, "features of each block", low=1)
    layers: int = setting(2, "blocks stacked on each other", low=1)
    states: int = setting(64, "complex states of each block", low=1)
    smallest: float = setting(0.0, "smallest share of a state that a step keeps, to start with", low=0, below=1)
    largest: float = setting(0.99, "largest share to start with; memory lasts about 1 / (1 - share)", above=0, below=1)
    phase: float = setting(6.28, "largest angle that a step turns a state by, to start with", above=0, high=6.2832)

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return a stack of linear recurrent units with fresh weights."""
        return LRULayer(input_size, self)

    def check_together(self) -> None:
        """Refuse shares in the wrong order."""
        if self.smallest >= self.largest:
            raise SettingError(f"smallest must be below largest, {self.largest:g}, not {self.smallest:g}")


class LRULayer(ResidualStack):
    """Blocks of linear recurrent units, with gated maps between them.

    The state (layers, B, states, 2) holds real and imaginary parts. Source: Orvieto, Smith, Gu, Fernando,
    Gulcehre, Pascanu, De, 'Resurrecting recurrent neural networks for long sequences', ICML 2023.
    """

    def __init__(self, input_size: int, settings: LRU) -> None:
        super().__init__(
            input_size,
            settings.units,
            layers=settings.layers,
            dropout=settings.dropout,
            make=lambda: LinearRecurrence(settings),
        )


class LinearRecurrence(Recurrence):
    r""":math:`s_t = \lambda s_{t-1} + \gamma B u_t` and :math:`y_t = \mathrm{Re}(C s_t) + D u_t`, with vectors λ, γ, D.

    :math:`\lambda = \exp(-e^\nu + i e^\theta)` lies within the unit circle whatever the weights. It starts evenly
    spread over a ring, and :math:`\gamma = \sqrt{1 - |\lambda|^2}`, so that states are as large as inputs: Orvieto et
    al. 2023, sections 3.2 to 3.4.
    """

    def __init__(self, settings: LRU) -> None:
        super().__init__()
        units, states = settings.units, settings.states
        low, high = settings.smallest**2, settings.largest**2
        # |lambda|^2 is even within the ring, as points that are even over its area have it; above 0, for the logarithm.
        square = torch.empty(states).uniform_(low, high).clamp(min=1e-6)
        self.log_decay = nn.Parameter((-0.5 * square.log()).log())
        self.log_phase = nn.Parameter((settings.phase * torch.rand(states).clamp(min=1e-6)).log())
        self.log_gain = nn.Parameter((1 - square).log() / 2)
        self.input = draw_complex(states, units)
        self.output = draw_complex(units, states)
        with torch.no_grad():
            self.input /= math.sqrt(units)
            self.output /= math.sqrt(states)
        self.skip = nn.Parameter(torch.randn(units))

    def forward(self, u: Tensor, state: Tensor | None, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Run over a batch of sequences; see `Recurrence.forward`."""
        batch, time, _ = u.shape
        first = as_complex(u.new_zeros(self.state_shape(batch)) if state is None else state)
        flat = u.flatten(0, 1).mT
        inputs = self._weights()
        added = torch.complex(inputs.real @ flat, inputs.imag @ flat)
        states = scan(added.unflatten(1, (batch, time)), self.decay(), first.mT)
        parts = torch.cat([states.real, states.imag]).flatten(1)
        y = (self._readout() @ parts).mT.unflatten(0, (batch, time)) + self.skip * u
        return y, torch.view_as_real(_at_end(states, first.mT, lengths).mT)

    def step(self, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Run one time step; see `Recurrence.step`."""
        after = self.decay() * as_complex(state) + u.to(self._weights().dtype) @ self._weights().mT
        y = torch.cat([after.real, after.imag], -1) @ self._readout().mT + self.skip * u
        return y, torch.view_as_real(after)

    def state_shape(self, batch: int) -> tuple[int, ...]:
        """Return the shape of the state."""
        return batch, len(self.log_decay), 2

    def decay(self) -> Tensor:
        """Return what a step multiplies the states by, complex (states,)."""
        return torch.complex(-self.log_decay.exp(), self.log_phase.exp()).exp()

    def _weights(self) -> Tensor:
        """Return what a step adds of its inputs, complex (states, units)."""
        return as_complex(self.input) * self.log_gain.exp()[:, None]

    def _readout(self) -> Tensor:
        """Return what an output takes of the states' real and then imaginary parts (units, 2 * states)."""
        return torch.cat([self.output[..., 0], -self.output[..., 1]], 1)


def _at_end(states: Tensor, first: Tensor, lengths: Tensor | None) -> Tensor:
    """Return of states (N, B, T) those after each row's last step, the first (N, B) where it has none."""
    if lengths is None:
        lengths = torch.full(states.shape[1:2], states.shape[2])
    every = torch.cat([first[..., None], states], 2)
    return every.take_along_dim(lengths.to(states.device)[None, :, None], 2)[..., 0]
