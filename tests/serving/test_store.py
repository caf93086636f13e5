"""Rows of streams: what was written is read, in the order of use, and nothing else."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from tidegate.serving.store import StreamStore


@pytest.fixture
def store(tmp_path):
    store = StreamStore(tmp_path / "db")
    yield store
    store.close()


@pytest.mark.parametrize("path", [None, "db"])
def test_what_was_written_is_read(tmp_path, path):
    store = StreamStore(None if path is None else tmp_path / path)
    state = bytes(range(256)) * 100
    used = store.write("a", "m", 3, state)
    assert store.read("a") == ("a", "m", 3, used, state)
    assert store.used("a") == used
    assert (store.read("b"), store.used("b")) == (None, None)
    assert store.write("a", "m", 4, b"") > used
    assert store.read("a")[2:] == (4, store.used("a"), b"")
    assert store.drop("a")
    assert not store.drop("a")
    assert len(store) == 0
    store.close()


def test_the_least_recently_used_go_first(store, monkeypatch):
    for name in ("a", "b", "c", "a", "d"):
        store.write(name, "m", 1, b"")
    monkeypatch.setattr("time.time_ns", lambda: 0)  # a clock that was set back changes no order
    store.write("b", "m", 2, b"")
    assert store.names(9) == ["b", "d", "a", "c"]
    assert store.names(2) == ["b", "d"]
    assert store.evict(2) == 2
    assert store.names(9) == ["b", "d"]
    assert store.evict(2) == 0


def test_a_transaction_is_whole_or_not_at_all(store):
    def fail():
        with store.transaction():
            store.write("a", "m", 1, b"")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert len(store) == 0


@pytest.mark.parametrize("column", ["id", "model", "count", "used", "state", "checksum"])
def test_a_change_of_any_column_is_noticed(tmp_path, column, caplog):
    store = StreamStore(tmp_path / "db")
    store.write("a", "m", 1, b"state")
    store.write("b", "m", 1, b"state")
    with sqlite3.connect(tmp_path / "db") as db:
        change = f"{column} + 1" if column in ("count", "used", "checksum") else f"substr({column} || 'x', 2)"
        db.execute(f"UPDATE streams SET {column} = {change} WHERE id = 'a'")
    db.close()
    store.set_aside_damaged()
    assert store.names(9) == ["b"]
    assert "is damaged and was set aside" in caplog.text
    with sqlite3.connect(tmp_path / "db") as db:
        assert db.execute("SELECT count(*) FROM damaged").fetchone() == (1,)
    db.close()
    store.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from tidegate.serving.store import StreamStore
store = StreamStore(Path(sys.argv[1]))
for number in range(50):
    with store.transaction():
        store.write(f"s{number}", "m", number, b"x" * 500)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_committed_survives_a_kill(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "db"], env=dict(os.environ), check=False)
    assert killed.returncode == -signal.SIGKILL
    store = StreamStore(tmp_path / "db")
    assert len(store) == 50
    assert store.read("s49").count == 49
    store.close()
