"""Requests made to cost much: each is answered, while others are, in bounded memory, and a signal still ends all."""

import json
import threading
import time
from pathlib import Path

import httpx
import pytest
from service_tools import PATIENCE, Process, until

MOST = 4 * 2**20 - 4096
REST = 300 * 2**20  # bytes that the whole service may grow by


def filled(begin, piece, end, size=MOST):
    return begin + piece * ((size - len(begin) - len(end)) // len(piece)) + end


def lines(count, text):
    return "".join(text(i) for i in range(count)).encode()


JSON, CSV, PUSH, INFER = "/predict", "/predict/csv", "/streams/hostile", "/v2/models/wave/infer"
TENSOR = b'{"inputs": [{"name": "history", "shape": [1], "datatype": "FP64", "data": ['
CENTURIES = (
    b'{"ds": "1700-01-01T00:00:00", "y": 1}, {"ds": "1700-01-01T01:00:00", "y": 1}, {"ds": "2200-01-01", "y": 1}'
)
REQUESTS = {
    "empty texts": (JSON, filled(b'{"values": [', b'"",', b'""]}')),
    "distinct keys": (JSON, b'{"rows": [' + b",".join(b'{"k%d": 1}' % i for i in range(20_000)) + b"]}"),
    "commas": (CSV, b"," * MOST),
    "history": (PUSH, filled(b'{"values": 1, "history": {"values": [', b"1,", b"1]}}")),
    "history within bounds": (PUSH, b'{"values": 1, "history": {"values": [' + b"1.5," * 99_999 + b"1]}}"),
    "nulls": (JSON, filled(b'{"values": [', b"null,", b"null]}")),
    "empty lists": (JSON, filled(b'{"values": [', b"[],", b"[]]}", 2_500_000)),
    "lists of one text": (JSON, filled(b'{"values": [', b'["x"],', b'["x"]]}')),
    "brackets": (JSON, b'{"values": ' + b"[" * MOST),
    "nested objects": (JSON, filled(b'{"rows": [', b'{"a": ', b"1")),
    "digits": (JSON, b'{"values": [' + b"1" * MOST + b"]}"),
    "one text": (JSON, b'{"model": "' + b"x" * MOST + b'"}'),
    "unknown fields": (JSON, b"{" + b",".join(b'"k%d":[]' % i for i in range(250_000)) + b"}"),
    "one wide row": (JSON, b'{"rows": [{' + b",".join(b'"k%d":[]' % i for i in range(250_000)) + b"}]}"),
    "one key again": (JSON, filled(b'{"rows": [{', b'"y":1,', b'"y":1}]}')),
    "many short rows": (JSON, b'{"rows": [' + b",".join([b'{"y":1}'] * 150_000) + b"]}"),
    "rows of text": (JSON, b'{"rows": [' + b",".join([b'{"ds":"x","y":"y"}'] * 90_000) + b"]}"),
    "a gap of centuries": (JSON, b'{"rows": [' + CENTURIES + b"]}"),
    "wide future": (JSON, filled(b'{"values": [1], "future": [', b"[1],", b"[1]]}", 2_500_000)),
    "quotes": (CSV, b'"' * MOST),
    "newlines": (CSV, b"\n" * MOST),
    "one long number": (CSV, b"ds,y\n2026-01-01," + b"1" * MOST),
    "ragged": (CSV, b",".join(b"c%d" % i for i in range(1999)) + b"\n" + b"1\n" * 90_000),
    "dates that are none": (CSV, b"ds,y\n" + lines(90_000, lambda i: f"the {i}th,1\n")),
    "many dates": (CSV, b"ds,y\n" + lines(90_000, lambda i: f"{i % 28 + 1} May {1900 + i % 150} {i % 24}:00,1\n")),
    "zeros": (CSV, b"\0" * MOST),
    "many series": (CSV, b"unique_id,ds,y\n" + lines(90_000, lambda i: f"s{i},2026-01-01,1\n")),
    "a tensor of ones": (INFER, filled(TENSOR, b"1,", b"1]}]}", 1_900_000)),
    "a tensor of lists": (INFER, filled(TENSOR, b"[],", b"1]}]}", 2_500_000)),
    "windows without end": (JSON, json.dumps({"values": [[0] * 99] * 1000}).encode()),
}


class Watch:
    """Asks over and over whether the service lives, and how much memory all its processes have."""

    def __init__(self, service):
        self.pid, self.slowest, self.most, self.first = service.process.pid, 0.0, 0, 0
        self._url, self._ending = f"{service.client.base_url}/v2/health/live", threading.Event()
        self.first = memory(self.pid)
        self._threads = [threading.Thread(target=work) for work in (self._ask, self._weigh)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        with httpx.Client(timeout=PATIENCE) as client:
            while not self._ending.wait(0.01):
                begin = time.monotonic()
                assert client.get(self._url).status_code == 200
                self.slowest = max(self.slowest, time.monotonic() - begin)

    def _weigh(self):
        while not self._ending.wait(0.02):
            self.most = max(self.most, memory(self.pid) - self.first)


def memory(pid):
    """Bytes of a process and those that it began, what they share counted once."""
    found = 0
    for process in [pid, *below(pid)]:
        try:
            for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines():
                found += 1024 * int(line.split()[1]) if line.startswith("Pss:") else 0
        except OSError:
            continue  # it has ended
    return found


def below(pid):
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [one for child in children for one in (int(child), *below(int(child)))]


@pytest.fixture(scope="module")
def service(folder, tmp_path_factory):
    with Process(folder, "--state", tmp_path_factory.mktemp("state")) as service:
        # At rest: the process that reads tables has begun.
        assert service.client.post(CSV, content=b"ds,y\n" + lines(12, lambda i: f"2026-01-01T{i:02}:00,1\n")).is_success
        yield service


@pytest.mark.parametrize("name", REQUESTS)
def test_a_hostile_request_holds_up_nobody(service, name):
    path, body = REQUESTS[name]
    with Watch(service) as watch:
        begin = time.monotonic()
        answer = service.client.post(path, content=body, timeout=PATIENCE)
        took = time.monotonic() - begin
    cost = f"{took:.2f} s, alive within {watch.slowest:.3f} s, {watch.most >> 20} MiB"
    print(f"{name}: {answer.status_code}, {cost}, {answer.text[:100]}")
    assert answer.status_code in (200, 400, 413, 422)
    assert len(answer.content) < 10_000 or answer.status_code == 200
    assert took < 20, cost
    assert watch.slowest < 10, cost  # it was 77; a machine with nothing else to do answers within 0.1
    assert watch.most < REST, cost


def test_a_signal_ends_the_service_during_a_hostile_request(folder):
    path, body = REQUESTS["dates that are none"]
    with Process(folder, "--table-seconds", "3") as service:
        url = f"{service.client.base_url}{path}"
        asking = threading.Thread(target=lambda: httpx.post(url, content=body, timeout=PATIENCE))
        asking.start()
        until(lambda: "tidegate_requests_active 2.0" in service.client.get("/metrics").text)
        begin = time.monotonic()
        code, _, err = service.end()
        asking.join()
        assert (code, "Traceback" in err) == (0, False)
        assert time.monotonic() - begin < 20
