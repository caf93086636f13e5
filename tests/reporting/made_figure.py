"""A figure with words of the user's beside those of the language."""

import numpy as np

from tidegate.reporting.plotting import key, line, panels, time_axis
from tidegate.words import words


def labelled(text):
    """Draws a line over days whose label is the text."""

    def draw(style, lang):
        say = words("tidegate.reporting", lang)
        figure, axes = panels(1, say["figure.loss"])
        days = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
        line(axes[0, 0], days, np.arange(len(days)), color=style.network)
        axes[0, 0].set_title(text, loc="left")
        time_axis(axes[0, 0], days, lang)
        key(axes[0, 0], [(say["part.train"], style.network)])
        return figure

    return draw
