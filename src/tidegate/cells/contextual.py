"""The LSTM with a context in every gate."""

from __future__ import annotations

from tidegate.cells.lstm import LSTM


class Contextual(LSTM):
    """An LSTM into whose gates a context enters at every step and in every layer.

    The context is what is known of the whole sequence: static features in forecasting, a topic in text. It joins each
    layer's input, which gives every gate a matrix of its own for it. When to use it: where what a sequence is about
    changes how it goes on. Without a context it is an LSTM.
    """

    title = "Context-aware LSTM"
    paper = (
        "Ghosh, Vinyals, Strope, Roy, Dean, Heck, 'Contextual LSTM (CLSTM) models for large scale NLP tasks', "
        "2016, section 3"
    )
    contextual = True
