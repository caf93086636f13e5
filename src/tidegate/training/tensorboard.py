"""TensorBoard event files, for who asks for them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tidegate.errors import MissingExtraError
from tidegate.training.history import EpochResult, History

_NAMES = ("loss", "validation_loss", "learning_rate", "gradient_norm", "seconds", "metric")


@contextlib.contextmanager
def open_scalars(folder: Path | None, history: History) -> Iterator[Callable[[EpochResult], None]]:
    """Give a function that writes an epoch's numbers to `folder`; without a folder it does nothing.

    A resumed run hides what an earlier one wrote about epochs after `history`.

    Raises:
        MissingExtraError: when TensorBoard is not installed.
    """
    if folder is None:
        yield lambda result: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtraError("tensorboard", "tensorboard") from None
    with SummaryWriter(str(folder), purge_step=len(history.rows) + 1) as writer:
        yield lambda result: _write(writer.add_scalar, result)


def _write(add_scalar: Callable[[str, float, int], None], result: EpochResult) -> None:
    for name in _NAMES:
        value = getattr(result, name)
        if value is not None:
            add_scalar(name, value, result.epoch)
