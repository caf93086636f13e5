"""Losses of forecasts; an unknown (NaN) target is left out of the mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tidegate.errors import SettingError
from tidegate.training.objective import Counted, Loss


def make_loss(name: str, *, quantiles: Sequence[float] | None = None) -> Loss:
    """Make a loss by name.

    Args:
        name: mse, mae, huber (quadratic up to an error of 1, linear beyond) or quantile (the pinball loss).
        quantiles: the quantiles in (0, 1) that the Q outputs of the network stand for; for `quantile` only.

    Returns:
        A function of a prediction (B, S, K, Q) and a target (B, S, K) to the mean over all known targets and all
        outputs, and how many those are. NaN in the target counts as unknown and gives no gradient; when all are NaN
        the loss is 0.

    Raises:
        SettingError: for an unknown name, or quantiles that are missing, not wanted or outside (0, 1).
    """
    if name == "quantile":
        return _pinball(_checked(quantiles))
    if name not in _POINTWISE:
        raise SettingError(f"loss must be one of {', '.join([*_POINTWISE, 'quantile'])}, not {name!r}")
    if quantiles is not None:
        raise SettingError(f"quantiles belong to loss='quantile', not to loss={name!r}; leave them out")
    return _known_only(_POINTWISE[name])


_POINTWISE: dict[str, Callable[..., Tensor]] = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}


def _known_only(pointwise: Callable[..., Tensor]) -> Loss:
    def loss(prediction: Tensor, target: Tensor) -> Counted:
        target = target.unsqueeze(-1)
        unknown = target.isnan()
        # Asking costs 4 µs on a CPU and saves 20; on another device it would wait for all work queued there.
        if target.device.type == "cpu" and not unknown.any():
            return pointwise(prediction, target.expand_as(prediction)), prediction.numel()
        # An unknown target becomes the prediction itself: an error of 0, whose gradient is 0 in all three losses.
        filled = torch.where(unknown, prediction.detach(), target)
        count = (unknown.numel() - unknown.sum()) * prediction.shape[-1]
        return pointwise(prediction, filled, reduction="sum") / count.clamp(min=1), count

    return loss


def _pinball(quantiles: tuple[float, ...]) -> Loss:
    levels = torch.tensor(quantiles)

    def loss(prediction: Tensor, target: Tensor) -> Counted:
        level = levels.to(prediction)
        error = target.unsqueeze(-1) - prediction
        unknown = error.isnan() & target.isnan().unsqueeze(-1)
        error = error.masked_fill(unknown, 0.0)
        # max(q e, (q - 1) e), written so that e = 0 has no gradient but q, which masked_fill stops.
        count = unknown.numel() - unknown.sum()
        return (level * error + torch.relu(-error)).sum() / count.clamp(min=1), count

    return loss


def _checked(quantiles: Sequence[float] | None) -> tuple[float, ...]:
    if not quantiles or not all(0 < level < 1 for level in quantiles):
        raise SettingError(f"quantiles must be numbers between 0 and 1 for loss='quantile', not {quantiles!r}")
    return tuple(float(level) for level in quantiles)
