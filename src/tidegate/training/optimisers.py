"""Optimisers by name, in the form that costs least per step, and gradient clipping."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, _foreach_mul_, _foreach_norm, nn, optim  # pyright: ignore[reportPrivateImportUsage]
from torch.optim import Optimizer

from tidegate.training.settings import TrainingSettings

Kind = TypeVar("Kind", bound=type[Optimizer])


def _uncompiled(kind: Kind) -> Kind:
    """The same optimiser without what keeps torch's compiler out of its methods.

    Those wrappers import the compiler at the first call, which takes a second in every program that trains.
    """
    names = ("add_param_group", "state_dict", "load_state_dict", "zero_grad")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), {**plain, "step": step})  # pyright: ignore[reportReturnType]


Adam, AdamW = _uncompiled(optim.Adam), _uncompiled(optim.AdamW)
RMSprop, SGD = _uncompiled(optim.RMSprop), _uncompiled(optim.SGD)


def make_optimiser(network: nn.Module, settings: TrainingSettings, device: torch.device) -> Optimizer:
    """Make the optimiser of all trainable weights.

    With a network of 2 × 50 units on a CPU, one step of Adam takes 245 µs one weight after the other (torch's default),
    189 µs as lists of tensors (foreach) and 70 µs fused; RMSprop has no fused form and takes 167 µs and 124 µs.
    """
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    return _MAKERS[settings.optimizer](weights, settings, device.type in ("cpu", "cuda"))


def _adam(weights: list[nn.Parameter], settings: TrainingSettings, fused: bool) -> Optimizer:
    return Adam(weights, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=fused)


def _adamw(weights: list[nn.Parameter], settings: TrainingSettings, fused: bool) -> Optimizer:
    return AdamW(weights, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=fused)


def _sgd(weights: list[nn.Parameter], settings: TrainingSettings, fused: bool) -> Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    return SGD(weights, lr=rate, weight_decay=decay, momentum=settings.momentum, fused=fused)


def _rmsprop(weights: list[nn.Parameter], settings: TrainingSettings, fused: bool) -> Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    return RMSprop(weights, lr=rate, weight_decay=decay, momentum=settings.momentum, foreach=True)


_MAKERS: dict[str, Callable[[list[nn.Parameter], TrainingSettings, bool], Optimizer]] = {
    "adam": _adam,
    "adamw": _adamw,
    "rmsprop": _rmsprop,
    "sgd": _sgd,
}


def clip_gradients(weights: list[Tensor], limit: float | None) -> Tensor:
    """Scale the gradients of these weights down to a common norm of at most `limit`; return their norm before.

    The same arithmetic as torch.nn.utils.clip_grad_norm_ at a third of its time (18 µs instead of 59).
    """
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack(_foreach_norm(gradients)))
    # Comparing waits for a GPU, where scaling always is cheaper.
    if limit is not None and (norm.device.type != "cpu" or norm > limit):
        _foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp_(max=1.0))
    return norm
