"""The command line in this process, and a folder with a stranger's tables."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tidegate import cli


@pytest.fixture
def tidegate(folder, monkeypatch, capsys):
    """The command line, run in this process: a start of its own would cost two seconds each time."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "warnoptions", ["error"])  # warnings are errors here, too

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tidegate", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "Date": pd.date_range("2026-01-01", periods=200).strftime("%d/%m/%Y"),
            "City": "Lyon",
            "Sales": np.sin(np.arange(200) * 2 * np.pi / 7) + rng.normal(0, 0.1, 200),
        }
    )
    table.to_csv(folder / "sales.csv", index=False)
    table.drop(index=[50, 51]).to_csv(folder / "gaps.csv", index=False)
    return folder
