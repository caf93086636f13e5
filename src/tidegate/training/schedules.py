"""Learning-rate schedules as functions of what has happened so far, so that a checkpoint need not hold their state.

    constant   the learning rate of the settings
    cosine     from it down to 0 along half a cosine over all steps (Loshchilov & Hutter 2017, without restarts)
    onecycle   up to it over the first 30 % of all steps, from 1/25, then down to 1/250 000 (Smith & Topin 2018)
    step       divided by 10 after each third of the epochs
    plateau    halved when what decides which epoch is best has not improved for a third of `patience` epochs (without
               a validation part: the training loss)

`cosine` and `onecycle` change at every step, the others between epochs. A run that stops early sees only the first
part of `cosine`, `onecycle` and `step`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tidegate.training.history import History
from tidegate.training.settings import TrainingSettings

OPEN_ENDED = ("constant", "plateau")
"""Schedules that do not depend on the number of epochs: such a run can be resumed with more of them."""


def learning_rates(settings: TrainingSettings, history: History, steps: int) -> Callable[[int], float]:
    """The learning rate of each step of the epoch that follows `history`, in a run of so many steps per epoch."""
    base, done = settings.learning_rate, len(history.rows)
    if settings.schedule in _BY_STEP:
        share = _BY_STEP[settings.schedule]
        total = settings.epochs * steps
        return lambda step: base * share(done * steps + step, total)
    if settings.schedule == "step":
        rate = base * 0.1 ** (done // math.ceil(settings.epochs / 3))
    elif settings.schedule == "plateau":
        rate = base * 0.5 ** _plateaus(history, max(1, (settings.patience or 15) // 3))
    else:
        rate = base
    return lambda step: rate


def _cosine(step: float, total: float) -> float:
    return (1 + math.cos(math.pi * step / total)) / 2


def _onecycle(step: float, total: float) -> float:
    low, end, top = 1 / 25, 1 / 25e4, 0.3 * total - 1
    if step <= top:
        return low + (1 - low) * (1 - math.cos(math.pi * step / top)) / 2 if top > 0 else 1.0
    return end + (1 - end) * _cosine(step - max(top, 0), max(total - 1 - max(top, 0), 1))


def _plateaus(history: History, patience: int) -> int:
    best, waited, count = math.inf, 0, 0
    for row in history.rows:
        now = history.badness(row)
        waited = 0 if now < best else waited + 1
        best = min(best, now)
        if waited >= patience:
            count, waited = count + 1, 0
    return count


_BY_STEP: dict[str, Callable[[float, float], float]] = {"cosine": _cosine, "onecycle": _onecycle}
