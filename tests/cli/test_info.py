from importlib import metadata

import torch

import tidegate as package
from tidegate.engine import simd


def test_info_says_what_there_is_to_know_of_a_machine(tidegate):
    lines = dict(line.split(maxsplit=1) for line in tidegate("info").stdout.splitlines())
    assert lines["tidegate"] == package.__version__
    assert lines["torch"].startswith(torch.__version__)
    assert lines["threads"] == str(torch.get_num_threads())
    assert lines["engine"].startswith(simd.level or "the native engine is missing")


def test_info_names_what_an_extra_lacks_and_how_to_get_it(tidegate, monkeypatch):
    needs = ["torch>=2", "openpyxl>=3; extra == 'excel'", "old>=1; python_version < '3' and extra == 'excel'"]
    needs += ["absent>=1; extra == 'more'", "openpyxl; extra == 'more'", "ruff; extra == 'dev'"]
    monkeypatch.setattr(metadata, "requires", lambda name: needs)
    monkeypatch.setattr(metadata, "metadata", lambda name: _Extras())
    monkeypatch.setattr(metadata, "version", _version)
    lines = [line for line in tidegate("info").stdout.splitlines() if line.startswith("[")]
    assert [line.split(maxsplit=1) for line in lines] == [
        ["[excel]", "ready"],
        ["[more]", "lacks absent; run: pip install 'tidegate[more]'"],
    ]


def test_info_works_where_the_package_was_never_installed(tidegate, monkeypatch):
    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", nothing)
    assert "[" not in tidegate("info").stdout.splitlines()[-1][:2]


class _Extras:
    def get_all(self, key):
        return ["dev", "excel", "more"]


def _version(name):
    if name == "openpyxl":
        return "3.1"
    raise metadata.PackageNotFoundError(name)
