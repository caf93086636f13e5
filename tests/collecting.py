"""No name of a test depends on time, zone or chance.

Under xdist each process collects the tests by itself, and xdist stops where two lists differ. So here each process
collects with a clock and in a zone of its own (hash seeds differ anyway): a name that depends on one of them fails
every run, not only the run on a slow machine.
"""

import time
from contextlib import contextmanager

import pytest

ZONES = ("UTC", "Asia/Shanghai", "America/St_Johns", "Pacific/Auckland")
DAY = 86_400


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Collect under other circumstances than the other processes."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None:
        return (yield)
    with _elsewhere(int(worker["workerid"].removeprefix("gw"))):
        return (yield)


@contextmanager
def _elsewhere(number):
    patch, clock, clock_ns = pytest.MonkeyPatch(), time.time, time.time_ns
    patch.setattr(time, "time", lambda: clock() + number * DAY)
    patch.setattr(time, "time_ns", lambda: clock_ns() + number * DAY * 10**9)
    patch.setenv("TZ", ZONES[number % len(ZONES)])
    _set_zone()
    try:
        yield
    finally:
        patch.undo()
        _set_zone()


def _set_zone():
    if hasattr(time, "tzset"):  # Windows has none
        time.tzset()
