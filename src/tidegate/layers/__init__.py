"""Sequence layers that share one contract and are chosen by name; see docs/layers.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tidegate.layers.registry import get, names, register
from tidegate.layers.settings import LayerSettings, RecurrentSettings

if TYPE_CHECKING:
    from tidegate.layers.attending import AttentionPooling as AttentionPooling
    from tidegate.layers.attending import MemoryAttention as MemoryAttention
    from tidegate.layers.attention import Attention as Attention
    from tidegate.layers.bilstm_attention import BiLSTMAttention as BiLSTMAttention
    from tidegate.layers.chain import Chain as Chain
    from tidegate.layers.conv import Conv as Conv
    from tidegate.layers.convlstm import ConvLSTM as ConvLSTM
    from tidegate.layers.dilated import Dilated as Dilated
    from tidegate.layers.document import DocumentEncoder as DocumentEncoder
    from tidegate.layers.gconv import GConv as GConv
    from tidegate.layers.graph import edges_of as edges_of
    from tidegate.layers.hierarchical import Hierarchical as Hierarchical
    from tidegate.layers.lru import LRU as LRU
    from tidegate.layers.multiscale import MultiScale as MultiScale
    from tidegate.layers.ntm import NTM as NTM
    from tidegate.layers.recurrent import Recurrent as Recurrent
    from tidegate.layers.s4d import S4D as S4D
    from tidegate.layers.sequence import SequenceLayer as SequenceLayer
    from tidegate.layers.sequence import without_padding as without_padding
    from tidegate.layers.tcn import TCN as TCN
    from tidegate.layers.tgcn import TGCN as TGCN
    from tidegate.layers.xlstm import XLSTM as XLSTM

# Imported when first used: they need torch, and the command line reads the settings without it.
_HOMES = {
    "Attention": "attention",
    "AttentionPooling": "attending",
    "BiLSTMAttention": "bilstm_attention",
    "Chain": "chain",
    "Conv": "conv",
    "ConvLSTM": "convlstm",
    "Dilated": "dilated",
    "DocumentEncoder": "document",
    "GConv": "gconv",
    "Hierarchical": "hierarchical",
    "LRU": "lru",
    "MemoryAttention": "attending",
    "MultiScale": "multiscale",
    "NTM": "ntm",
    "Recurrent": "recurrent",
    "S4D": "s4d",
    "SequenceLayer": "sequence",
    "TCN": "tcn",
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
