"""Tasks whose data lie in files: each function takes the folder with the public data, and returns the task.

The parts of a set that are published as its test are read once, at the end; what is chosen is chosen on "valid".
"""

from __future__ import annotations

import csv
import lzma
import re
import tarfile
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from benchmarks.family import measures
from benchmarks.family.tasks import Batch, Task
from torch import Tensor

SENTENCES, WORDS, VOCABULARY = 16, 24, 10_000
STEPS = 12  # of traffic that are seen, as in T-GCN's published runs


def held_out(parts: dict[str, Batch], *, batch: int, rows: int = 200) -> dict:
    """Return how a task draws from its part "train", and the others in batches of `rows`."""
    train = parts["train"]

    def of(whole: Batch, chosen: Tensor) -> Batch:
        return Batch(whole.x[chosen], whole.y[chosen], None if whole.lengths is None else whole.lengths[chosen])

    def cut(name: str) -> list[Batch]:
        return [of(parts[name], chosen) for chosen in torch.arange(len(parts[name].x)).split(rows)]

    def draw(generator: torch.Generator) -> Batch:
        return of(train, torch.randint(len(train.x), (batch,), generator=generator))

    return {"draw": draw, "held": cut}


def shuffled(rows: int) -> Tensor:
    """Return the numbers of the rows in an order that is the same each time."""
    return torch.randperm(rows, generator=torch.Generator().manual_seed(0))


def mnist1d(folder: Path, batch: int) -> Task:
    """Digits drawn as 40 numbers; the last 600 of the shuffled training rows validate."""
    with np.load(folder / "mnist1d" / "mnist1d.npz") as file:
        arrays = {name: torch.from_numpy(file[name]) for name in ("x", "y", "x_test", "y_test")}
    order = shuffled(len(arrays["x"]))
    parts = {
        name: Batch(arrays["x"][rows, :, None].float(), arrays["y"][rows])
        for name, rows in (("train", order[:-600]), ("valid", order[-600:]))
    }
    parts["test"] = Batch(arrays["x_test"][..., None].float(), arrays["y_test"])
    return Task(1, 10, measures.accuracy(), **held_out(parts, batch=batch), baseline=10.0)


def chorales(folder: Path, batch: int) -> Task:
    """JSB chorales: which of 88 keys sound at the next step, as they are split in `poly_music`."""
    from scipy.io import loadmat

    pieces = loadmat(str(folder / "poly_music" / "JSB_Chorales.mat"))
    parts = {part: _rolls(pieces[f"{part}data"][0]) for part in ("train", "valid", "test")}
    return Task(88, 88, measures.steps_nll(), **held_out(parts, batch=batch), every=True)


def _rolls(pieces: Iterable[np.ndarray]) -> Batch:
    rolls = [torch.from_numpy(piece.astype(np.float32)) for piece in pieces]
    whole = torch.nn.utils.rnn.pad_sequence(rolls, batch_first=True)
    return Batch(whole[:, :-1], whole[:, 1:], torch.tensor([len(roll) - 1 for roll in rolls]))


def traffic(folder: Path, batch: int, *, ahead: int) -> Task:
    """Speed at 207 sensors in Los Angeles: 12 steps of 5 minutes in, the next `ahead` out; the last fifth tests."""
    with lzma.open(folder / "los_loop" / "los_speed.csv.xz", "rt", encoding="utf-8") as file:
        speed = torch.from_numpy(np.loadtxt(file, delimiter=",", skiprows=1, dtype=np.float32))
    first_test = int(len(speed) * 0.8)
    first_valid = int(first_test * 0.9)
    edges = {"train": (0, first_valid), "valid": (first_valid, first_test), "test": (first_test, len(speed))}
    parts = {}
    for name, (begin, end) in edges.items():
        windows = speed[begin:end].unfold(0, STEPS + ahead, 1)  # (N, 207, steps)
        x, y = windows[..., :STEPS].mT, windows[..., STEPS:]
        parts[name] = Batch(x.contiguous(), y.contiguous())
    return Task(207, 207 * ahead, measures.root(), **held_out(parts, batch=batch))


@lru_cache
def traffic_edges(folder: Path) -> tuple[tuple[int, int, float], ...]:
    """Return the edges of the sensors' graph, with their weights, without those from a sensor to itself."""
    with lzma.open(folder / "los_loop" / "los_adj.csv.xz", "rt", encoding="utf-8") as file:
        matrix = np.loadtxt(file, delimiter=",")
    return tuple((int(i), int(j), float(matrix[i, j])) for i, j in zip(*np.nonzero(matrix), strict=True) if i != j)


