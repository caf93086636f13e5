"""A panel as what JSON can hold, and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tidegate.notes import Note
from tidegate.tables.panel import Panel

PANEL = ("times", "starts", "targets", "past", "future", "static")
"""The arrays that every panel has."""


def panel_parts(panel: Panel) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `panel_of` takes: freq, notes, ids and whether it is dated; and the arrays by name."""
    dated = panel.times.dtype.kind == "M"
    about = {
        "freq": panel.freq,
        "notes": [note.to_json() for note in panel.notes],
        "ids": panel.ids.tolist(),
        "dated": dated,
    }
    arrays = {name: getattr(panel, name) for name in PANEL}
    arrays["times"] = panel.times.astype("datetime64[ns]").view(np.int64) if dated else panel.times
    arrays |= {} if panel.ahead is None else {"ahead": panel.ahead}
    return about, {name: as_tensor(array) for name, array in arrays.items()}


def panel_of(
    ids: Sequence[Any],
    freq: str | int | float,
    notes: Sequence[dict[str, Any] | str],
    tensors: Mapping[str, Tensor],
    *,
    dated: bool,
) -> Panel:
    """The panel of which `panel_parts` made these."""
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    if dated:
        arrays["times"] = arrays["times"].view("datetime64[ns]")
    names = np.empty(len(ids), dtype=object)
    names[:] = ids
    return Panel(ids=names, freq=freq, notes=tuple(map(Note.from_json, notes)), **arrays)


def as_tensor(array: np.ndarray) -> Tensor:
    """An array as a tensor that can be saved."""
    return torch.from_numpy(np.ascontiguousarray(array))
