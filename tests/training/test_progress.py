import io
import re

import pytest

from tidegate.training.history import EpochResult
from tidegate.training.meter import StepResult
from tidegate.training.objective import Metric
from tidegate.training.progress import Progress


def result(epoch: int, validation: float | None = 0.5) -> EpochResult:
    return EpochResult(epoch, 1 / epoch, validation, 1e-3, 1.0, 0.1)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def test_terminal_shows_losses_best_and_time_left(terminal, monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr("tidegate.training.progress.time.perf_counter", lambda: float(next(clock)))
    with Progress(4, file=terminal) as progress:
        progress.on_epoch(result(1, 0.25))
        progress.on_epoch(result(2, 0.5))
    text = plain(terminal.getvalue())
    assert "epoch 2/4  loss 0.5  validation 0.5  best 0.25 in epoch 1  at most 0:" in text
    assert "━━━━━━━━━━ " in text


def test_terminal_shows_the_metric_that_decides(terminal):
    metric = Metric("accuracy", lambda returned, target: (returned, 1), higher_is_better=True)
    with Progress(4, metric=metric, file=terminal) as progress:
        for epoch, accuracy in ((1, 0.75), (2, 0.5)):
            progress.on_epoch(EpochResult(epoch, 0.5, 0.25, 1e-3, 1.0, 0.1, accuracy))
    text = plain(terminal.getvalue())
    assert "epoch 2/4  loss 0.5  validation 0.25  accuracy 0.5  best 0.75 in epoch 1" in text


def test_terminal_shows_steps_before_the_first_epoch_ends(terminal):
    with Progress(10, file=terminal) as progress:
        progress.on_step(StepResult(1, 50, 100, 0.75))
        assert "epoch 1/10  loss 0.75" in plain(terminal.getvalue())


def test_terminal_without_validation_shows_none(terminal):
    with Progress(4, file=terminal) as progress:
        progress.on_epoch(result(1, None))
    assert "validation" not in terminal.getvalue()


def test_file_gets_a_line_per_tenth_of_the_epochs():
    file = io.StringIO()
    with Progress(25, file=file) as progress:
        for epoch in range(1, 26):
            progress.on_step(StepResult(epoch, 1, 2, 0.5))
            progress.on_epoch(result(epoch))
    lines = file.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == [f"{epoch}/25" for epoch in (3, 6, 9, 12, 15, 18, 21, 24, 25)]
    assert "\x1b" not in file.getvalue()


def test_epochs_counted_anew_are_another_training(monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr("tidegate.training.progress.time.perf_counter", lambda: float(next(clock)))
    file = io.StringIO()
    progress = Progress(4, file=file)
    for epoch, validation in ((1, 0.25), (2, 0.5), (1, None), (2, None)):
        progress.on_epoch(result(epoch, validation))
    lines = file.getvalue().splitlines()
    assert lines[1].startswith("epoch 2/4  loss 0.5  validation 0.5  best 0.25 in epoch 1")
    assert lines[2] == "epoch 1/4  loss 1  at most 0:00:30 left"


def test_default_output_is_standard_error(capsys):
    with Progress(1) as progress:
        progress.on_epoch(result(1))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "epoch 1/1" in captured.err


def test_resumed_run_estimates_from_its_own_epochs(monkeypatch):
    file = io.StringIO()
    now = 0.0
    monkeypatch.setattr("tidegate.training.progress.time.perf_counter", lambda: now)
    with Progress(100, file=file) as progress:
        now = 10.0
        progress.on_epoch(result(90))
    assert "at most 0:01:40 left" in file.getvalue()


def test_long_times_are_in_hours(monkeypatch):
    file, now = io.StringIO(), 0.0
    monkeypatch.setattr("tidegate.training.progress.time.perf_counter", lambda: now)
    with Progress(3, file=file) as progress:
        now = 3600.0
        progress.on_epoch(result(1))
    assert "at most 2:00:00 left" in file.getvalue()
