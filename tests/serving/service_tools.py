"""The service of a small model: in this process for most tests, in its own where processes are the subject."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pandas as pd

from tidegate import Forecaster
from tidegate.serving.service import Service
from tidegate.serving.settings import ServeSettings
from tidegate.serving.worker import make_server

PATIENCE = 180  # seconds after which a test takes what it waits for as hanging; a busy machine must not fail it


def wave(length=300, seed=0):
    rng = np.random.default_rng(seed)
    times = pd.date_range("2026-01-05", periods=length, freq="h")
    return pd.DataFrame({"ds": times, "y": np.sin(np.arange(length) / 4) * 10 + rng.normal(size=length)})


def fitted(seed=0, data=None, **settings):
    settings = {"lookback": 12, "horizon": 3, "units": 4, "layers": 1, "epochs": 1, "steps_per_epoch": 2} | settings
    return Forecaster(seed=seed, validation_size=0.3, **settings).fit(wave() if data is None else data)


@contextlib.contextmanager
def running(*models, token=None, database=None, **settings):
    """A service on a port of its own in a thread of this process; gives a client of it."""
    service = Service([str(model) for model in models], ServeSettings(**settings), token=token, database=database)
    server = make_server(service)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    port = listener.getsockname()[1]
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            client.port, client.server, client.service = port, server, service
            yield client
    finally:
        server.should_exit = True
        thread.join()


class Process:
    """`tidegate serve` as a user starts it."""

    def __init__(self, *arguments, told=1, environment=None, **options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "tidegate", "serve", *map(str, arguments), "--port", str(self.port)]
        environment = environment or os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
        self.process = subprocess.Popen(command, env=environment, **pipes, **options)
        self.told = [self.process.stdout.readline() for _ in range(told)]
        self.said = self.told[-1]
        assert self.said.startswith("serving at"), self.process.stderr.read()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE)

    def end(self, signal_number=signal.SIGTERM):
        self.process.send_signal(signal_number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.client.close()
        if self.process.poll() is None:
            self.end()
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()


def until(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
