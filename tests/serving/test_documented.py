"""What the pages say of the service: their commands and clients, run against one."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from service_tools import running

from lacking import need
from tidegate import Forecaster

ROOT = Path(__file__).parent.parent.parent
READMES = ("README.md", "README.zh-CN.md")


QUICK = {"units": 4, "layers": 1, "epochs": 1, "steps_per_epoch": 3}


def served(folder, data, **settings):
    Forecaster(**QUICK, **settings).fit(pd.read_csv(ROOT / "examples" / "data" / data)).save(folder)
    return running(folder)


@pytest.fixture(scope="module")
def shares(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "shares"
    with served(folder, "apple.csv", target_col="close", lookback=60) as client:
        yield client


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    import http_client

    return http_client.main


def here(text, client):
    return re.sub(r"(localhost|127\.0\.0\.1):8000", f"127.0.0.1:{client.port}", text)


@pytest.mark.parametrize("name", READMES)
def test_the_readmes_python_client_gets_a_forecast(name, shares, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    code = re.search(r"```python\n([^`]*urlopen.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)[1]
    exec(compile(here(code, shares), name, "exec"), {})
    assert "'LSTM-lo-80'" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["README.md", "docs/serving.md"])
def test_the_pages_curl_commands_are_answered(page, shares):
    need(shutil.which("curl"), "curl")
    commands = re.findall(r"^curl .*$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert commands
    for command in commands:
        command = command.replace(
            ', "time": "2026-01-01T12:00"', ', "time": "2026-01-01"'
        )  # this model's step is a day
        said = subprocess.run(here(command, shares), shell=True, cwd=ROOT, capture_output=True, check=True).stdout
        assert "forecast" in "".join(json.loads(said)), said


def test_the_example_client_asks_for_all_it_says(example, tmp_path, capsys):
    with served(tmp_path / "demo", "electricity.csv", lookback=12, horizon=4) as client:
        answer = example(f"http://127.0.0.1:{client.port}")
    assert answer["needed"] == 0
    assert len(answer["forecast"]["columns"]["LSTM"]) == 4
    assert capsys.readouterr().out.count("what ") == 3


def test_the_example_client_says_what_is_wrong(example, folder):
    with running(folder, token="a-token-of-sufficient-length") as client, pytest.raises(SystemExit) as ended:
        example(f"http://127.0.0.1:{client.port}")
    assert "answered 401: the request carries no valid token" in str(ended.value)
    with pytest.raises(SystemExit) as ended:
        example("http://127.0.0.1:9")
    assert "cannot be reached" in str(ended.value)
