"""`tidegate serve` as a process: signals, workers, kills, a full disk, and what it says when it cannot begin."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from service_tools import PATIENCE, Process, fitted, until, wave

from lacking import need_of_machine

VALUES = wave(12)["y"].tolist()


def test_streams_survive_a_kill_and_sigterm_finishes_what_was_accepted(tmp_path):
    model = tmp_path / "model"
    fitted(units=400, layers=2).save(model)  # slow enough to be in work when the signal comes
    with Process(model, "--state", tmp_path / "state") as service:
        for value in VALUES:
            last = service.client.post("/streams/s", json={"values": value}).json()
        service.end(signal.SIGKILL)
    with Process(model, "--state", tmp_path / "state") as service:
        found = service.client.get("/streams/s").json()
        assert (found["count"], found["forecast"]) == (12, last["forecast"])
        body, answers = json.dumps({"values": [VALUES] * 900}), []
        threads = [
            threading.Thread(
                target=lambda: answers.append(
                    httpx.post(f"{service.client.base_url}/predict", content=body, timeout=PATIENCE)
                )
            )
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        until(lambda: "tidegate_requests_active 4.0" in service.client.get("/metrics").text)
        code, _, err = service.end()
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [200] * 3
        assert len(answers[0].json()["forecasts"]) == 900
        assert code == 0
        assert "Traceback" not in err, err


def test_workers_share_streams_and_a_killed_one_is_replaced(folder, tmp_path):
    with Process(folder, "--workers", 2, "--state", tmp_path) as service:
        assert "with 2 workers" in service.said
        children = workers_of(service.process.pid)
        assert len(children) == 2
        refuses_to_share(folder, tmp_path, workers=1)
        taken = 0

        def push(value):
            # A connection of its own each time: any worker may take it.
            while True:
                try:
                    body = {"values": value, "time": f"2026-01-01T{value:02.0f}:00:00"}
                    answer = httpx.post(f"{service.client.base_url}/streams/s", json=body, timeout=PATIENCE)
                except httpx.TransportError:
                    continue  # the worker that had it was killed; with its time it is not taken twice
                if answer.status_code == 503:
                    assert answer.headers["retry-after"] == "1"
                    continue
                assert answer.status_code == 200, answer.text
                return answer.json()["count"]

        for value in range(8):
            taken = push(float(value))
        assert taken == 8
        for child in children:
            os.kill(child, signal.SIGKILL)
        for value in range(8, 16):
            taken = push(float(value))
        assert taken == 16
        until(lambda: len(workers_of(service.process.pid)) == 2)
        until(lambda: service.client.get("/metrics").status_code == 200)
        assert "tidegate_requests_total" in service.client.get("/metrics").text
        found = httpx.get(f"{service.client.base_url}/streams/s", timeout=PATIENCE).json()
        assert [row[0] for row in found["history"]] == [float(value) for value in range(4, 16)]
        refused = httpx.post(f"{service.client.base_url}/streams/s", json={"values": "x"}, timeout=PATIENCE)
        assert refused.status_code == 422
        code, _, err = service.end()
        assert code == 0
        assert err.count("another takes its place") >= 2
        assert "Traceback" not in err, err


def test_a_frozen_worker_is_replaced_and_all_end_with_a_supervisor_that_is_killed(folder):
    with Process(folder, "--workers", 2, "--heartbeat", 2) as service:
        frozen, other = workers_of(service.process.pid)
        os.kill(frozen, signal.SIGSTOP)
        until(lambda: frozen not in workers_of(service.process.pid))
        until(lambda: len(workers_of(service.process.pid)) == 2)
        assert other in workers_of(service.process.pid)
        for _ in range(10):  # connections of their own: none waits for the frozen one
            until(lambda: httpx.get(f"{service.client.base_url}/models", timeout=PATIENCE).status_code == 200)
        children = workers_of(service.process.pid)
        _, _, err = service.end(signal.SIGKILL)
        until(lambda: not any(os.path.exists(f"/proc/{child}") for child in children))
        assert err.count("gives no sign of life and is ended") == 1


def test_a_dead_worker_comes_back_with_the_last_good_model_and_all_end_with_the_terminal(tmp_path):
    place = tmp_path / "model"
    fitted().save(place)
    with Process(f"m={place}", "--workers", 2, "--reload", 0.1, preexec_fn=closable) as service:

        def seen():
            try:
                answers = [httpx.get(f"{service.client.base_url}/models", timeout=PATIENCE).json() for _ in range(8)]
            except httpx.TransportError:
                return None
            return {answer["models"][0]["version"] for answer in answers}

        (good,) = seen()
        (place / "config.json").write_text("{}", encoding="utf-8")
        before = workers_of(service.process.pid)
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        until(lambda: seen() == {good})
        assert not set(before) & set(workers_of(service.process.pid))
        shutil.rmtree(place)
        fitted(seed=5).save(place)
        until(lambda: (found := seen()) and good not in found and len(found) == 1)
        code, _, err = service.end(signal.SIGHUP)
        assert code == 0
        assert "its last good version goes on" in err, err
        assert "Traceback" not in err, err


def test_a_token_that_changes_in_its_file_is_taken_up(folder, tmp_path):
    file, first, second = tmp_path / "token", "a-token-of-sufficient-length", "another-token-of-sufficient-length"
    file.write_text(f"{first}\n", encoding="utf-8")
    with Process(folder, "--token-file", file, "--reload", 0.05) as service:

        def status(token):
            return service.client.get("/models", headers={"authorization": f"Bearer {token}"}).status_code

        assert (status(first), status(second)) == (200, 401)
        file.write_text("short", encoding="utf-8")
        time.sleep(0.5)
        assert (status(first), status("short")) == (200, 401)
        file.write_text(f"{second}\n", encoding="utf-8")
        until(lambda: (status(first), status(second)) == (401, 200))
        _, _, err = service.end()
        assert "the old token stays" in err


def closable():
    """What a terminal's programs do on SIGHUP; under nohup these tests ignore it, and so would the service."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_a_terminal_that_closes_ends_the_service_in_order(folder):
    with Process(folder, preexec_fn=closable) as service:
        code, _, err = service.end(signal.SIGHUP)
        assert code == 0
        assert "Traceback" not in err, err


