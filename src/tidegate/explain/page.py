"""The explanation of a trained model as one page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from tidegate.explain import figures
from tidegate.explain.finding import subject_of, subject_of_folder
from tidegate.explain.gradients import gradient_norms
from tidegate.explain.looking import ALL, GRADIENT, MOST_GRADIENTS, MOST_JUDGED, importance_of, lookback_of
from tidegate.explain.subject import NothingToMeasureError, One, Subject
from tidegate.explain.watching import ATTENTION, OUTPUT, Watched, watch
from tidegate.layers.recurrent import Recurrent
from tidegate.layers.sequence import SequenceLayer
from tidegate.reporting import sections
from tidegate.reporting.formats import list_texts, minus_text, number_text, time_texts
from tidegate.reporting.html import to_html
from tidegate.reporting.pictures import page_svg
from tidegate.reporting.report import Block, Paragraph, Picture, Report, Row, Section, Table, TableCell
from tidegate.storage.files import write_atomically
from tidegate.words import check_language, words

_PACKAGE = "tidegate.explain"
_REPEATS = 5
_COMPARED = ("rnn", "lstm", "gru")
_MOST_UNITS = 64


def write_explanation(
    model: Any, file: str | Path, x: Any = None, y: Any = None, *, lang: str = "en", **options: Any
) -> Path:
    """Write a page that explains a trained model: which columns matter, how far back it looks, its gates and memory.

    The page is one file that holds everything it shows and needs no network.

    Args:
        model: fitted, of any task, a `torch.nn.Module` of sequences, or the folder of a run or of a model.
        file: the HTML file to write.
        x, y: data as `importance` takes them; of a run None are its own.
        lang: "en" or "zh".
        options: as `importance` takes them.

    Returns:
        The file's path.

    Raises:
        ModelFolderError: the folder is missing, damaged or of another version.
        DataError: the data cannot be used, or such a model cannot be explained.
        SettingError: there is no such language.
    """
    check_language(lang)  # before anything is computed
    if isinstance(model, str | Path):
        subject = subject_of_folder(Path(model), x, **options)
    else:
        subject = subject_of(model, x, y, **options)
    write_atomically(Path(file), to_html(explanation(subject, lang)).encode())
    return Path(file)


def explanation(subject: Subject, lang: str) -> Report:
    """Return the page as data."""
    say = words(_PACKAGE, lang)
    one = subject.one()
    seen = watch(subject.network, one.examples)
    back = lookback_of(subject.network, subject.several(MOST_GRADIENTS))
    matter, why = _measured(subject, lang)
    return Report(
        lang=lang,
        title=f"{subject.title} · {say['title']}",
        verdict=_first_line(subject, back, matter, lang),
        tone="plain",
        lead=" ".join(note.sentence(lang) for note in subject.notes),
        sections=(
            Section(say["heading.columns"], [Paragraph(why)] if matter is None else _columns(matter, lang)),
            Section(say["heading.lookback"], _lookback(back, lang)),
            Section(say["heading.inside"], _inside(one, seen, lang)),
            Section(say["heading.gradients"], _gradients(subject, int(back["lag"].max()), lang)),
            sections.reading([say["reading.gates"], say["reading.columns"], say["reading.gradient"]], lang),
        ),
    )


def _measured(subject: Subject, lang: str) -> tuple[pd.DataFrame | None, str]:
    """Return the columns' importance, or why there is none."""
    try:
        return importance_of(subject.network, subject.judged(MOST_JUDGED), repeats=_REPEATS, seed=0), ""
    except NothingToMeasureError as error:
        return None, words(_PACKAGE, lang)["unmeasured"].format(reason=error.note.sentence(lang))


