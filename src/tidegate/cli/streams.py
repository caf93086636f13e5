"""Standard streams that can print every language, whatever the locale."""

from __future__ import annotations

import codecs
import io


def take_any_character(stream: object) -> None:
    """Let a standard stream print every character.

    ASCII is what is left where nobody chose an encoding, so it becomes UTF-8; any other encoding was chosen, and shows
    a question mark for what it lacks.
    """
    if isinstance(stream, io.TextIOWrapper):
        unchosen = codecs.lookup(stream.encoding).name == "ascii"
        stream.reconfigure(encoding="utf-8" if unchosen else None, errors="replace")
