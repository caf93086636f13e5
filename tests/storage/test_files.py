import os

import pytest

from tidegate.storage import files
from tidegate.storage.files import read_regular, write_atomically


def test_write_replaces_the_content(tmp_path):
    for content in (b"old and long", b"new"):
        write_atomically(tmp_path / "f", content)
        assert (tmp_path / "f").read_bytes() == content
    assert os.listdir(tmp_path) == ["f"]


def test_new_file_has_the_permissions_of_any_other(tmp_path):
    write_atomically(tmp_path / "ours", b"")
    (tmp_path / "other").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_failed_write_keeps_the_old_content(tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    write_atomically(tmp_path / "f", b"old")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_read_refuses_what_is_no_file_or_too_large(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    assert read_regular(tmp_path / "f", 5) == b"12345"
    with pytest.raises(ValueError, match="5 bytes, more than the 4"):
        read_regular(tmp_path / "f", 4)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="not a regular file"):
        read_regular(tmp_path / "pipe", 5)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "gone", 5)
