import hashlib
import json
import os
import pickle
import random
import shutil
from pathlib import Path

import pytest
import torch

from tidegate.errors import ModelFolderError
from tidegate.storage.model_folder import CONFIG, WEIGHTS, load_model, save_model

CONTENT = {
    "units": 50,
    "names": ["load", "Größe", "电"],
    "rate": 1e-3,
    "nothing": None,
    "nested": {"a": [1, 2.5, True]},
}
TENSORS = {
    "weight": torch.arange(24, dtype=torch.float32).reshape(4, 6).T,
    "empty": torch.empty(3, 0),
    "scalar": torch.tensor(1.5, dtype=torch.float64),
    "mask": torch.tensor([True, False]),
    "starts": torch.arange(5),
    "half": torch.ones(3, dtype=torch.bfloat16),
}


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)


@pytest.fixture
def model(tmp_path) -> Path:
    save_model(tmp_path / "model", "forecaster", CONTENT, TENSORS)
    return tmp_path / "model"


def refused(folder: Path, words: str = ".", kind: str = "forecaster") -> None:
    with pytest.raises(ModelFolderError, match=words) as caught:
        load_model(folder, kind)
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    assert len(message) < len(str(folder)) + 400


def rewrite(model: Path, **changes: object) -> None:
    """Alter config.json as an attacker would, with a matching checksum."""
    content = json.loads((model / CONFIG).read_text(encoding="utf-8"))
    content.pop("checksum")
    content |= changes
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    content["checksum"] = hashlib.sha256(canonical.encode()).hexdigest()
    (model / CONFIG).write_text(json.dumps(content), encoding="utf-8")


def rewrite_weights(model: Path, data: bytes) -> None:
    (model / WEIGHTS).write_bytes(data)
    rewrite(model, weights={"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})


def test_saved_equals_loaded(model):
    config, tensors = load_model(model, "forecaster")
    assert config == CONTENT
    assert same(tensors, TENSORS)
    assert sorted(path.name for path in model.iterdir()) == [CONFIG, WEIGHTS]


def test_tensors_that_share_memory_are_saved(tmp_path):
    weight = torch.ones(3)
    save_model(tmp_path / "m", "k", {}, {"a": weight, "b": weight, "c": weight[:2]})
    assert same(load_model(tmp_path / "m", "k")[1], {"a": weight, "b": weight, "c": weight[:2]})


def test_folder_may_be_moved_linked_and_reformatted(model, tmp_path):
    model.rename(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    config = tmp_path / "elsewhere" / CONFIG
    content = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps(content, indent=4, sort_keys=True, ensure_ascii=False), encoding="utf-8")
    assert load_model(tmp_path / "link", "forecaster")[0] == CONTENT


def test_saving_through_a_link_replaces_what_it_points_to(model, tmp_path):
    (tmp_path / "link").symlink_to(model)
    save_model(tmp_path / "link", "forecaster", {"new": 1}, {})
    assert (tmp_path / "link").is_symlink()
    assert load_model(model, "forecaster") == ({"new": 1}, {})


def damage(data: bytes, draw: random.Random) -> bytes:
    """Flip a bit, cut, insert, or zero a range; header and tail are hit as often as the rest."""
    if not data:
        return b"\0"
    at = draw.choice([draw.randrange(len(data)), draw.randrange(min(len(data), 16)), len(data) - 1])
    long = draw.choice([1, 2, 8, 64])
    changed = bytearray(data)
    kind = draw.randrange(5)
    if kind == 0:
        changed[at] ^= 1 << draw.randrange(8)
    elif kind == 1:
        del changed[at:]
    elif kind == 2:
        changed[at:at] = draw.randbytes(long)
    elif kind == 3:
        changed[at : at + long] = bytes(len(changed[at : at + long]))
    else:
        del changed[at : at + long]
    return bytes(changed)


def test_thousand_random_corruptions_are_refused_or_harmless(model, tmp_path):
    draw, original = random.Random(0), {name: (model / name).read_bytes() for name in (CONFIG, WEIGHTS)}
    save_model(tmp_path / "other", "forecaster", CONTENT | {"units": 51}, {"weight": torch.zeros(6, 4)})
    outcomes = {"refused": 0, "same": 0}
    for _ in range(1000):
        files = dict(original)
        for _ in range(draw.choice([1, 1, 1, 2, 5])):
            name = draw.choice([CONFIG, WEIGHTS])
            files[name] = damage(files[name], draw)
        if draw.random() < 0.05:
            name = draw.choice([CONFIG, WEIGHTS])
            files[name] = (tmp_path / "other" / name).read_bytes()
        elif draw.random() < 0.02:
            files = {CONFIG: original[WEIGHTS], WEIGHTS: original[CONFIG]}
        for name, data in files.items():
            (model / name).write_bytes(data)
        try:
            config, tensors = load_model(model, "forecaster")
        except ModelFolderError:
            outcomes["refused"] += 1
        else:
            assert config == CONTENT
            assert same(tensors, TENSORS)
            outcomes["same"] += 1
    assert outcomes["refused"] > 900


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        pickle.dumps({"format": 1}),
        b"\0" * 64,
    ],
)
def test_other_content_is_refused(model, name, content):
    (model / name).write_bytes(content)
    refused(model, name)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_missing_file_is_named(model, name):
    (model / name).unlink()
    refused(model, f"{name}: No such file")


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_special_files_are_refused_without_waiting(model, name):
    for make in (
        lambda path: path.mkdir(),
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to(path.parent / "gone"),
    ):
        shutil.rmtree(model / name) if (model / name).is_dir() else (model / name).unlink()
        make(model / name)
        refused(model, name)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"units": 50', '"units": 51'),
        ('"units": 50', '"units": 50.0'),
        ('"units": 50', '"units": NaN'),
        ('"units": 50', '"units": 1e999'),
        ('"units": 50', '"units": ' + "9" * 5000),
        ('"units": 50', '"units": 50, "units": 50'),
        ('"format": "tidegate-model"', '"format": "other"'),
        ('"forecaster"', '"classifier"'),
        ('"empty"', '"\\ud800"'),
    ],
)
def test_altered_config_is_refused(model, old, new):
    text = (model / CONFIG).read_text(encoding="utf-8")
    assert old in text
    (model / CONFIG).write_text(text.replace(old, new, 1), encoding="utf-8")
    refused(model, "holds no whole model")


