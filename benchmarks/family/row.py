"""What a row of the table is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.family.members import Member
from benchmarks.family.tasks import Task


@dataclass(frozen=True)
class Row:
    """One task and its members.

    Attributes:
        title: what the table calls the task.
        task: makes it from the folder with the public data.
        members: who is measured; "lstm" is what the others are compared with.
        weights: numbers that each learns, about.
        steps: optimiser steps, the same for each.
        rate: the largest learning rate, the same for each.
        needs: the folder of data without which there is no row; none for a generated task.
        published: figures from elsewhere, of larger networks and longer training.
    """

    title: str
    task: Callable[[Path], Task]
    members: Callable[[Path], Sequence[Member]]
    weights: int
    steps: int
    rate: float = 3e-3
    needs: str = ""
    published: str = ""