def activity(folder: Path, batch: int) -> Task:
    """Six activities from acceleration (UCI HAR): 128 steps; four of the training subjects validate."""
    windows: dict[str, list[Tensor]] = {"train": [], "valid": [], "test": []}
    classes: dict[str, list[int]] = {name: [] for name in windows}
    with tarfile.open(folder / "uci_har_acc" / "Combined.tar.xz") as archive:
        members = [each for each in archive.getmembers() if each.name.endswith(".csv")]
        names = sorted({each.name.split("/")[2] for each in members})
        subjects = sorted({_subject(each.name) for each in members if "/Train/" in each.name})
        for each in members:
            file = archive.extractfile(each)
            assert file is not None
            rows = torch.from_numpy(np.loadtxt(file, delimiter=",", skiprows=1, dtype=np.float32, usecols=(0, 1, 2)))
            part = "test" if "/Test/" in each.name else "valid" if _subject(each.name) in subjects[-4:] else "train"
            cut = rows.unfold(0, 128, 64).mT if len(rows) >= 128 else rows.new_zeros(0, 128, 3)
            windows[part].append(cut)
            classes[part] += [names.index(each.name.split("/")[2])] * len(cut)
    parts = {name: Batch(torch.cat(windows[name]).contiguous(), torch.tensor(classes[name])) for name in windows}
    return Task(3, len(names), measures.accuracy(), **held_out(parts, batch=batch))


def _subject(name: str) -> int:
    return int(name.split("_")[-1].removesuffix(".csv"))


def reviews(folder: Path, batch: int) -> Task:
    """IMDB reviews, 16 sentences of 24 words of each: 21,000 train, 2,000 validate, 2,000 of the same file test.

    x (B, 16, 24) are numbers of words, 0 where there is none; lengths (B, 16) the words of each sentence.
    """
    csv.field_size_limit(1_000_000)
    with lzma.open(folder / "imdb" / "train.tsv.xz", "rt", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    order = shuffled(len(table)).tolist()
    documents = [sentences(table[row]["text"]) for row in order]
    labels = torch.tensor([int(table[row]["label"]) for row in order])
    rows = {"train": slice(0, 21_000), "valid": slice(21_000, 23_000), "test": slice(23_000, 25_000)}
    counts = Counter(word for text in documents[rows["train"]] for sentence in text for word in sentence)
    number = {word: place + 2 for place, (word, _) in enumerate(counts.most_common(VOCABULARY - 2))}
    x = torch.zeros(len(documents), SENTENCES, WORDS, dtype=torch.int64)
    for row, text in enumerate(documents):
        for place, sentence in enumerate(text):
            x[row, place, : len(sentence)] = torch.tensor([number.get(word, 1) for word in sentence])
    parts = {name: Batch(x[each], labels[each], (x[each] > 0).sum(-1)) for name, each in rows.items()}
    return Task(VOCABULARY, 2, measures.accuracy(), **held_out(parts, batch=batch), baseline=50.0)


def sentences(text: str) -> list[list[str]]:
    """Return the words of at most 16 sentences; one of more than 24 words is cut into several."""
    found = []
    for sentence in re.split(r"[.!?]+", text.lower().replace("<br />", " ")):
        words = re.findall(r"[a-z']+", sentence)
        found += [words[begin : begin + WORDS] for begin in range(0, len(words), WORDS)]
    return found[:SENTENCES]


def characters(folder: Path, batch: int, *, steps: int = 64) -> Task:
    """The next character of Shakespeare's plays; the first 90 % train, and the last 5 % test."""
    with lzma.open(folder / "tinyshakespeare" / "input.txt.xz", "rt", encoding="utf-8") as file:
        text = file.read()
    letters = sorted(set(text))
    place = {letter: number for number, letter in enumerate(letters)}
    codes = torch.tensor([place[letter] for letter in text])
    hot = torch.eye(len(letters))
    begins = {"train": 0, "valid": int(0.9 * len(codes)), "test": int(0.95 * len(codes)), "": len(codes)}

    def at(starts: Tensor) -> Batch:
        window = codes[starts[:, None] + torch.arange(steps + 1)]
        return Batch(hot[window[:, :-1]], window[:, 1:])

    def held(name: str) -> list[Batch]:
        end = begins["test" if name == "valid" else ""]
        return [at(starts) for starts in torch.arange(begins[name], end - steps, 2 * steps).split(200)]

    def draw(generator: torch.Generator) -> Batch:
        return at(torch.randint(begins["valid"] - steps, (batch,), generator=generator))

    return Task(len(letters), len(letters), measures.surprise(bits=True), draw, held, every=True)