def test_other_version_says_so(model):
    rewrite(model, format_version=2)
    refused(model, "of format version 2, and this Tidegate reads version 1")


def test_other_kind_says_so(model):
    refused(model, "kind 'forecaster', not 'classifier'", kind="classifier")


@pytest.mark.parametrize(
    "changes",
    [
        {"config": [1]},
        {"tensors": {}},
        {"tensors": None},
        {"weights": None},
        {"weights": {"bytes": "1"}},
        {"weights": {"bytes": -1}},
        {"weights": {"bytes": 10**30, "sha256": ""}},
        {"weights": {"bytes": True, "sha256": []}},
    ],
)
def test_hostile_config_with_a_right_checksum_is_refused(model, changes):
    rewrite(model, **changes)
    refused(model)


def test_hostile_weights_with_a_right_checksum_are_refused(model):
    data = (model / WEIGHTS).read_bytes()
    header = int.from_bytes(data[:8], "little")
    bare = {"weight": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}
    for hostile in (
        (2**63).to_bytes(8, "little") + data[8:],
        (header + 1).to_bytes(8, "little") + data[8:],
        data[:8] + b"{" * header + data[8 + header :],
        data[: 8 + header],
        pickle.dumps(TENSORS["weight"]),
        len(json.dumps(bare)).to_bytes(8, "little") + json.dumps(bare).encode() + b"\0" * 4,
    ):
        rewrite_weights(model, hostile)
        refused(model, WEIGHTS)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to(path), lambda path: None])
def test_place_without_a_model_is_refused(tmp_path, make):
    make(tmp_path / "m")
    refused(tmp_path / "m")


def test_file_in_the_path_is_refused(tmp_path):
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / "m")
    with pytest.raises(ModelFolderError, match="cannot"):
        save_model(tmp_path / "file" / "m", "k", {}, {})