def test_two_services_cannot_share_a_folder(folder, tmp_path):
    with Process(folder, "--state", tmp_path):
        refuses_to_share(folder, tmp_path, workers=2)


def refuses_to_share(model, state, workers):
    """A second service, with so many workers, begins on the same folder of streams."""
    arguments = [str(model), "--port", "0", "--state", str(state), "--workers", str(workers)]
    command = [sys.executable, "-m", "tidegate", "serve", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 1
    assert "another service keeps its streams" in result.stderr
    assert "Traceback" not in result.stderr


def workers_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]


def test_a_full_disk_loses_nothing_that_was_acknowledged(folder, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # no file grows beyond, as on a full disk

    def push(service, number):
        return service.client.post(f"/streams/s{number}", json={"values": 1.0, "history": {"values": VALUES * 20}})

    with Process(folder, "--state", tmp_path, preexec_fn=limit) as service:
        taken = 0
        while (answer := push(service, taken)).status_code == 200:
            taken += 1
            assert taken < 2000
        assert answer.status_code == 507
        assert "was not taken; make room" in answer.json()["error"]
        assert service.client.post("/predict", json={"values": VALUES}).status_code == 200
        assert service.client.get("/streams").json()["count"] == taken > 3
        assert service.client.get(f"/streams/s{taken}").status_code == 404
    with Process(folder, "--state", tmp_path) as service:
        for number in range(taken):
            assert service.client.get(f"/streams/s{number}").json()["count"] == 241
        assert push(service, taken).json()["count"] == 241


def test_a_low_limit_of_open_files_is_said_and_lived_with(folder):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120))

    with Process(folder, preexec_fn=limit, told=2) as service:
        assert service.told[0].startswith("note: 40 connections at most")
        wires = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(150)]
        for _ in range(3):
            assert httpx.get(f"{service.client.base_url}/models", timeout=PATIENCE).status_code == 200
        for wire in wires:
            wire.close()


def test_too_low_a_limit_of_open_files_is_refused(folder):
    command = [sys.executable, "-m", "tidegate", "serve", str(folder), "--port", "0"]
    limits = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (75, 75))}
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False, **limits)
    assert result.returncode == 1
    assert "lets a process open 75 files, too few to serve; raise it with `ulimit -n`" in result.stderr


@pytest.fixture
def many_files():
    """A limit of open files that lets this process hold thousands of connections, for one test."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need_of_machine(hard == resource.RLIM_INFINITY or hard >= 4096, "a limit of 4096 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_thousands_of_idle_connections_shut_nobody_out(folder, many_files):
    with Process(folder, "--read-timeout", 600) as service:
        wires = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(2100)]
        try:
            for path in ("/v2/health/live", "/models"):
                assert httpx.get(f"{service.client.base_url}{path}", timeout=PATIENCE).status_code == 200
            until(lambda: closed(wires[51]))
            gone = [closed(wire) for wire in wires]
            assert 52 <= sum(gone) <= 60  # 2,048 stay, and those that asked made room
            assert gone == sorted(gone, reverse=True)  # the longest idle have gone
        finally:
            for wire in wires:
                wire.close()
        assert service.end()[0] == 0


def closed(wire):
    """Whether the service has closed a connection that it had nothing to say on."""
    wire.setblocking(False)
    try:
        return wire.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["/nowhere"], "/nowhere does not exist"),
        (["MODEL", "--host", "256.0.0.1"], "cannot be listened on"),
        (["MODEL", "--port", "70000"], "port must be"),
        (["MODEL", "--token-file", "/nowhere"], "token file /nowhere cannot be read"),
        (["MODEL", "--token-file", "MODEL/config.json"], "is no token"),
        (["MODEL", "--sync", "never"], "sync must be one of"),
        (["/nowhere", "--workers", "2"], "/nowhere does not exist"),
    ],
)
def test_a_service_that_cannot_begin_says_why(folder, arguments, sentence):
    arguments = [argument.replace("MODEL", str(folder)) for argument in arguments]
    port = [] if "--port" in arguments else ["--port", "0"]
    command = [sys.executable, "-m", "tidegate", "serve", *arguments, *port]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False)
    assert result.returncode == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_package_is_named_with_its_command(folder):
    code = (
        "import sys; sys.modules['uvicorn'] = None; sys.argv = ['tidegate', 'serve', sys.argv[1]];"
        "from tidegate.cli import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "pip install 'tidegate[serve]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_help_is_quick():
    begin = time.monotonic()
    subprocess.run([sys.executable, "-m", "tidegate", "--help"], capture_output=True, check=True)
    code = (
        "import sys, tidegate.cli; print([m for m in ('torch', 'fastapi', 'uvicorn', 'pydantic') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    assert time.monotonic() - begin < 10


def test_a_service_needs_no_scikit_learn(folder):
    """Importing it takes a second and 60 MB in every worker, and only what fits is an estimator."""
    code = (
        "import sys; from tidegate.serving.service import Service; Service([sys.argv[1]]);"
        "print([name for name in ('sklearn', 'matplotlib', 'torch._dynamo') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
