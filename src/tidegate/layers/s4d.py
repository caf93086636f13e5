"""S4D, a diagonal state space model: a convolution of the whole sequence, or a recurrence step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tidegate.errors import SettingError
from tidegate.layers.diagonal import accumulate, power, response
from tidegate.layers.residual import Recurrence, ResidualStack, as_complex, draw_complex
from tidegate.layers.sequence import SequenceLayer
from tidegate.layers.settings import LayerSettings
from tidegate.settings import setting


@dataclass(kw_only=True)
class S4D(LayerSettings):
    """Settings of a stack of diagonal state space models; each field's help says what it does."""

    name = "s4d"
    units: int = setting(64, "features of each block, each with a state space of its own", low=1)
    layers: int = setting(2, "blocks stacked on each other", low=1)
    states: int = setting(32, "complex states of each feature; each stands for its conjugate too", low=1)
    frequencies: str = setting("lin", "where the states' frequencies start: S4D-Lin or S4D-Inv", choices=("lin", "inv"))
    method: str = setting("zoh", "how a step is made of continuous time", choices=("zoh", "bilinear"))
    shortest: float = setting(0.001, "smallest step size to start with; memory lasts about its inverse", above=0)
    longest: float = setting(0.1, "largest step size to start with", above=0)

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return a stack of state space models with fresh weights."""
        return S4DLayer(input_size, self)

    def check_together(self) -> None:
        """Refuse step sizes in the wrong order."""
        if self.shortest > self.longest:
            raise SettingError(f"shortest must be at most longest, {self.longest:g}, not {self.shortest:g}")


class S4DLayer(ResidualStack):
    """Blocks of diagonal state space models, with gated maps between them.

    The state (layers, B, units, states, 2) holds real and imaginary parts. Source: Gu, Gupta, Goel, Ré, 'On the
    parameterization and initialization of diagonal state space models', NeurIPS 2022; the blocks are those of Gu, Goel,
    Ré, 'Efficiently modeling long sequences with structured state spaces', ICLR 2022.
    """

    def __init__(self, input_size: int, settings: S4D) -> None:
        super().__init__(
            input_size,
            settings.units,
            layers=settings.layers,
            dropout=settings.dropout,
            make=lambda: StateSpace(settings),
        )


class StateSpace(Recurrence):
    r"""For each feature, :math:`x' = A x + u` and :math:`y = 2\,\mathrm{Re}(C x) + D u` with a diagonal complex A.

    In steps of size d, :math:`x_t = \bar A x_{t-1} + \bar B u_t`: by zero-order hold :math:`\bar A = e^{dA}`,
    :math:`\bar B = (\bar A - 1) / A`; bilinear :math:`\bar A = (1 + dA/2) / (1 - dA/2)`,
    :math:`\bar B = d / (1 - dA/2)`. B is 1: its product with C is all that counts. Gu et al. 2022, sections 3 and 4.
    """

    def __init__(self, settings: S4D) -> None:
        super().__init__()
        units, states, self.bilinear = settings.units, settings.states, settings.method == "bilinear"
        low, high = math.log(settings.shortest), math.log(settings.longest)
        self.log_step = nn.Parameter(torch.empty(units).uniform_(low, high))
        self.log_decay = nn.Parameter(torch.full((units, states), math.log(0.5)))
        index = torch.arange(states, dtype=torch.get_default_dtype())
        start = math.pi * index if settings.frequencies == "lin" else _inverse(index, 2 * states)
        self.frequency = nn.Parameter(start.repeat(units, 1))
        self.output = draw_complex(units, states)
        self.skip = nn.Parameter(torch.randn(units))

    def forward(self, u: Tensor, state: Tensor | None, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Run over a batch of sequences; see `Recurrence.forward`."""
        decay, gain = self.discrete()
        output, time, u = as_complex(self.output), u.shape[1], u.mT
        y = _convolve(u, response(output * gain, decay, time)) + self.skip[:, None] * u
        end = accumulate(u, decay, lengths) * gain
        if state is not None:
            before = as_complex(state)
            y = y + response(output * decay * before, decay, time)
            steps = torch.full((len(u),), time) if lengths is None else lengths
            end = end + power(decay, steps.to(u.device)) * before
        return y.mT, torch.view_as_real(end)

    def step(self, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Run one time step; see `Recurrence.step`."""
        decay, gain = self.discrete()
        after = decay * as_complex(state) + gain * u[..., None]
        y = 2 * (as_complex(self.output) * after).real.sum(-1) + self.skip * u
        return y, torch.view_as_real(after)

    def state_shape(self, batch: int) -> tuple[int, ...]:
        """Return the shape of the state."""
        return batch, *self.output.shape

    def discrete(self) -> tuple[Tensor, Tensor]:
        """Return what a step multiplies the states by and what it adds of an input, both complex (units, states)."""
        rate = torch.complex(-self.log_decay.exp(), self.frequency)
        step = self.log_step.exp()[:, None]
        half = step * rate / 2
        if self.bilinear:
            return (1 + half) / (1 - half), step / (1 - half)
        # 2 sinh(z/2) e^(z/2) is e^z - 1 without its loss of digits where the step is small.
        return (2 * half).exp(), 2 * half.sinh() * half.exp() / rate


def _inverse(index: Tensor, size: int) -> Tensor:
    """Return the frequencies of S4D-Inv: Gu et al. 2022, equation 9."""
    return size / math.pi * (size / (2 * index + 1) - 1)


def _convolve(u: Tensor, kernel: Tensor) -> Tensor:
    """Return the causal convolutions (B, H, T) of u (B, H, T) with kernels (H, T), by Fourier transforms."""
    time = u.shape[-1]
    if not time:
        return u
    # Room for all products, and a length of small factors, which a fast transform needs.
    size = min(factor << max(0, math.ceil(math.log2(2 * time / factor))) for factor in (1, 3, 5, 9, 15))
    product = torch.fft.rfft(u, size) * torch.fft.rfft(kernel, size)
    return torch.fft.irfft(product, size)[..., :time]