def _first_line(subject: Subject, back: pd.DataFrame, matter: pd.DataFrame | None, lang: str) -> str:
    say = words(_PACKAGE, lang)
    rows = back[(back["measure"] == GRADIENT) & (back["column"] == ALL)].sort_values("lag")
    total = rows["value"].sum()
    if not total > 0:
        return say["line.nothing"].format(title=subject.title)
    share = rows["value"].cumsum() / total
    half, most = (int((share < level - 1e-9).sum()) + 1 for level in (0.5, 0.9))
    line = say["line.back"].format(title=subject.title, half=half, most=most, steps=len(rows))
    if matter is None or not matter["importance"].iloc[0] > 0:
        return line
    first = matter.iloc[0]
    error, permuted = (number_text(first[name]) for name in ("error", "permuted"))
    metric = matter.attrs["metric"]
    column = say["line.column"].format(column=first["column"], metric=metric, error=error, permuted=permuted)
    return say["line.both"].format(back=line, column=column)


def _columns(matter: pd.DataFrame, lang: str) -> list[Block]:
    say, metric = words(_PACKAGE, lang), matter.attrs["metric"]
    svg = page_svg(partial(figures.importance_figure, matter), "importance", lang=lang, label=say["alt.importance"])
    texts = [list_texts(matter[name]) for name in ("permuted", "spread", "importance")]
    rows = [
        Row(str(name), [TableCell(minus_text(text)) for text in cells])
        for name, *cells in zip(matter["column"], *texts, strict=True)
    ]
    named = [say[f"column.{name}"].format(metric=metric) for name in ("permuted", "spread", "more")]
    error = number_text(float(matter["error"].iloc[0]))
    caption = say["caption.importance"].format(metric=metric, error=error, repeats=_REPEATS)
    return [Picture(svg, caption), Table(say["heading.columns"], [say["column"], *named], rows)]


def _lookback(back: pd.DataFrame, lang: str) -> list[Block]:
    say = words(_PACKAGE, lang)
    svg = page_svg(partial(figures.lookback_figure, back), "lookback", lang=lang, label=say["alt.lookback"])
    return [Picture(svg, say["caption.lookback"])]


def _inside(one: One, seen: Watched, lang: str) -> list[Block]:
    say = words(_PACKAGE, lang)
    blocks: list[Block] = [Paragraph(_which(one, lang))] if one.times is not None and len(one.times) else []
    captions: set[str] = set()
    for number, (layer, quantities) in enumerate(seen.values.items()):
        label = say["alt.layer"].format(layer=layer)
        shown = {} if any(name.startswith(ATTENTION) for name in quantities) else one.values
        drawer = partial(figures.layer_figure, layer, quantities, shown)
        svg = page_svg(drawer, f"layer{number}", lang=lang, label=label)
        caption = _caption(quantities)
        blocks.append(Picture(svg, "" if caption in captions else say[caption]))
        captions.add(caption)
    return blocks + sections.notes([note.sentence(lang) for note in seen.notes], lang)


def _caption(quantities: Sequence[str] | dict[str, Any]) -> str:
    if any(name.startswith(ATTENTION) for name in quantities):
        return "caption.attention"
    return "caption.outputs" if list(quantities) == [OUTPUT] else "caption.gates"


def _which(one: One, lang: str) -> str:
    assert one.times is not None
    say = words(_PACKAGE, lang)
    start, end = time_texts([one.times[0], one.times[-1]])
    return say["which.named" if one.name else "which"].format(name=one.name, start=start, end=end)


def _gradients(subject: Subject, steps: int, lang: str) -> list[Block]:
    """Draw the trained layer's gradients beside those of fresh cells of its size; nothing where there is no layer."""
    layer = _outer_layer(subject.network)
    if layer is None or layer.context_size:
        return []
    say = words(_PACKAGE, lang)
    units = min(layer.output_size, _MOST_UNITS)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        fresh = {say["fresh"].format(cell=name.upper()): Recurrent(name, layer.input_size, units) for name in _COMPARED}
    like = next(layer.parameters(), torch.empty(0))
    layers: dict[str, SequenceLayer] = {say["trained"].format(title=subject.title): layer}
    frame = gradient_norms(layers | {name: each.to(like) for name, each in fresh.items()}, steps=max(steps, 2))
    svg = page_svg(partial(figures.gradient_figure, frame), "gradients", lang=lang, label=say["alt.gradients"])
    return [Picture(svg, say["caption.gradients"])]


def _outer_layer(network: nn.Module) -> SequenceLayer | None:
    return next((module for module in network.modules() if isinstance(module, SequenceLayer)), None)
