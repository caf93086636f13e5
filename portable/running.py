"""Runs one condition: its steps in order, their output in a log, and never a process left behind."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 3600  # seconds for one step: not a measure of speed, only the end of what hangs
SHOWN = 12  # lines of a failed step that are worth a place on the screen


class NotHad(Exception):
    """This machine cannot imitate the condition; the message says what it lacks."""


@dataclass(frozen=True)
class Step:
    """One command of a condition; an environment value of None removes the variable."""

    command: tuple[str, ...]
    environment: Mapping[str, str | None] = field(default_factory=dict)
    folder: Path = ROOT

    def __str__(self) -> str:
        changes = " ".join(f"{name}={'' if value is None else value}" for name, value in self.environment.items())
        return f"{changes} {shlex.join(self.command)}".strip()


@dataclass(frozen=True)
class Trial:
    """What a condition may know: whether only its quick part is wanted, and a fresh folder of its own."""

    quick: bool
    folder: Path


@dataclass(frozen=True)
class Condition:
    """A machine unlike ours; `steps` raises NotHad where it cannot be imitated."""

    name: str
    imitates: str
    steps: Callable[[Trial], Generator[Step, None, None]]
    in_quick: bool = True


@dataclass(frozen=True)
class Result:
    """How a condition went: ok, failed, not had or interrupted; with seconds and the lines worth showing."""

    condition: Condition
    outcome: str
    seconds: float = 0.0
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        why = f": {self.lines[0]}" if self.outcome == "not had" else ""
        return f"{self.condition.name:<18} {self.outcome:<11} {self.seconds:>5.0f} s  {self.condition.imitates}{why}"


def run(condition: Condition, trial: Trial, log: Path) -> Result:
    """Run all steps of a condition, also those after a failed one, and write what they say into a log."""
    begun, failed = time.monotonic(), []
    log.parent.mkdir(parents=True, exist_ok=True)
    trial.folder.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("w", encoding="utf-8") as file, contextlib.closing(condition.steps(trial)) as steps:
            for step in steps:
                before = file.tell()
                if status := _run_step(step, file):
                    failed += [f"exit status {status}: {step}", *_worth_showing(log, before)]
    except NotHad as error:
        if not failed:
            return Result(condition, "not had", time.monotonic() - begun, (str(error),))
    except (OSError, subprocess.SubprocessError) as error:
        failed.append(f"it could not be prepared: {error}")
    outcome = "FAILED" if failed else "ok"
    return Result(condition, outcome, time.monotonic() - begun, (*failed, f"log: {log}") if failed else ())


def _run_step(step: Step, log: TextIO) -> int:
    log.write(f"$ {step}\n")
    log.flush()
    # A test that wants everything present would refuse a machine that lacks something on purpose.
    environment = {**os.environ, "TIDEGATE_REQUIRE_TOOLS": None, **step.environment}
    begun = time.monotonic()
    try:
        process = subprocess.Popen(
            step.command,
            cwd=step.folder,
            env={name: value for name, value in environment.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that its whole group can be ended
        )
    except OSError as error:
        log.write(f"{error}\n")
        log.flush()
        return 127
    try:
        status = process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        log.write(f"ended after {LIMIT} s\n")
        status = 124
    finally:
        _end_group(process)
    log.seek(0, os.SEEK_END)
    log.write(f"# exit status {status} after {time.monotonic() - begun:.0f} s\n\n")
    log.flush()
    return status


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a step's process group, gently first."""
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def _worth_showing(log: Path, begin: int) -> list[str]:
    """Return pytest's list of failures where there is one, otherwise the last lines."""
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode("utf-8", errors="replace").splitlines()[1:]
    lines = [line for line in lines if line.strip() and not line.startswith("# exit status")]
    failures = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
    return [*failures[:SHOWN], lines[-1]] if failures else lines[-SHOWN:]


@contextlib.contextmanager
def beside(command: tuple[str, ...], copies: int) -> Iterator[None]:
    """Keep copies of a command running meanwhile, and end them whatever happens."""
    processes = []
    try:
        for _ in range(copies):
            processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True))
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
