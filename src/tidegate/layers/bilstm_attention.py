"""Self-attention over a bidirectional LSTM, with residual connections and norms: a chain under a name of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidegate.layers.chain import Chain
from tidegate.settings import setting

_PARTS = (
    {"name": "recurrent", "units": 32, "layers": 1, "bidirectional": True},
    {"name": "attention", "causal": False},
)


@dataclass(kw_only=True)
class BiLSTMAttention(Chain):
    """Settings of self-attention over a bidirectional LSTM; the parts are those of a chain, 0 and 1.

    Each step sees the whole sequence, as in BERT (Devlin et al., NAACL 2019), with an LSTM in place of its embedding of
    positions; residual connections and norms as in Chen et al., ACL 2018, section 4.
    """

    name = "bilstm_attention"
    parts: tuple[Any, ...] = setting(_PARTS, "layers from the inputs on: their names or settings")
    residual: bool = setting(True, "add what a part reads to its outputs")
    norm: bool = setting(True, "normalise the outputs of each part over their features")

    @property
    def title(self) -> str:
        """The name in capitals."""
        return self.name.upper()
