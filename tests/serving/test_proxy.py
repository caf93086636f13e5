"""The documented configuration of nginx, in front of a service."""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from service_tools import PATIENCE, running, until, wave

from lacking import need

PAGE = Path(__file__).parent.parent.parent / "docs" / "serving.md"
NAME = "forecasts.example.org"


@pytest.fixture
def nginx(tmp_path):
    """Starts nginx with the documented configuration; gives the port on which it listens."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
    need(program is not None, "nginx")
    need(shutil.which("openssl") is not None, "openssl")
    begun = []

    def start(service):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
        keys = ["-keyout", tmp_path / "forecasts.key", "-out", tmp_path / "forecasts.pem"]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *keys, *subject]
        subprocess.run(command, check=True, capture_output=True)
        server = re.search(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
        for documented, here in (
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("/etc/ssl/", f"{tmp_path}/"),
            ("127.0.0.1:8000", f"127.0.0.1:{service}"),
        ):
            assert documented in server
            server = server.replace(documented, here)
        temporary = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""  # else its workers may not enter this test's folder
        main = f"daemon off; {user} pid {tmp_path}/pid; error_log stderr; events {{}}"
        text = f"{main} http {{ access_log off; {temporary} {server} }}"
        (tmp_path / "nginx.conf").write_text(text, encoding="utf-8")
        begun.append(subprocess.Popen([program, "-c", tmp_path / "nginx.conf", "-p", tmp_path, "-e", "stderr"]))
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        return port

    yield start
    for process in begun:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_page_is_used_through_the_documented_proxy(folder, nginx):
    page = f"https://{NAME}"
    body = {"values": wave(12)["y"].tolist()}
    with running(folder, origin=(page,)) as service:
        port = nginx(service.port)
        with httpx.Client(
            base_url=f"https://127.0.0.1:{port}", verify=False, headers={"host": NAME}, timeout=PATIENCE
        ) as client:
            assert "<title>" in client.get("/").text
            answer = client.post("/predict", json=body, headers={"origin": page})
            assert answer.json() == service.post("/predict", json=body).json()
            assert client.post("/predict", json=body, headers={"origin": "https://evil.example"}).status_code == 403
            assert client.post("/predict", content=b" " * 3_000_000).status_code == 422
            assert client.post("/predict", content=b" " * 5_000_000).status_code == 413
    with running(folder) as service:
        refused = service.post("/predict", json=body, headers={"host": NAME, "origin": page})
        assert refused.status_code == 403
