import shutil
from pathlib import Path

import pytest
import torch

from tidegate.errors import ModelFolderError
from tidegate.storage import folders
from tidegate.storage.model_folder import CONFIG, WEIGHTS, load_model, save_model

CONTENT = {"units": 50}
TENSORS = {"weight": torch.ones(2, 3)}


@pytest.fixture
def model(tmp_path) -> Path:
    save_model(tmp_path / "model", "forecaster", CONTENT, TENSORS)
    return tmp_path / "model"


def test_saving_replaces_an_older_model_and_leaves_nothing_else(model):
    save_model(model, "forecaster", {"new": True}, {})
    assert load_model(model, "forecaster") == ({"new": True}, {})
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_saving_replaces_a_damaged_model(model):
    (model / WEIGHTS).write_bytes(b"")
    save_model(model, "forecaster", CONTENT, TENSORS)
    assert load_model(model, "forecaster")[0] == CONTENT


@pytest.mark.parametrize(
    "names", [["thesis.txt"], ["thesis.txt", CONFIG, WEIGHTS], [CONFIG], [WEIGHTS], [CONFIG, WEIGHTS]]
)
def test_saving_never_replaces_a_users_folder(tmp_path, names):
    (tmp_path / "m").mkdir()
    for name in names:
        (tmp_path / "m" / name).write_text("{}", encoding="utf-8")
    with pytest.raises(ModelFolderError, match="holds something else than a model"):
        save_model(tmp_path / "m", "k", {}, {})
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == sorted(names)


def test_saving_never_replaces_a_users_file(tmp_path):
    (tmp_path / "m").write_text("thesis", encoding="utf-8")
    with pytest.raises(ModelFolderError, match="choose another place"):
        save_model(tmp_path / "m", "k", {}, {})
    assert (tmp_path / "m").read_text(encoding="utf-8") == "thesis"


def test_model_with_a_users_file_beside_it_is_not_replaced(model):
    (model / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ModelFolderError, match=r"notes\.txt"):
        save_model(model, "forecaster", {}, {})
    assert load_model(model, "forecaster")[0] == CONTENT


def test_failed_write_keeps_the_old_model(model, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tidegate.storage.model_folder.write_synced", full)
    with pytest.raises(ModelFolderError, match="No space left on device"):
        save_model(model, "forecaster", {}, {})
    assert load_model(model, "forecaster")[0] == CONTENT
    assert [path.name for path in model.parent.iterdir()] == ["model"]


class Crash(BaseException):
    pass


@pytest.mark.parametrize("moment", range(12))
def test_crash_at_any_moment_leaves_the_old_or_the_new_model(model, monkeypatch, moment):
    """A crash is played by making every later change to the disk, also that of clean-up code, do nothing."""
    calls = 0

    def dying(function):
        def step(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls > moment:
                raise Crash
            return function(*arguments, **options)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying(Path.rename))
        patch.setattr(Path, "mkdir", dying(Path.mkdir))
        patch.setattr(shutil, "rmtree", dying(shutil.rmtree))
        patch.setattr("tidegate.storage.model_folder.write_synced", dying(Path.write_bytes))
        patch.setattr(folders, "sync_folder", dying(folders.sync_folder))
        try:
            save_model(model, "forecaster", {"new": 1}, {})
        except Crash:
            assert calls > moment
    assert load_model(model, "forecaster")[0] in (CONTENT, {"new": 1})
    save_model(model, "forecaster", {"newest": 1}, {})
    assert load_model(model, "forecaster")[0] == {"newest": 1}
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_incomplete_new_model_beside_an_old_one_is_passed_over(model):
    model.rename(model.with_name(".model.old-1"))
    new = model.with_name(".model.new-1")
    new.mkdir()
    (new / WEIGHTS).write_bytes(b"half")
    assert load_model(model, "forecaster")[0] == CONTENT
