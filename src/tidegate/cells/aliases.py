"""Names from the literature that stand for a built-in cell in a layer with an option of its own.

Their equations are the cell's; the option works with every cell (`tidegate.layers.RecurrentSettings`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Alias:
    """A name for a cell with an option of its layer.

    Attributes:
        name: how users call it.
        cell: the cell's name.
        option: the layer's setting that is on.
        title: what a heading calls it.
        paper: where it comes from.
        about: what it is, and when to use it.
    """

    name: str
    cell: str
    option: str
    title: str
    paper: str
    about: str


_VARIATIONAL = Alias(
    name="variational",
    cell="lstm",
    option="variational",
    title="Variational LSTM",
    paper="Gal, Ghahramani, 'A theoretically grounded application of dropout in recurrent neural networks', "
    "NIPS 2016, equation 7",
    about="""An LSTM whose dropout draws its masks once per sequence, for every layer's input and what `U` multiplies.

The share dropped is the layer's `dropout`. When to use it: against overfitting on small data. With the masks drawn
in prediction as well, the spread of the predictions measures the model's uncertainty.""",
)

_CONTEXTUAL = Alias(
    name="contextual",
    cell="lstm",
    option="contextual",
    title="Context-aware LSTM",
    paper="Ghosh, Vinyals, Strope, Roy, Dean, Heck, 'Contextual LSTM (CLSTM) models for large scale NLP tasks', "
    "2016, section 3",
    about="""An LSTM into whose gates a context enters at every step and in every layer.

The context is what is known of the whole sequence: static features in forecasting, a topic in text. It joins each
layer's input, which gives every gate a matrix of its own for it. When to use it: where what a sequence is about
changes how it goes on. Without a context it is an LSTM.""",
)

ALIASES: dict[str, Alias] = {alias.name: alias for alias in (_CONTEXTUAL, _VARIATIONAL)}
