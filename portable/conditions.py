"""The machines that others have: one function each, and the table of them at the end.

A condition yields its steps; `trial.quick` asks for the part that a continuous integration has time for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

from portable import machine
from portable.machine import PYTHON
from portable.running import ROOT, Condition, NotHad, Step, Trial, beside

Steps = Generator[Step, None, None]
ELECTRICITY = ("examples/data/electricity.csv", "--config", "examples/data/electricity.toml")
SMOKE = str(ROOT / "portable" / "smoke.py")
SMALL = ("tests/engine/test_native.py", "tests/engine/test_dispatch.py")
READING = (
    "tests/tables",
    "tests/forecasting/test_zones.py",
    "tests/storage/test_model_folder.py",
    "tests/cli/test_info.py",
)
PAGE = tuple(str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests" / "serving").glob("test_page*.py")))
SHOWING = ("tests/forecasting/evaluation", *PAGE, "tests/test_examples.py")
DRAWING = ("tests/forecasting/evaluation/test_figures.py", "tests/test_examples.py")
COMMANDS = ("tests/cli/test_info.py", "tests/cli/test_layer_options.py")
TIMED = ("tests/serving", "tests/cli", "tests/training", "tests/engine", "tests/test_testing.py")
NO_COMPILER = {"CC": None, "CXX": None}
NO_CACHES = {"XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None, "MPLCONFIGDIR": None, "TIDEGATE_CACHE": None}

AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "TIDEGATE_SIMD": "avx2",
}
BASELINE = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "TIDEGATE_SIMD": "baseline",
}


def suite(*paths: str, python: str | Path = PYTHON, prefix: tuple[str, ...] = (), **environment: str | None) -> Step:
    """Return what `make test` runs, or the part of it in some folders."""
    command = (*prefix, str(python), "-m", "pytest", "-n", "auto", "-p", "no:cacheprovider", *paths)
    return Step(command, {"OMP_NUM_THREADS": "1", **environment})


def demo(trial: Trial, *, python: str | Path = PYTHON, prefix: tuple[str, ...] = (), **environment: str | None) -> Step:
    """Return what `make demo` runs; its first epochs only where time is short."""
    short = ("--epochs", "2") if trial.quick else ()
    command = (*prefix, str(python), "-m", "tidegate", "forecast", "fit", *ELECTRICITY, *short)
    return Step((*command, "--out", str(trial.folder / "demo"), "--overwrite"), environment)


def processor(environment: dict[str, str], trial: Trial) -> Steps:
    """Every library keeps to the instructions of a lesser processor."""
    yield suite(*(SMALL if trial.quick else ()), **environment)
    yield demo(trial, **environment)


def emulated(model: str, trial: Trial) -> Steps:
    """A processor that really lacks the instructions, so that one which leaked is a trap."""
    qemu = machine.program("qemu-x86_64", "qemu-user")
    yield Step((qemu, "-cpu", model, PYTHON, SMOKE), {"OMP_NUM_THREADS": "1"})


def built(compiler: str, generator: str, trial: Trial) -> Steps:
    """The native part from another compiler or generator, on a processor without AVX-512."""
    machine.program({"Ninja": "ninja", "Unix Makefiles": "make"}[generator])
    chosen = machine.program(compiler, {"g++": "g++", "clang++": "clang"}[compiler])
    qemu = machine.program("qemu-x86_64", "qemu-user")
    build, package = trial.folder / "build", trial.folder / "package"
    options = [f"-DCMAKE_CXX_COMPILER={chosen}", f"-DPython_EXECUTABLE={PYTHON}"]
    yield Step((PYTHON, "-m", "cmake", "-S", ".", "-B", str(build), "-G", generator, *options))
    yield Step((PYTHON, "-m", "cmake", "--build", str(build), "--parallel", str(os.cpu_count() or 1)))
    yield Step((PYTHON, "-m", "cmake", "--install", str(build), "--prefix", str(package)))
    yield Step(("cp", "-r", "src/tidegate", str(package)))
    # -S: without it the editable installation would come before the package that was just built.
    alone = {"PYTHONPATH": f"{package}{os.pathsep}{machine.PACKAGES}", "OMP_NUM_THREADS": "1"}
    yield Step((PYTHON, "-S", SMOKE, "--native"), alone)
    yield Step((PYTHON, "-S", "-m", "pytest", "-p", "no:cacheprovider", "tests/engine/test_levels.py"), alone)
    yield Step((qemu, "-cpu", "Haswell", PYTHON, "-S", SMOKE, "--native"), alone)


def wheel(trial: Trial) -> Steps:
    """A wheel from elsewhere, installed where there is no compiler."""
    yield Step(
        (PYTHON, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(trial.folder), ".")
    )
    yield from _without_compiler(trial, lambda: next(trial.folder.glob("*.whl"), trial.folder / "no.whl"), "--native")


def pure_python(trial: Trial) -> Steps:
    """A source distribution, installed where there is no compiler: the package without its native part."""
    code = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"
    yield Step((PYTHON, "-c", code, str(trial.folder)))
    yield from _without_compiler(
        trial, lambda: next(trial.folder.glob("*.tar.gz"), trial.folder / "no.tar.gz"), "--pure"
    )


def _without_compiler(trial: Trial, built: Callable[[], Path], expected: str) -> Steps:
    """Install what was built and use it as the README says, with no compiler on the PATH."""
    python = machine.clean_environment(trial.folder / "venv")
    place = machine.path_without_compilers(trial.folder / "bin", python.parent, Path(PYTHON).parent)
    nothing = {**NO_COMPILER, "PATH": place, "TIDEGATE_CACHE": str(trial.folder / "cache")}
    install = (
        PYTHON,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    )
    yield Step((*install, "--ignore-installed", str(built())), nothing)
    yield Step((str(python), SMOKE, expected, "--serve"), nothing)
    yield Step((str(python.parent / "tidegate"), "cells"), nothing)
    yield demo(trial, python=python, **nothing)
    if not trial.quick:
        yield suite(python=python, **nothing)


def no_fonts(trial: Trial) -> Steps:
    """A server: no font, no browser."""
    prefix = machine.without_fonts_and_browsers()
    fresh = {"MPLCONFIGDIR": str(trial.folder / "matplotlib")}
    yield suite(*(DRAWING if trial.quick else SHOWING), prefix=prefix, **fresh)
    yield demo(trial, prefix=prefix, **fresh)


def elsewhere(zone: str, locale: str, trial: Trial) -> Steps:
    """Another time zone and locale, and nothing that makes Python prefer UTF-8."""
    chosen = {"LC_ALL": "C"} if locale == "C" else machine.built_locale(locale, trial.folder)
    environment = {"TZ": zone, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": None, **chosen}
    # torch's inductor reads its own sources in the encoding of the locale, and cannot in ASCII.
    chosen_tests = READING if trial.quick else ("-k", "not inductor") if locale == "C" else ()
    yield suite(*chosen_tests, **environment)
    if not trial.quick:  # the tests of the commands train as it does
        yield demo(trial, **environment)


def no_home(trial: Trial) -> Steps:
    """A container that runs as a number: no HOME, no name, no entry in the list of users."""
    setpriv = machine.program("setpriv", "util-linux")
    number = ("--reuid=54321", "--regid=54321", "--clear-groups")
    rights = (
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=+dac_read_search",
    )  # only to read a checkout of root's
    prefix = (setpriv, *number, *rights)
    if not machine.works(*prefix, "true"):
        raise NotHad("no right to become another user (needs root)")
    os.chmod(trial.folder, 0o777)
    nobody = {name: None for name in ("HOME", "USER", "LOGNAME", "USERNAME", "LNAME")}
    yield from _homeless(trial, prefix, {**nobody, "TMPDIR": str(trial.folder), "PYTHONDONTWRITEBYTECODE": "1"})


def no_home_variable(trial: Trial) -> Steps:
    """HOME is not set, as under some service managers."""
    yield from _homeless(trial, (), {"HOME": None})


def read_only_home(trial: Trial) -> Steps:
    """A home where nothing can be written."""
    home = trial.folder / "home"
    home.mkdir(exist_ok=True)
    try:
        prefix = machine.mounted([f"mount -t tmpfs -o ro none '{home}'"])
    except NotHad:
        prefix, home = (), Path("/proc/no-home")  # which nobody can make, whatever their rights
    yield from _homeless(trial, prefix, {"HOME": str(home)})


def _homeless(trial: Trial, prefix: tuple[str, ...], environment: dict[str, str | None]) -> Steps:
    place = NO_CACHES | environment
    yield Step((*prefix, PYTHON, SMOKE, "--own-cell"), place)
    everything = ("tests/cli", "tests/engine", SHOWING[0])
    yield suite(*(COMMANDS if trial.quick else everything), prefix=prefix, **place)
    if not trial.quick:
        yield demo(trial, prefix=prefix, **place)


def types(trial: Trial) -> Steps:
    """The oldest and the newest Python, as far as reading the source tells."""
    for version in ("3.10", "3.13"):
        try:
            python = machine.interpreter(version)
        except NotHad:
            python = None
        if python:
            environment = {"PYTHONPYCACHEPREFIX": str(trial.folder / version)}
            yield Step(
                (python, "-W", "error", "-m", "compileall", "-q", "src", "tests", "examples", "portable"), environment
            )
        yield Step((str(Path(PYTHON).parent / "pyright"), "--pythonversion", version))


def other_python(version: str, trial: Trial) -> Steps:
    """Another Python from the first command on: environment, native part, demo and tests."""
    python = machine.interpreter(version)
    yield Step((python, "-m", "venv", str(trial.folder / "probe")))
    machine.require_obtainable_torch(trial.folder / "probe" / "bin" / "python")
    yield from _fresh_clone(trial, python)


def fresh_clone(trial: Trial) -> Steps:
    """Whoever follows the README: a clone, and its two commands."""
    yield from _fresh_clone(trial, "python3")


def _fresh_clone(trial: Trial, python: str) -> Steps:
    clone = trial.folder / "clone"
    yield Step(("git", "clone", "--quiet", str(ROOT), str(clone)))
    for target in ("demo", "test"):
        yield Step(("make", target, f"PYTHON={python}"), {"VIRTUAL_ENV": None}, clone)


def loaded(trial: Trial) -> Steps:
    """A busy machine: endless loops that take half of it, and the tests where time passes, three times."""
    with beside(("nice", "-n", "19", PYTHON, "-c", "while True: pass"), copies=os.cpu_count() or 1):
        for _ in range(3):
            yield suite(*TIMED, prefix=("nice", "-n", "19"))


CONDITIONS = (
    Condition("avx2", "a processor without AVX-512", partial(processor, AVX2)),
    Condition("baseline", "a processor without AVX", partial(processor, BASELINE)),
    Condition("haswell", "an emulated processor with AVX2 only", partial(emulated, "Haswell")),
    Condition("nehalem", "an emulated processor without AVX", partial(emulated, "Nehalem")),
    Condition("no-fonts", "no font, no Chromium", no_fonts),
    Condition("lord-howe", "half-hour summer time, ASCII", partial(elsewhere, "Australia/Lord_Howe", "C")),
    Condition(
        "st-johns", "decimal comma, dotless i", partial(elsewhere, "America/St_Johns", "tr_TR.UTF-8"), in_quick=False
    ),
    Condition("no-home", "a user without home and name", no_home),
    Condition("home-unset", "HOME not set", no_home_variable, in_quick=False),
    Condition("home-read-only", "HOME not writable", read_only_home, in_quick=False),
    Condition("pure", "no compiler, from source", pure_python),
    Condition("types", "Python 3.10 and 3.13, by reading", types, in_quick=False),
    Condition("wheel", "no compiler, from a wheel", wheel, in_quick=False),
    Condition("gcc-ninja", "built by GCC and Ninja", partial(built, "g++", "Ninja"), in_quick=False),
    Condition("gcc-make", "built by GCC and Make", partial(built, "g++", "Unix Makefiles"), in_quick=False),
    Condition("clang-ninja", "built by Clang and Ninja", partial(built, "clang++", "Ninja"), in_quick=False),
    Condition("clang-make", "built by Clang and Make", partial(built, "clang++", "Unix Makefiles"), in_quick=False),
    Condition("python3.10", "the oldest Python", partial(other_python, "3.10"), in_quick=False),
    Condition("python3.13", "the newest Python", partial(other_python, "3.13"), in_quick=False),
    Condition("loaded", "a busy machine, three times", loaded, in_quick=False),
    Condition("clone", "a fresh clone", fresh_clone, in_quick=False),
)
