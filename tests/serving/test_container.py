"""The Dockerfile, as far as it can be tried without Docker: what it copies, how it starts, as whom, how it is asked."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from service_tools import PATIENCE, Process, wave

from tidegate.cli import app
from tidegate.serving.settings import ServeSettings, from_environment
from tidegate.settings import check_settings

ROOT = Path(__file__).parent.parent.parent
# An audit hook in every process: what is opened to be written must lie in the folders that are named.
READ_ONLY = """
import os, sys
allowed = tuple(os.environ["WRITABLE"].split(":"))
def refuse(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        path = os.path.abspath(arguments[0])
    elif event in ("os.mkdir", "os.rename", "os.remove"):
        writes, path = True, os.path.abspath(os.fsdecode(arguments[0]))
    else:
        return
    if writes and not path.startswith(allowed):
        print("WRITES", path, file=sys.stderr)
        raise OSError(30, "Read-only file system", path)
sys.addaudithook(refuse)
"""


def instructions():
    """The instructions of the Dockerfile by stage, each as its name and what follows it."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", " ", text)
    stages = []
    for line in filter(None, text.splitlines()):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest))
    return stages


BUILD, RUN = instructions()


def of(stage, name):
    return [rest for each, rest in stage if each == name]


def environment():
    """The variables of the last stage."""
    pairs = (pair.split("=", 1) for line in of(RUN, "ENV") for pair in shlex.split(line))
    return {name: value for name, value in pairs if name.startswith("TIDEGATE_")}


def test_what_is_copied_is_there_and_not_ignored():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    kept = {line[1:] for line in lines if line.startswith("!")}
    sources = [source for line in of(BUILD, "COPY") for source in shlex.split(line)[:-1]]
    assert kept == set(sources)
    assert all((ROOT / source).exists() for source in sources)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f'"{name}"' in project for name in ("docs/pypi.md", "LICENSE"))  # what the build reads of these


def test_the_last_stage_has_no_compiler_and_no_sources():
    assert of(BUILD, "FROM")[0].split()[0] == of(RUN, "FROM")[0]  # the interpreter of the environment is the same
    assert of(RUN, "COPY") == ["--from=build /opt/tidegate /opt/tidegate"]
    assert "g++" in str(of(BUILD, "RUN"))
    assert not re.search(r"apt-get|pip|g\+\+", str(of(RUN, "RUN")))


def test_torch_is_pinned_and_no_index_is_named():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "pip install --constraint constraints.txt torch" in text
    assert not re.search(r"index-url|--find-links|https?://(?!127\.0\.0\.1)", text)


def test_the_user_is_not_root():
    (user,) = of(RUN, "USER")
    assert int(user) > 0
    assert f"--uid {user} " in str(of(RUN, "RUN"))
    assert [name for name, _ in RUN].index("USER") > max(i for i, each in enumerate(RUN) if each[0] in ("RUN", "COPY"))


def test_the_command_line_takes_the_arguments_and_variables():
    program, command, *more = json.loads(of(RUN, "ENTRYPOINT")[0]) + json.loads(of(RUN, "CMD")[0])
    assert program == "tidegate"
    context = typer.main.get_command(app).commands[command].make_context(command, more)
    assert context.params["models"] == ["model=/model"]
    settings = ServeSettings(**from_environment(environment()))
    check_settings(settings)
    assert settings.state == of(RUN, "VOLUME")[0]
    assert settings.port == int(of(RUN, "EXPOSE")[0])


@pytest.fixture
def health():
    """The command of HEALTHCHECK, with this Python for the image's."""
    (line,) = of(RUN, "HEALTHCHECK")
    return re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", line.partition(" CMD ")[2])


def run(command, port):
    """Run a command in a plain shell, as Docker does."""
    given = {"PATH": os.environ["PATH"], "TIDEGATE_PORT": str(port)}
    return subprocess.run(["/bin/sh", "-c", command], env=given, capture_output=True, timeout=PATIENCE, check=False)


def test_a_service_on_a_read_only_root_is_healthy_until_it_ends(health, folder, tmp_path):
    for name in ("state", "tmp", "hook"):
        (tmp_path / name).mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(READ_ONLY, encoding="utf-8")
    given = {
        "PYTHONPATH": str(tmp_path / "hook"),
        "TMPDIR": str(tmp_path / "tmp"),
        "WRITABLE": f"{tmp_path / 'state'}:{tmp_path / 'tmp'}:/dev/",
        "HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "PATH": os.environ["PATH"],
    }
    elsewhere = [sys.executable, "-c", f"open({str(tmp_path / 'elsewhere')!r}, 'w')"]
    assert subprocess.run(elsewhere, env=given, capture_output=True, check=False).returncode != 0
    with Process(folder, "--state", tmp_path / "state", environment=given) as service:
        assert run(health, service.port).returncode == 0
        assert service.client.post("/predict/csv", content=wave(20).to_csv(index=False).encode()).status_code == 200
        assert service.client.post("/streams/s", json={"values": 1.0}).status_code == 200
        assert service.client.get("/metrics").status_code == 200
        code, _, err = service.end()
        assert (code, "WRITES" in err) == (0, False), err
        assert run(health, service.port).returncode == 1
