"""The results file and the table made of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.family.members import Member
from benchmarks.family.row import Row
from benchmarks.family.tasks import Task

HEAD = (
    "| member | weights | {measure} | of the LSTM's | beats the LSTM? | CPU s |",
    "|---|---|---|---|---|---|",
)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the records of a results file; a last line that a killed run left unfinished is said and left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            if number < len(lines):
                raise
            print(f"(the last line of {path} is unfinished; its run is made again)", flush=True)
            path.write_text("".join(f"{each}\n" for each in lines[:-1]), encoding="utf-8")
    return records


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add a record."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def find(records: Iterable[Mapping[str, Any]], **sought: Any) -> list[Mapping[str, Any]]:
    """Return the records that have these values."""
    return [each for each in records if all(each.get(name) == value for name, value in sought.items())]


def section(key: str, row: Row, task: Task, members: Iterable[Member], records: list[Any], steps: int) -> str:
    """Return a row of the family as a Markdown table with a line for each of its members."""
    runs = {each.name: find(records, row=key, member=each.name, steps=steps, rate=row.rate) for each in members}
    seeds = max(len(each) for each in runs.values())
    about = [f"{steps} steps", f"{seeds} seeds"]
    about += [] if task.baseline is None else [f"without reading the inputs {number(task.baseline)}"]
    about += [f"published: {row.published}"] if row.published else []
    lines = [
        f"### {row.title} (`{key}`)",
        "",
        "; ".join(about) + ".",
        "",
        HEAD[0].format(measure=task.measure.name),
        HEAD[1],
    ]
    lstm = [each["test"] for each in runs["lstm"]]
    for member in members:
        own, name = runs[member.name], f"**{member.name}**" if member.own else member.name
        if not own:
            lines.append(f"| {name} | | not run | | | |")
            continue
        values = [each["test"] for each in own]
        mean = statistics.mean(values)
        spread = f" ± {number(statistics.stdev(values))}" if len(values) > 1 else ""
        against = "" if member.name == "lstm" or not lstm else f"{mean / statistics.mean(lstm):.2f}"
        verdict = "" if not against else judged(values, lstm, higher=task.measure.higher)
        seconds = statistics.mean(each["seconds"] for each in own)
        cells = (name, f"{own[0]['weights']:,}", number(mean) + spread, against, verdict, f"{seconds:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def judged(values: list[float], lstm: list[float], *, higher: bool) -> str:
    """Say whether a member beats the LSTM: with every seed better than all of the LSTM's, or not so clearly."""
    if min(len(values), len(lstm)) < 2:
        return "one seed alone"
    if higher:
        values, lstm = [-each for each in values], [-each for each in lstm]
    if max(values) < min(lstm):
        return "yes"
    if min(values) > max(lstm):
        return "**no**"
    return "not clearly" if statistics.mean(values) < statistics.mean(lstm) else "no, not clearly worse"


def number(value: float) -> str:
    """Return a figure with three digits."""
    return f"{value:.1e}" if 0 < abs(value) < 0.001 else f"{value:.3g}"
