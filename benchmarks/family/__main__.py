"""Each layer and cell on the task that its paper is about, beside an LSTM of about as many weights.

    python -m benchmarks.family --results family.jsonl --data ../shared/data

Prints a Markdown table for each row. Every member of a row has the same steps, learning rate, batches and seeds, and a
width at which it has about as many weights as the others; what is tested is the best of ten checks on a part of its
own. A run is one member with one seed and one line of the results file, so a killed program goes on where it was, and
`--table` prints what there is. The whole takes about two hours of one core; `--rows` picks rows, and `--list` names
them. Rows whose data are missing say so. Seconds are CPU time of training alone, one thread.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from functools import partial
from pathlib import Path

import torch
from benchmarks.family import table
from benchmarks.family.members import fitted_width
from benchmarks.family.rows import ROWS
from benchmarks.family.training import run

ROOT = Path(__file__).parent.parent.parent
DATA = Path(os.environ.get("TIDEGATE_DATA", ROOT.parent / "shared" / "data"))


def measure(key: str, data: Path, results: Path, seeds: int, steps: int | None, *, train: bool) -> str:
    """Make the runs of a row that the results file does not have, and return its table."""
    row = ROWS[key]
    if row.needs and not (data / row.needs).exists():
        return f"### {row.title} (`{key}`)\n\n(not run: there is no {data / row.needs})\n"
    task, members, steps = row.task(data), row.members(data), steps or row.steps
    widths: dict[str, int] = {}
    for seed, member in itertools.product(range(seeds if train else 0), members):
        names = {"row": key, "member": member.name, "seed": seed, "steps": steps, "rate": row.rate}
        if table.find(table.read(results), **names):
            continue
        if member.name not in widths:
            widths[member.name] = fitted_width(member, task, row.weights)
        network = partial(member.make, task, widths[member.name])
        record = {**names, **run(network, task, seed, steps, row.rate)}
        table.append(results, record)
        print(f"({time.strftime('%H:%M')} {record})", flush=True)
    return table.section(key, row, task, members, table.read(results), steps)


def main(arguments: list[str] | None = None) -> None:
    """Run, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--results", type=Path, default=Path("family.jsonl"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="another budget than the rows' own")
    parser.add_argument("--table", action="store_true", help="train nothing: print what the results file has")
    parser.add_argument("--list", action="store_true", help="print the rows' names and end")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(f"{key}: {row.title}" for key, row in ROWS.items()))
        return
    torch.set_num_threads(1)
    for key in options.rows:
        train = not options.table
        print(measure(key, options.data, options.results, options.seeds, options.steps, train=train), flush=True)


if __name__ == "__main__":
    main()
