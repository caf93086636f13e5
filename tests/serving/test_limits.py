"""Bounds: body, rows, requests, connections, time; and the token."""

import gc
import gzip
import json
import socket
import threading
import time

import httpx
import pytest
from service_tools import PATIENCE, running, until, wave

from tidegate import SettingError
from tidegate.serving.settings import ServeSettings, from_environment
from tidegate.settings import check_settings

VALUES = json.dumps({"values": wave(12)["y"].tolist()}).encode()


def raw(port, *pieces, pause=0.0, close=False, seconds=10):
    """Send bytes as they are; what comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as wire:
        for piece in pieces:
            wire.sendall(piece)
            time.sleep(pause)
        if close:
            wire.shutdown(socket.SHUT_WR)
        received = b""
        while part := wire.recv(65536):
            received += part
            if received.count(b"\r\n\r\n") and b"connection: close" not in received and not close:
                break
        return received


def head(length, path="/predict", more=""):
    return f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{more}\r\n".encode()


@pytest.fixture(scope="module")
def bounded(folder):
    bounds = {"max_body": 2000, "max_rows": 50, "read_timeout": 0.5, "max_connections": 20, "max_buffered": 5000}
    with running(folder, **bounds, max_requests=4) as client:
        yield client


def test_a_large_body_is_refused_before_it_is_read(bounded):
    answer = raw(bounded.port, head(10**12))
    assert b" 413 " in answer.splitlines()[0]
    assert b"may have 2000" in answer


def test_a_large_chunked_body_is_refused_while_it_is_read(bounded):
    begin = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"400\r\n" + b"1" * 1024 + b"\r\n"
    answer = raw(bounded.port, begin, chunk, chunk, chunk, pause=0.05)
    assert b" 413 " in answer.splitlines()[0]


def test_a_slow_body_is_given_up(bounded):
    begin = time.monotonic()
    answer = raw(bounded.port, head(100), b"{")
    assert b" 408 " in answer.splitlines()[0]
    assert b"did not arrive in time" in answer
    assert time.monotonic() - begin < 3


def test_a_body_that_trickles_is_given_up(bounded):
    with socket.create_connection(("127.0.0.1", bounded.port), timeout=5) as wire:
        wire.sendall(head(100))
        begin = time.monotonic()
        wire.settimeout(0.1)
        answer = b""
        while b"408" not in answer and time.monotonic() - begin < 4:
            try:
                wire.sendall(b" ")
                answer += wire.recv(1000)
            except TimeoutError:
                continue
        assert b"408" in answer


def test_a_slow_head_is_given_up_and_an_idle_connection_closed(bounded):
    assert b" 408 " in raw(bounded.port, b"POST /pre").splitlines()[0]
    assert raw(bounded.port) == b""


def test_an_endless_head_is_refused(bounded):
    answer = raw(bounded.port, b"GET / HTTP/1.1\r\n", *[b"x-%d: " % i + b"a" * 8000 + b"\r\n" for i in range(9)])
    assert b" 431 " in answer.splitlines()[0]


def test_what_is_no_http_is_refused(bounded):
    assert b" 400 " in raw(bounded.port, b"\x16\x03\x01\x02\x00\x01\r\n\r\n").splitlines()[0]


@pytest.mark.parametrize("requests", [1, 3])
def test_a_half_closed_connection_is_answered(bounded, requests):
    rows = json.dumps({"rows": wave(12).astype({"ds": str}).to_dict("records")}).encode()  # read beside the event loop
    answer = raw(bounded.port, (head(len(rows)) + rows) * requests, close=True)
    assert answer.count(b"HTTP/1.1 200 ") == requests


def test_a_half_request_is_not_waited_for(bounded):
    assert raw(bounded.port, head(len(VALUES)) + VALUES[:20], close=True) == b""


def test_a_client_that_goes_away_disturbs_nobody(bounded):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", bounded.port)) as wire:
            wire.sendall(head(len(VALUES)) + VALUES[:50])
    assert bounded.post("/predict", content=VALUES).status_code == 200
    until(lambda: "tidegate_requests_active 1.0" in bounded.get("/metrics").text)


def test_too_many_rows_are_refused(bounded):
    answer = bounded.post("/predict", json={"values": [1.0] * 51})
    assert answer.status_code == 413
    assert "more than 50 rows" in answer.json()["error"]
    rows = [{"y": 1} for _ in range(60)]
    assert bounded.post("/predict", json={"rows": rows}).status_code == 413
    assert bounded.post("/predict/csv", content=b"y\n" + b"1\n" * 60).status_code == 413


def test_overload_is_answered_503_with_retry_after_and_health_still_answers(bounded):
    wires = [socket.create_connection(("127.0.0.1", bounded.port)) for _ in range(4)]
    try:
        for wire in wires:
            wire.sendall(head(100) + b"{")
        until(lambda: "tidegate_requests_active" in str(bounded.server) or bounded.get("/metrics").status_code == 503)
        answer = bounded.post("/predict", content=VALUES)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert "try again" in answer.json()["error"]
        assert bounded.get("/v2/health/live").status_code == 200
    finally:
        for wire in wires:
            wire.close()
    until(lambda: bounded.post("/predict", content=VALUES).status_code == 200)


def test_the_bytes_of_all_bodies_together_are_bounded(bounded):
    wires = [socket.create_connection(("127.0.0.1", bounded.port)) for _ in range(3)]
    try:
        for wire in wires:
            wire.sendall(head(1990) + b" " * 1900)
        answers = []
        for wire in wires:
            wire.settimeout(5)
            answers.append(wire.recv(1000).split()[1])
        assert b"503" in answers
    finally:
        for wire in wires:
            wire.close()


def open_until(wire):
    """Whether a connection is still open after a moment."""
    wire.settimeout(0.05)
    try:
        return wire.recv(1000) != b""
    except TimeoutError:
        return True


def test_idle_connections_make_room(folder):
    with running(folder, max_connections=20, read_timeout=60) as client:
        wires = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(30)]
        try:
            for _ in range(3):
                assert httpx.post(f"{client.base_url}/predict", content=VALUES, timeout=PATIENCE).status_code == 200
            kept = [open_until(wire) for wire in wires]
            assert 10 <= sum(kept) <= 20
            assert kept == sorted(kept)  # those that were idle for longest have gone
        finally:
            for wire in wires:
                wire.close()


def test_busy_connections_are_kept_and_health_still_answers(folder):
    with running(folder, max_connections=4, max_requests=100) as client:
        url = str(client.base_url)
        wires = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(4)]
        try:
            for wire in wires:
                wire.sendall(head(100) + b"{")
            until(lambda: len(client.server.server_state.tasks) == 4)
            refused = httpx.post(f"{url}/predict", content=VALUES, timeout=PATIENCE)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert "too many connections" in refused.json()["error"]
            assert httpx.get(f"{url}/v2/health/live", timeout=PATIENCE).status_code == 200
            for wire in wires:
                wire.sendall(b" " * 99)
                assert b" 422 " in wire.recv(1000)
        finally:
            for wire in wires:
                wire.close()
        until(lambda: httpx.post(f"{url}/predict", content=VALUES, timeout=PATIENCE).status_code == 200)


def test_overload_does_not_grow_memory(folder):
    with running(folder, max_requests=8, max_buffered=200_000) as client:
        gc.collect()
        codes = []

        def hammer():
            with httpx.Client(base_url=str(client.base_url), timeout=PATIENCE) as mine:
                for _ in range(20):
                    codes.append(mine.post("/predict", content=VALUES + b" " * 100_000).status_code)

        threads = [threading.Thread(target=hammer) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(codes) == 240
        assert set(codes) <= {200, 503}
        assert 200 in codes
        limits = client.server.config.app
        assert (limits._active, limits._buffered) == (0, 0)


def test_a_token_is_asked_for(folder):
    token = "a-token-of-sufficient-length"
    with running(folder, token=token) as client:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": token}, {"authorization": "Basic x"}):
            refused = client.post("/predict", content=VALUES, headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert "Authorization: Bearer" in refused.json()["error"]
        for path in ("/models", "/streams", "/metrics", "/openapi.json", "/docs", "/v2/models/wave"):
            assert client.get(path).status_code == 401, path
        for path in ("/", "/page/main.js", "/v2/health/live", "/v2/health/ready"):
            assert client.get(path).status_code == 200, path
        given = {"authorization": f"Bearer {token}"}
        assert client.post("/predict", content=VALUES, headers=given).status_code == 200
        assert client.get("/metrics", headers=given).status_code == 200


def test_pages_of_other_sites_are_refused(client):
    refused = client.post("/predict", content=VALUES, headers={"origin": "https://evil.example"})
    assert refused.status_code == 403
    own = {"origin": f"http://127.0.0.1:{client.port}"}
    assert client.post("/predict", content=VALUES, headers=own).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "x", "localhost.evil", "[", ""]
)
def test_a_host_that_is_another_is_refused(client, host):
    refused = client.post("/predict", content=VALUES, headers={"host": host, "origin": f"http://{host}"})
    assert refused.status_code == 403
    assert "--allow-host" in refused.json()["error"]
    assert client.get("/v2/health/live", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "LOCALHOST:80", "[::1]:8000", "192.168.7.7:1", "a.localhost", socket.gethostname()]
)
def test_own_names_and_addresses_are_taken(client, host):
    given = {"host": host, "origin": f"http://{host}"}
    assert client.post("/predict", content=VALUES, headers=given).status_code == 200


def test_hosts_and_origins_of_a_proxy_are_taken_as_the_settings_say(folder):
    page = "https://forecasts.example"
    with running(folder, allow_host=("inner",), origin=(page,)) as client:
        for given, status in (
            ({"host": "inner:8000"}, 200),
            ({"host": "forecasts.example", "origin": page}, 200),
            ({"host": "inner", "origin": page}, 200),
            ({"host": "inner", "origin": "http://forecasts.example"}, 403),
            ({"host": "other"}, 403),
            ({"origin": "null"}, 403),
        ):
            assert client.post("/predict", content=VALUES, headers=given).status_code == status, given


@pytest.mark.parametrize(
    "settings",
    [
        {"origin": ("forecasts.example",)},
        {"origin": ("https://a/b",)},
        {"allow_host": ("https://a",)},
        {"allow_host": ("*",)},
    ],
)
def test_hosts_and_origins_that_are_none_are_refused(settings):
    with pytest.raises(SettingError, match="must be"):
        check_settings(ServeSettings(**settings))


def test_a_body_may_be_gzip_within_the_bound_on_what_it_holds(bounded):
    def post(body, encoding="gzip"):
        return bounded.post("/predict", content=body, headers={"content-encoding": encoding})

    assert post(gzip.compress(VALUES)).json() == bounded.post("/predict", content=VALUES).json()
    for body, encoding, status, sentence in (
        (gzip.compress(b" " * 10**6), "gzip", 413, "holds more than 2000 bytes"),
        (gzip.compress(VALUES)[:-9], "gzip", 400, "no gzip that can be read"),
        (gzip.compress(VALUES) + b"x", "gzip", 400, "no gzip that can be read"),
        (VALUES, "gzip", 400, "no gzip that can be read"),
        (VALUES, "br", 415, "send it as it is, or as gzip"),
    ):
        refused = post(body, encoding)
        assert (refused.status_code, sentence in refused.json()["error"]) == (status, True), refused.text


def test_head_is_answered_as_get_without_a_body(client):
    for path in ("/", "/models", "/v2/health/live", "/page/main.js", "/nothing"):
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-length"] == got.headers["content-length"]


def test_a_wrong_method_is_told_which_are_right(client):
    for path, methods in (("/predict", "POST"), ("/streams/x", "DELETE, GET, HEAD, POST"), ("/models", "GET, HEAD")):
        refused = client.put(path)
        assert (refused.status_code, refused.headers["allow"]) == (405, methods)


def test_settings_come_from_the_environment():
    given = {
        "TIDEGATE_PORT": "9000",
        "TIDEGATE_TIMEOUT": "2.5",
        "TIDEGATE_ORIGIN": "https://a,https://b",
        "TIDEGATE_SIMD": "x",
    }
    assert from_environment(given) == {"port": 9000, "timeout": 2.5, "origin": "https://a,https://b"}
    with pytest.raises(SettingError, match="TIDEGATE_PORT must be a number, not 'high'"):
        from_environment({"TIDEGATE_PORT": "high"})
