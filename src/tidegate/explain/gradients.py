"""How gradients vanish: what reaches a step of the input from an output so many steps later."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tidegate.engine.threads import one_torch_thread
from tidegate.errors import DataError
from tidegate.explain.subject import evaluating
from tidegate.layers.sequence import SequenceLayer

STEPS = 100
_ROWS = 4


@one_torch_thread()
def gradient_norms(layers: Mapping[str, SequenceLayer], *, steps: int = STEPS, seed: int = 0) -> pd.DataFrame:
    r"""Return the norm of the gradient against distance, of layers as they are, trained or fresh.

    It is the Frobenius norm of :math:`\partial y_T / \partial x_{T-d}`, the root of its mean square over four sequences
    of standard normal inputs. Source: Bengio, Simard, Frasconi, 'Learning long-term dependencies with gradient descent
    is difficult', IEEE Transactions on Neural Networks 5 (1994).

    Args:
        layers: by the names that they have in the result.
        steps: length of the sequences, at least 1.
        seed: of the inputs.

    Returns:
        A row for each layer and distance: layer, distance (0 is the newest step), norm, relative (to the one at 0).

    Raises:
        DataError: a layer reads a context, or `steps` is below 1.

    Example:
        >>> from tidegate import Recurrent
        >>> frame = gradient_norms({"rnn": Recurrent("rnn", 4, 16)}, steps=10)
        >>> frame.columns.tolist(), len(frame)
        (['layer', 'distance', 'norm', 'relative'], 10)
    """
    if steps < 1:
        raise DataError(f"steps must be at least 1, not {steps!r}")
    frames = []
    for name, layer in layers.items():
        if layer.context_size:
            raise DataError(f"layer {name} reads a context, of which nothing is known here; build it without one")
        norms = _norms(layer, _inputs(layer, steps, seed))
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = norms / norms[0]
        frames.append(pd.DataFrame({"layer": name, "distance": np.arange(steps), "norm": norms, "relative": relative}))
    return pd.concat(frames, ignore_index=True)


def _inputs(layer: SequenceLayer, steps: int, seed: int) -> Tensor:
    draw = np.random.default_rng(seed).standard_normal((_ROWS, steps, layer.input_size))
    return torch.from_numpy(draw).to(next(layer.parameters(), torch.empty(0)))


def _norms(layer: SequenceLayer, x: Tensor) -> np.ndarray:
    """Return the norm (T,), the newest first: a copy of each row for every unit gives all of a row's gradients."""
    units = layer.output_size
    copies = x.repeat(units, 1, 1).requires_grad_()
    with evaluating(layer), torch.enable_grad():
        y = layer.last(layer(copies)[0])
        (gradient,) = torch.autograd.grad(y, copies, torch.eye(units, dtype=y.dtype).to(y).repeat_interleave(len(x), 0))
    squares = gradient.double().square().sum(2).unflatten(0, (units, len(x))).sum(0)
    return squares.mean(0).sqrt().flip(0).cpu().numpy()
