"""What the service answers under load, beside a plain Flask service of the same network, in one run.

Starts `tidegate serve` and, like a tutorial, `app.run()` with the network called once per request; both on this
machine, one after the other, with the same bodies, by the load generator wrk (github.com/wg/wrk), which reports
latencies of all requests. Then counts errors over many requests, and times stream steps from one client. Needs wrk on
the PATH and `pip install 'tidegate[serve]' flask`. Run: python benchmarks/serve.py

With --pushes it measures observations per second instead, kept on disk, with one worker and two; --beside names the
Python of another checkout, whose service is measured in turn with this one's, so that both see the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd

LOOKBACK, HORIZON = 60, 12
FLASK = """
import sys, logging, numpy as np, torch, tidegate
from flask import Flask, request, jsonify
logging.getLogger("werkzeug").setLevel(logging.ERROR)
torch.set_num_threads(int(sys.argv[3]))
network = tidegate.load(sys.argv[1]).model_.network
app = Flask(__name__)

@app.post("/predict")
def predict():
    values = np.array(request.get_json()["values"], dtype=np.float32)
    mean, spread = values.mean(), values.std()
    with torch.no_grad():
        x = torch.from_numpy((values - mean) / spread)[None, :, None]
        y = network(x, torch.empty(1, 12, 0), torch.empty(1, 0))[0, :, 0, 0].numpy()
    return jsonify(forecast=(y * spread + mean).tolist())

app.run(port=int(sys.argv[2]))
"""
DONE = """
wrk.method = 'POST'
wrk.headers['content-type'] = 'application/json'
done = function(summary, latency)
  local e = summary.errors
  local errors = e.status + e.connect + e.read + e.write + e.timeout
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  io.write(string.format('FOUND %d %d %d %d\\n', summary.requests, p50, p99, errors))
end
"""
PUSH = """
local step = 0
request = function()
  step = step + 1
  return wrk.format(nil, nil, nil, string.format('{"values": %.3f}', 20000 + 500 * math.sin(step / 4)))
end
"""


PUSHES = """
local step = 0
request = function()
  step = step + 1
  local path = string.format('/streams/bench-%d', step % STREAMS)
  return wrk.format(nil, path, nil, string.format('{"values": %.3f}', 20000 + 500 * math.sin(step / 4 / STREAMS)))
end
"""


def main() -> None:
    """Fit, start, load, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8, help="of each load")
    parser.add_argument("--requests", type=int, default=100_000, help="answered without an error")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--pushes", action="store_true", help="observations per second instead")
    parser.add_argument("--rounds", type=int, default=5, help="of --pushes, of which the median is printed")
    parser.add_argument("--beside", help="the Python of another checkout, for --pushes")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not on the PATH; install it (Debian: apt install wrk)")
    with tempfile.TemporaryDirectory() as place:
        model, script = Path(place) / "model", Path(place) / "body.lua"
        fit(model)
        if arguments.pushes:
            pushes(model, script, arguments)
            return
        values = [round(20_000 + 500 * float(np.sin(i / 4)), 1) for i in range(LOOKBACK)]
        body = json.dumps({"values": values})
        script.write_text(DONE + f"wrk.body = '{body}'\n", encoding="utf-8")
        print("service                clients   requests/s     p50 ms     p99 ms   errors")
        tables = {}
        for name in ("Flask + torch", "tidegate serve"):
            tables[name] = under_load(name, model, script, arguments)
        ratio = tables["tidegate serve"][64] / tables["Flask + torch"][64]
        print(f"\nat 64 clients: {ratio:.1f} times the requests per second of Flask + torch")
        faithful(model, script, arguments)


def fit(place: Path) -> None:
    """A network of the usual size; how well it forecasts does not matter here."""
    import tidegate

    hours = pd.date_range("2026-01-01", periods=600, freq="h")
    frame = pd.DataFrame({"ds": hours, "y": 20_000 + 500 * np.sin(np.arange(600) / 4)})
    settings = {"lookback": LOOKBACK, "horizon": HORIZON, "units": 50, "layers": 2, "epochs": 1, "steps_per_epoch": 5}
    tidegate.Forecaster(**settings, linear_skip=0).fit(frame).save(place)


