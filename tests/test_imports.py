"""Importing any part of the package changes nothing else in the process."""

import subprocess
import sys

PROGRAM = """
import asyncio, importlib, locale, logging, os, pkgutil, random, signal, sys, threading, warnings

# What the package imports may do as it likes, and has done it before the first look.
for name in ("matplotlib.pyplot", "numpy", "pandas", "rich.console", "rich.live", "safetensors.torch", "sympy", "torch",
             "sklearn.metrics", "typer", "fastapi", "httptools", "prometheus_client", "uvicorn", "uvloop", "polars"):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
import matplotlib, numpy, pandas, torch

def look():
    return {
        "environment": dict(os.environ), "folder": os.getcwd(), "path": list(sys.path), "locale": locale.setlocale(0),
        "warnings": list(warnings.filters), "excepthook": sys.excepthook, "streams": (sys.stdout, sys.stderr),
        "log": (list(logging.root.handlers), logging.root.level), "threads": threading.active_count(),
        "signals": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)],
        "loops": asyncio.get_event_loop_policy().__class__,
        "numpy": (numpy.random.get_state()[1].tolist(), numpy.geterr(), numpy.get_printoptions()),
        "torch": (torch.get_rng_state().tolist(), torch.get_num_threads(), torch.get_default_dtype(),
                  torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()),
        "pictures": (dict(matplotlib.rcParams), matplotlib.get_backend()),
        "frames": pandas.get_option("display.max_rows"),
    }

before = look()
import tidegate
for module in pkgutil.walk_packages(tidegate.__path__, "tidegate."):
    if module.name != "tidegate.__main__" and "._level_" not in module.name:
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            assert "tidegate" not in str(error.name), error  # an optional package
after = look()
count = len([name for name in sys.modules if name.startswith("tidegate.")])
print([name for name in before if before[name] != after[name]], count)
"""


def test_importing_every_module_leaves_the_process_as_it_was():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    changed, count = done.stdout.strip().rsplit(" ", 1)
    assert changed == "[]"
    assert int(count) > 100
