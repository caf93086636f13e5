"""The supervisor of several workers: holds the port, keeps as many as were asked for, and ends them in order."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tidegate.errors import SettingError
from tidegate.serving.repair import claim, prepare
from tidegate.serving.settings import ServeSettings
from tidegate.serving.worker import REFUSED, end_on_hangup

_BEGINNING = 300.0  # seconds that a worker may take to load its models
_WAIT, _LONGEST_WAIT, _SOUND = 0.1, 10.0, 30.0  # seconds before a new worker, at most, and after which one was sound


class _Worker:
    """One worker process: it reads its task from its standard input and ends when that closes, so that none is left."""

    def __init__(self, task: dict[str, Any], descriptors: Sequence[int], metrics: str) -> None:
        self.begun = False
        self.born = self.heard = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tidegate.serving.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=descriptors,
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": metrics},
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which ends all in order
        )
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(task).encode() + b"\n")
            self.process.stdin.flush()
        threading.Thread(target=self._listen, daemon=True).start()

    def end(self, until: float) -> None:
        """Wait for the process until a time, then kill it."""
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        """Close the pipes to the process."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(OSError, ValueError):  # closed while it was read
            while self.process.stdout.readline():
                self.begun, self.heard = True, time.monotonic()


class Supervisor:
    """Starts the workers, starts another for one that ended, and ends all."""

    def __init__(
        self, models: Sequence[str], settings: ServeSettings, listener: socket.socket, begun: Callable[[], None]
    ) -> None:
        self._models, self._settings, self._listener, self._begun = models, settings, listener, begun
        self._ending = self._all_begun = False
        self._folder = tempfile.mkdtemp(prefix="tidegate-")
        self._metrics, self._good = os.path.join(self._folder, "metrics"), os.path.join(self._folder, "good")
        self._workers: dict[int, _Worker] = {}
        self._wait: dict[int, float] = {}

    def run(self) -> None:
        """Run until a signal comes.

        Raises:
            SettingError: a worker cannot begin.
            DataError: the streams cannot be kept in the folder of the settings.
        """
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._end)
        end_on_hangup()
        os.makedirs(self._metrics)
        os.makedirs(self._good)
        state = Path(self._settings.state or self._folder)
        try:
            self._lock = claim(state)
            self._database = prepare(state)
            self._listener.set_inheritable(True)
            for index in range(self._settings.workers):
                self._start(index)
            self._watch()
        finally:
            self._stop()

    def _start(self, index: int) -> None:
        task = {
            "models": list(self._models),
            "settings": asdict(self._settings),
            "listener": self._listener.fileno(),
            "database": str(self._database),
            "good": self._good,
        }
        # The lock stays with the workers, so that no other service takes the streams while one of them is left.
        self._workers[index] = _Worker(task, [self._listener.fileno(), self._lock.fileno()], self._metrics)

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._ending:
            time.sleep(0.05)
            if not self._all_begun and all(worker.begun for worker in self._workers.values()):
                self._all_begun = True
                self._begun()
            now = time.monotonic()
            for index, worker in list(self._workers.items()):
                if now - last > 1:
                    worker.heard = now  # this process itself was stopped, and has not listened
                if worker.process.poll() is None and now - worker.heard > self._patience(worker):
                    print(f"tidegate: worker {index} gives no sign of life and is ended", file=sys.stderr)
                    worker.process.kill()
                    worker.process.wait()
                if worker.process.poll() is not None and not self._ending:
                    self._replace(index, worker)
            last = now

    def _patience(self, worker: _Worker) -> float:
        return self._settings.heartbeat if worker.begun else max(_BEGINNING, self._settings.heartbeat)

    def _replace(self, index: int, worker: _Worker) -> None:
        status = worker.process.returncode
        if status == REFUSED and not self._all_begun:
            raise SettingError("a worker could not begin; the sentence above says why")
        wait, lived = self._wait.get(index, 0.0), time.monotonic() - worker.born
        if lived < wait:
            return
        # A worker that dies again and again is started ever more rarely.
        self._wait[index] = 0.0 if lived > _SOUND else min(max(_WAIT, 2 * wait), _LONGEST_WAIT)
        print(f"tidegate: worker {index} ended ({status}); another takes its place", file=sys.stderr)
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.process.pid, self._metrics)
        worker.close()
        self._start(index)

    def _end(self, number: int, frame: Any) -> None:
        self._ending = True

    def _stop(self) -> None:
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                worker.process.terminate()
        until = time.monotonic() + self._settings.timeout + 3
        for worker in self._workers.values():
            worker.end(until)
            worker.close()
        shutil.rmtree(self._folder, ignore_errors=True)
