"""Each SIMD level is an object of its own that a processor without its instructions never meets."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lacking import need, need_of_machine
from tidegate import cells
from tidegate.engine import compiled, simd

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "native"
FOLDER = Path(simd.extension.__file__).parent
PACKAGES = {"qemu-x86_64": "qemu-user", "c++": "a C++ compiler", "nm": "binutils", "objdump": "binutils"}
OBJECTS = {path.stem.removeprefix("_level_"): path for path in sorted(FOLDER.glob("_level_*.so"))}
WIDE = {  # registers and instructions that only a higher level may use
    "avx512": "nothing",
    "avx2": r"%zmm|%[xy]mm(1[6-9]|2[0-9]|3[01])|\{%k",
    "baseline": r"%[yz]mm|\{%k|\bv[a-z]+[0-9a-z]*\s+.*%xmm",
}


def tool(name):
    path = shutil.which(name)
    need(path, PACKAGES.get(name, name))
    return path


@pytest.fixture
def x86():
    need_of_machine("avx2" in OBJECTS, "an x86-64 processor")


def exported(path):
    return subprocess.check_output([tool("nm"), "-D", "--defined-only", "-j", str(path)], text=True).split()


def test_every_level_that_runs_here_was_built():
    assert set(simd.levels()) <= set(OBJECTS)


@pytest.mark.parametrize("level", OBJECTS)
def test_a_level_shows_its_entry_alone(level):
    assert exported(OBJECTS[level]) == ["tidegate_level"]


def test_the_extension_shows_its_entry_alone():
    assert exported(next(FOLDER.glob("_native.*"))) == ["PyInit__native"]


def test_a_users_own_cell_shows_its_entries_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    tool("c++")
    path = compiled._library(simd.extension.headers(), simd.extension.flags(simd.level), cells.get("slstm"))
    assert sorted(exported(path)) == ["tidegate_float32", "tidegate_float64"]


@pytest.mark.usefixtures("x86")
@pytest.mark.parametrize("level", ["extension", *OBJECTS])
def test_a_level_uses_no_instruction_of_a_higher_one(level):
    path = next(FOLDER.glob("_native.*")) if level == "extension" else OBJECTS[level]
    listing = subprocess.check_output([tool("objdump"), "-d", "--no-show-raw-insn", str(path)], text=True)
    assert not re.search(WIDE.get(level, WIDE["baseline"]), listing)
    assert re.search({"avx512": "%zmm", "avx2": "%ymm"}.get(level, "%xmm"), listing)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    path = tmp_path_factory.mktemp("driver") / "level_driver"
    sources = [HERE / "level_driver.cpp", SOURCES / "threads.cpp", SOURCES / "memory_pool.cpp"]
    command = [
        tool("c++"),
        "-std=c++20",
        "-O1",
        f"-I{SOURCES}",
        *map(str, sources),
        "-o",
        str(path),
        "-ldl",
        "-pthread",
    ]
    subprocess.run(command, check=True)
    return path


@pytest.mark.usefixtures("x86")
@pytest.mark.parametrize(
    ("processor", "level"), [("Haswell", "avx2"), ("Haswell", "baseline"), ("Nehalem", "baseline")]
)
def test_every_cell_runs_on_an_older_processor_to_the_same_bits(driver, processor, level):
    """The emulated processor knows no later instruction: one that leaks into its way ends the program."""
    emulated = [tool("qemu-x86_64"), "-cpu", processor, str(driver), str(OBJECTS[level])]
    found = subprocess.run(emulated, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-300:]
    assert len(found.stdout.splitlines()) == 2 * len(cells.names())
    if level in simd.levels():
        assert found.stdout == subprocess.check_output([str(driver), str(OBJECTS[level])], text=True)


@pytest.mark.usefixtures("x86")
def test_the_emulated_processor_would_notice(driver):
    emulated = [tool("qemu-x86_64"), "-cpu", "Nehalem", str(driver), str(OBJECTS["avx2"])]
    assert subprocess.run(emulated, capture_output=True, check=False).returncode != 0


def test_a_level_whose_object_is_damaged_is_named(tmp_path):
    for path in [*FOLDER.glob("_native.*"), *OBJECTS.values()]:
        shutil.copy(path, tmp_path)
    (tmp_path / f"_level_{simd.level}.so").write_bytes(b"no object")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import _native; _native.built_in({simd.level!r}, 'lstm')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"_level_{simd.level}.so" in result.stderr
    assert "install tidegate again" in result.stderr
