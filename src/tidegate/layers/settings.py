"""The shape of a recurrent network, shared by every task."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.settings import setting

INITIALS = ("xavier", "orthogonal", "uniform")


@dataclass(kw_only=True, eq=False, repr=False)
class RecurrentSettings:
    """Settings of a stack of recurrent layers; each field's help says what it does."""

    cell: str = setting("lstm", "recurrent cell; `tidegate cells` lists them")
    units: int = setting(50, "hidden units per layer", low=1)
    layers: int = setting(2, "layers stacked on each other", low=1)
    dropout: float = setting(0.0, "share of a layer's outputs dropped while training", low=0, below=1)
    bidirectional: bool = setting(False, "read the window in both directions")
    initial: str | None = setting(None, "how weights start (default: as the cell's paper says)", choices=INITIALS)
