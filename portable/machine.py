"""What this machine has and can pretend: programs, interpreters, rights, locales, a PATH without compilers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from portable.running import ROOT, NotHad

PYTHON = sys.executable
PACKAGES = next(path for path in sys.path if path.endswith("site-packages"))
COMPILERS = re.compile(
    r"(.*-)?(cc|c\+\+|c[89]9|g?cpp|gcc|g\+\+|clang|clang\+\+|clang-cpp|icx|icpx|nvc|nvc\+\+|zig)(-[\d.]+)?"
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")


def program(name: str, package: str | None = None) -> str:
    """Return a program's path."""
    found = shutil.which(name)
    if found is None:
        raise NotHad(f"no {name} on the PATH" + (f" (Debian: apt-get install {package})" if package else ""))
    return found


def works(*command: str) -> bool:
    """Return whether a command ends well."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def own_mounts() -> tuple[str, ...]:
    """Return the prefix that gives a command mounts of its own."""
    for options in (("--mount",), ("--user", "--map-root-user", "--mount")):
        if works("unshare", *options, "mount", "-t", "tmpfs", "none", "/mnt"):
            return ("unshare", *options)
    raise NotHad("no right to mount (needs root or user namespaces)")


def mounted(commands: list[str]) -> tuple[str, ...]:
    """Return the prefix that runs shell commands in a mount namespace before the command itself."""
    return (*own_mounts(), "sh", "-c", "\n".join(["set -e", *commands, 'exec "$@"']), "sh")


def without_fonts_and_browsers() -> tuple[str, ...]:
    """Return the prefix under which no font and no Chromium is installed."""
    folders = [Path(folder).expanduser() for folder in FONTS]
    hide = [f"mount -t tmpfs none '{folder}'" for folder in folders if folder.is_dir()]
    browsers = {os.path.realpath(found) for found in map(shutil.which, BROWSERS) if found}
    return mounted([*hide, *(f"mount --bind /dev/null '{browser}'" for browser in sorted(browsers))])


def path_without_compilers(folder: Path, *first: Path) -> str:
    """Return a PATH with every program but the compilers, as links in a folder, after the given folders."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in map(Path, os.environ["PATH"].split(os.pathsep)):
        if not place.is_dir() or (place / "activate").exists():  # a virtual environment loses itself behind a link
            continue
        for tool in place.iterdir():
            if not COMPILERS.fullmatch(tool.name) and not os.path.lexists(folder / tool.name):
                (folder / tool.name).symlink_to(tool)
    return os.pathsep.join(map(str, [*first, folder]))


def clean_environment(folder: Path) -> Path:
    """Make a virtual environment that borrows the libraries of this one, without Tidegate; return its python."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", query], capture_output=True, text=True, check=True).stdout.strip()
    # A .pth file inside the borrowed folder is not followed, and so neither is Tidegate's editable installation.
    Path(site, "borrowed.pth").write_text(f"{PACKAGES}\n", encoding="utf-8")
    return python


def built_locale(name: str, folder: Path) -> dict[str, str]:
    """Compile a locale's definition into a folder; return the environment that selects it."""
    territory, encoding = name.split(".")
    program("localedef", "locales")
    if not works("localedef", "-i", territory, "-f", encoding, str(folder / name)):
        raise NotHad(f"no definition of the locale {name} (Debian: apt-get install locales)")
    return {"LOCPATH": str(folder), "LC_ALL": name}


def interpreter(version: str) -> str:
    """Return a Python of a version such as 3.13."""
    homes = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    for found in (shutil.which(f"python{version}"), *map(str, homes)):
        if found and works(
            found, "-c", f"import sys, venv, ensurepip; assert '%d.%d' % sys.version_info[:2] == '{version}'"
        ):
            return found
    raise NotHad(f"no Python {version}")


def require_obtainable_torch(python: Path) -> None:
    """Refuse an environment for which the pinned torch is not there or comes with gigabytes of CUDA."""
    report = python.parent.parent / "torch.json"
    options = ["--dry-run", "--ignore-installed", "--report", str(report), "--constraint", "constraints.txt", "torch"]
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *options], cwd=ROOT, capture_output=True, check=False
    )
    if done.returncode:
        raise NotHad("torch of constraints.txt cannot be obtained for it")
    wanted = [entry["metadata"]["name"] for entry in json.loads(report.read_text(encoding="utf-8"))["install"]]
    if any(name.startswith("nvidia-") for name in wanted):
        raise NotHad("torch of constraints.txt would bring gigabytes of CUDA with it")
