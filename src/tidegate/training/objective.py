"""What training lowers, and what decides which epoch is best; tasks bring both.

Either is a mean together with how much was counted: values, words, samples. Batches are then weighted by what counted
in them, so that masked targets and padding do not skew the mean of an epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Counted = tuple[Tensor, Tensor | int]
"""A mean (a scalar) and of how many; with a count of 0 the mean is not read."""

Loss = Callable[[Any, Any], Counted]
"""Of what the network returns and the target."""


@dataclass(frozen=True)
class Metric:
    """A number besides the loss that decides which epoch is best.

    Attributes:
        name: what the history calls it.
        measure: of what the network returns and the target; needs no gradient.
        higher_is_better: as accuracy is, and an error is not.

    Example:
        >>> accuracy = Metric(
        ...     "accuracy", lambda scores, label: ((scores.argmax(1) == label).float().mean(), len(label)), True
        ... )
    """

    name: str
    measure: Loss
    higher_is_better: bool = False
