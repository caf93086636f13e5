"""Train in child processes that are killed at random moments; exit with 0 when the bits come out as without.

Run as a script by test_killing.py: torch is imported once, then each attempt is a fork, which costs milliseconds.
"""

import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from training_toy import Sums, Tiny, bits, mse, quick

from tidegate.storage import files
from tidegate.training.loop import train

SETTINGS = quick(epochs=40, learning_rate=0.003, schedule="cosine", patience=None)


def train_to_end(folder: Path) -> None:
    """Train with a checkpoint; the weights then stand in `folder/done`."""
    network = Tiny()
    history = train(network, Sums(200), Sums(40, 1), mse, SETTINGS, checkpoint=folder / "checkpoint")
    losses = [(row.epoch, row.loss, row.validation_loss, row.gradient_norm) for row in history.rows]
    (folder / "done").write_text(repr((bits(network), losses, history.best_epoch)), encoding="utf-8")


def start(folder: Path, *, die_at_write: int | None = None) -> int:
    """Fork a child that trains, and kills itself in the middle of that many writes when asked."""
    child = os.fork()
    if child:
        return child
    with contextlib.suppress(BaseException):
        if die_at_write is not None:
            files.write_synced = _deadly(files.write_synced, die_at_write)
        train_to_end(folder)
        os._exit(0)
    os._exit(1)


def _deadly(write, count: int):
    def half(path: Path, content: bytes) -> None:
        nonlocal count
        count -= 1
        if count > 0:
            return write(path, content)
        write(path, content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    return half


def finish(folder: Path, child: int, seconds: float | None) -> bool:
    """Kill the child after so many seconds, if it still runs; whether it was killed."""
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the training failed"
    return False


def main(home: Path, kills: int) -> None:
    """Compare runs that together were killed at least so many times with one that was not."""
    torch.set_num_threads(1)
    # torch imports a second's worth of modules at the first optimiser; the children inherit them.
    torch.optim.SGD(Tiny().parameters())
    whole = home / "whole"
    whole.mkdir()
    begun = time.perf_counter()
    finish(whole, start(whole), None)
    duration, expected = time.perf_counter() - begun, (whole / "done").read_text(encoding="utf-8")
    draw, killed, run = random.Random(os.getpid()), 0, 0
    while killed < kills:
        folder = home / f"run{run}"
        folder.mkdir()
        while not (folder / "done").exists():
            mine = draw.randrange(1, 8) if draw.random() < 0.25 else None
            child = start(folder, die_at_write=mine)
            enough = killed >= kills + 10
            killed += finish(folder, child, None if mine or enough else draw.uniform(0, duration / 4))
        assert (folder / "done").read_text(encoding="utf-8") == expected, f"run {run} ended with other bits"
        run += 1
    print(f"{killed} kills in {run} runs, {duration:.2f} s undisturbed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
