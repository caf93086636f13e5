"""Sequence layers that share one contract and are chosen by name; see docs/layers.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tidegate.layers.registry import get, names, register
from tidegate.layers.settings import LayerSettings, RecurrentSettings

if TYPE_CHECKING:
    from tidegate.layers.convlstm import ConvLSTM as ConvLSTM
    from tidegate.layers.gconv import GConv as GConv
    from tidegate.layers.graph import edges_of as edges_of
    from tidegate.layers.ntm import NTM as NTM
    from tidegate.layers.recurrent import Recurrent as Recurrent
    from tidegate.layers.sequence import SequenceLayer as SequenceLayer
    from tidegate.layers.sequence import without_padding as without_padding
    from tidegate.layers.tgcn import TGCN as TGCN
    from tidegate.layers.xlstm import XLSTM as XLSTM

# Imported when first used: they need torch, and the command line reads the settings without it.
_HOMES = {
    "ConvLSTM": "convlstm",
    "GConv": "gconv",
    "NTM": "ntm",
    "Recurrent": "recurrent",
    "SequenceLayer": "sequence",
    "TGCN": "tgcn",
    "XLSTM": "xlstm",
    "edges_of": "graph",
    "without_padding": "sequence",
}
__all__ = ["LayerSettings", "RecurrentSettings", "get", "names", "register", *_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


if not TYPE_CHECKING:  # a checker that saw it would believe in every name

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