def under_load(name: str, model: Path, script: Path, arguments: argparse.Namespace) -> dict[int, float]:
    """Requests per second for each number of clients, printed with their latencies."""
    found = {}
    with Running(name, model, arguments.workers) as port:
        load(port, script, 4, 1)  # what is prepared at first use
        for clients in (1, 16, 64, 256):
            requests, p50, p99, errors = load(port, script, clients, arguments.seconds)
            found[clients] = requests / arguments.seconds
            print(f"{name:<22}{clients:>8}{found[clients]:>13.0f}{p50:>11.2f}{p99:>11.2f}{errors:>9}")
    return found


def faithful(model: Path, script: Path, arguments: argparse.Namespace) -> None:
    """Errors in many requests, then the time of stream steps from one client."""
    with Running("tidegate serve", model, arguments.workers) as port:
        total = failed = 0
        while total < arguments.requests:
            requests, _, _, errors = load(port, script, 64, arguments.seconds)
            total, failed = total + requests, failed + errors
        print(f"{failed} errors in {total} requests of 64 clients")
        script.write_text(DONE + PUSH, encoding="utf-8")
        load(port, script, 1, 1, "/streams/bench")  # from then on it forecasts
        requests, p50, p99, errors = load(port, script, 1, arguments.seconds, "/streams/bench")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/streams/bench") as answer:
            assert json.load(answer)["forecast"] is not None
        print(
            f"stream steps of one client, kept on disk: {requests}, {errors} errors, p50 {p50:.2f} ms, p99 {p99:.2f} ms"
        )


def pushes(model: Path, script: Path, arguments: argparse.Namespace) -> None:
    """Observations per second, the medians of rounds in which all services take turns."""
    pythons = {"this": sys.executable} | ({"beside": arguments.beside} if arguments.beside else {})
    found: dict[tuple[int, int, str], list[float]] = {}
    for _ in range(arguments.rounds):
        for workers in (1, 2):
            for name, python in pythons.items():
                with Running("tidegate serve", model, workers, python) as port:
                    for clients in (1, 16, 64):
                        script.write_text(DONE + f"STREAMS = {clients}" + PUSHES, encoding="utf-8")
                        load(port, script, clients, 1, "/streams")  # from then on they forecast
                        requests, _, _, errors = load(port, script, clients, arguments.seconds, "/streams")
                        assert errors == 0, f"{errors} errors"
                        found.setdefault((workers, clients, name), []).append(requests / arguments.seconds)
    print("workers  clients" + "".join(f"{name:>10}" for name in pythons) + "   observations/s")
    for workers in (1, 2):
        for clients in (1, 16, 64):
            rates = [float(np.median(found[workers, clients, name])) for name in pythons]
            ratio = f"   {rates[0] / rates[1]:.2f} times" if len(rates) > 1 else ""
            print(f"{workers:>7}{clients:>9}" + "".join(f"{rate:>10.0f}" for rate in rates) + ratio)


def load(port: int, script: Path, clients: int, seconds: int, path: str = "/predict") -> tuple[int, float, float, int]:
    """Requests, p50 and p99 in ms, and errors, as wrk counted them."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", str(script)]
    command.append(f"http://127.0.0.1:{port}{path}")
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"FOUND (\d+) (\d+) (\d+) (\d+)", said)
    assert found is not None, said
    requests, p50, p99, errors = (int(part) for part in found.groups())
    return requests, p50 / 1000, p99 / 1000, errors


class Running:
    """One of the two services, on a port of its own, until the block ends."""

    def __init__(self, name: str, model: Path, workers: int, python: str = sys.executable) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if name.startswith("Flask"):
            command = [sys.executable, "-c", FLASK, str(model), str(self.port), "1"]
        else:
            state = tempfile.mkdtemp(dir=model.parent)
            command = [python, "-m", "tidegate", "serve", str(model), "--port", str(self.port)]
            command += ["--workers", str(workers), "--state", state]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __enter__(self) -> int:
        assert self.process.stdout is not None
        self.process.stdout.readline()  # both say where they listen, when they do
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self.port
            except OSError:
                time.sleep(0.1)
        raise TimeoutError("the service did not begin")

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=30)


if __name__ == "__main__":
    main()
