"""What is handed out: a source distribution that can be read, built and tested by itself, and the types."""

import os
import re
import subprocess
import sys
import tarfile
from importlib import resources
from pathlib import Path

from lacking import need_module

ROOT = Path(__file__).parent.parent
BUILD = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"


def test_source_distribution_holds_what_its_readers_and_testers_need(tmp_path):
    need_module("scikit_build_core")
    quiet = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run([sys.executable, "-c", BUILD, str(tmp_path)], cwd=ROOT, env=quiet, capture_output=True, check=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        held = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    parts = [
        path for folder in ("tests", "docs", "native", "examples", "portable") for path in (ROOT / folder).rglob("*")
    ]
    wanted = {path.relative_to(ROOT).as_posix() for path in parts if path.is_file() and "__pycache__" not in path.parts}
    assert wanted - held == set()
    for page in ("README.md", "README.zh-CN.md"):
        links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
        assert len(links) > 5
        assert all(any(name == link or name.startswith(f"{link.rstrip('/')}/") for name in held) for link in links)
    assert {"LICENSE", "Makefile", "CHANGELOG.md", "src/tidegate/py.typed"} <= held
    assert not [name for name in held if name.endswith((".so", ".pyc"))]


def test_package_says_that_it_has_types():
    assert resources.files("tidegate").joinpath("py.typed").is_file()


def test_both_halves_of_the_stable_abi_are_asked_for():
    """Without the first the wheel is one version's by name, without the second by content."""
    cmake, project = ((ROOT / name).read_text(encoding="utf-8") for name in ("CMakeLists.txt", "pyproject.toml"))
    assert re.search(r'^wheel\.py-api = "cp312"', project, re.MULTILINE)
    assert "${SKBUILD_SABI_COMPONENT}" in cmake
    assert re.search(r"^nanobind_add_module\(_native .*STABLE_ABI", cmake, re.MULTILINE)
