"""How fast the service says that it lives, at rest and while requests are made to cost much.

Starts `tidegate serve` and asks /v2/health/live over and over on one connection: first with nothing else to do, then
under floods of small requests, then during each request of tests/serving/test_hostile.py, of at most 4 MiB. Prints for
each the status, the seconds that it took, the slowest answer of the liveness route and its 99th percentile, and how far
the memory of all the service's processes grew. Meant for a machine with nothing else to do: what others do on the same
cores is measured, too. Needs Linux. Run: python benchmarks/liveness.py
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "serving"))

from service_tools import Process, fitted  # pyright: ignore[reportMissingImports]
from test_hostile import CSV, REQUESTS, lines, memory  # pyright: ignore[reportMissingImports]

SMALL = {
    "forecasts, 16 clients": ("/predict", b'{"values": [' + b"1.5," * 11 + b"1]}"),
    "not JSON, 16 clients": ("/predict", b"{"),
    "small tables, 16 clients": ("/predict/csv", b"ds,y\n" + lines(12, lambda i: f"2026-01-01T{i:02}:00,1\n")),
    "observations, 16 clients": ("/streams/flood", b'{"values": 1.5}'),
}


class Watch:
    """Asks whether the service lives until the block ends."""

    def __init__(self, service: Process) -> None:
        self._service, self._ending, self.seconds = service, threading.Event(), []
        self._first = self._most = memory(service.process.pid)
        self._threads = [threading.Thread(target=work) for work in (self._ask, self._weigh)]

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def row(self, name: str, status: object, took: float) -> str:
        """What was seen, as a row of the table."""
        slowest, usual = 1000 * max(self.seconds), 1000 * float(np.quantile(self.seconds, 0.99))
        return f"{name:<28}{status:>7}{took:>9.2f}{slowest:>12.1f}{usual:>9.1f}{(self._most - self._first) >> 20:>11}"

    def _ask(self) -> None:
        wire = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=60)
        while not self._ending.wait(0.002):
            begin = time.perf_counter()
            wire.request("GET", "/v2/health/live")
            answer = wire.getresponse()
            answer.read()
            self.seconds.append(time.perf_counter() - begin)
            assert answer.status == 200
        wire.close()

    def _weigh(self) -> None:
        while not self._ending.wait(0.05):
            self._most = max(self._most, memory(self._service.process.pid))


def main() -> None:
    """Start, attack, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="at rest, and of each flood")
    parser.add_argument("--only", default="", help="attacks whose names hold this text")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start")
    with tempfile.TemporaryDirectory() as place:
        fitted().save(Path(place) / "wave")
        with Process(Path(place) / "wave", "--state", Path(place) / "state") as service:
            service.client.post(CSV, content=SMALL["small tables, 16 clients"][1])  # the process that reads them begins
            print("attack                       status  seconds  slowest ms   p99 ms  more MiB")
            measured(service, "at rest", lambda: rest(arguments.seconds))
            for name, (path, body) in SMALL.items():
                if arguments.only in name:
                    measured(service, name, lambda p=path, b=body: flood(service, p, b, arguments.seconds))
            for name, (path, body) in REQUESTS.items():
                if arguments.only in name:
                    measured(service, name, lambda p=path, b=body: one(service, p, b))


def measured(service: Process, name: str, work: Callable[[], object]) -> None:
    """Do the work while the liveness route is asked, and print the row."""
    with Watch(service) as watch:
        begin = time.perf_counter()
        status = work()
        took = time.perf_counter() - begin
        time.sleep(0.1)
    print(watch.row(name, status, took), flush=True)


def rest(seconds: float) -> str:
    """Nothing else."""
    time.sleep(seconds)
    return "-"


def one(service: Process, path: str, body: bytes) -> int:
    """One request."""
    return service.client.post(path, content=body, timeout=120).status_code


def flood(service: Process, path: str, body: bytes, seconds: float) -> str:
    """The same small request from 16 clients for some seconds; the statuses of the answers."""
    until, seen = time.monotonic() + seconds, set()

    def ask() -> None:
        wire = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        while time.monotonic() < until:
            wire.request("POST", path, body)
            answer = wire.getresponse()
            answer.read()
            seen.add(answer.status)
        wire.close()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ",".join(map(str, sorted(seen)))


if __name__ == "__main__":
    main()
