"""The LSTM with a projected output."""

from __future__ import annotations

from tidegate.cells.lstm import LSTM


class Projected(LSTM):
    """An LSTM that gives, and reads through `U`, a learned projection of its output to fewer numbers.

    `projection` is how many there are for each unit. When to use it: a large memory on a small budget, since `U` and
    the next layer's `W` shrink with it.
    """

    title = "Projected LSTM"
    paper = (
        "Sak, Senior, Beaufays, 'Long short-term memory recurrent neural network architectures for large scale "
        "acoustic modeling', Interspeech 2014, section 2.2"
    )
    projection = 0.5
