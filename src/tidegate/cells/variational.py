"""The LSTM with one dropout mask for a whole sequence."""

from __future__ import annotations

from tidegate.cells.lstm import LSTM


class Variational(LSTM):
    """An LSTM whose dropout draws its masks once per sequence, for every layer's input and for what `U` multiplies.

    The share dropped is the layer's `dropout`. When to use it: against overfitting on small data. With the masks drawn
    in prediction as well, the spread of the predictions measures the model's uncertainty.
    """

    title = "Variational LSTM"
    paper = (
        "Gal, Ghahramani, 'A theoretically grounded application of dropout in recurrent neural networks', "
        "NIPS 2016, equation 7"
    )
    variational = True
