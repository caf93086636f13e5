"""A database that was damaged: what is still there is found, what is not is named, and nothing is thrown away."""

import os
import random
import shutil

import pytest

from tidegate import DataError
from tidegate.serving.repair import DATABASE, claim, prepare
from tidegate.serving.store import StreamStore

COUNT, PAGE = 40, 4096
PER_PAGE = 6  # streams of the size below that share a page


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A database of some pages, and the streams in it."""
    folder = tmp_path_factory.mktemp("sound")
    store = StreamStore(folder / DATABASE)
    random.seed(0)
    for number in range(COUNT):
        store.write(f"stream-{number}", "model", number, random.randbytes(600))
    streams = {name: store.read(name) for name in store.names(COUNT)}
    store.close()
    return folder / DATABASE, streams


def opened(folder):
    store = StreamStore(prepare(folder))
    found = {name: store.read(name) for name in store.names(COUNT + 9)}
    store.write("new", "model", 1, b"")  # it can be written as well
    store.close()
    return found


def damaged(sound, folder, change):
    path, streams = sound
    shutil.copy(path, folder / DATABASE)
    with open(folder / DATABASE, "r+b") as file:
        change(file)
    found = opened(folder)
    assert all(found[name] == streams[name] for name in found)  # whatever is found is what was written
    return set(streams) - set(found)


def flip(place, bit):
    def change(file):
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))

    return change


@pytest.mark.parametrize("seed", range(60))
def test_a_flipped_bit_costs_one_stream_and_is_said(sound, tmp_path, caplog, seed):
    numbers = random.Random(seed)
    place = numbers.randrange(os.path.getsize(sound[0]))
    lost = damaged(sound, tmp_path, flip(place, numbers.randrange(8)))
    assert len(lost) <= 1, (place, lost)
    for name in lost:
        assert f"stream {name!r} is damaged and was set aside" in caplog.text


@pytest.mark.parametrize("page", range(8))
def test_a_flipped_bit_in_what_orders_a_page_costs_one_stream(sound, tmp_path, page):
    for place in (0, 3, 4, 5, 6, 8, 9, 13):  # its kind, its number of rows, where they begin
        (tmp_path / str(place)).mkdir()
        assert len(damaged(sound, tmp_path / str(place), flip(page * PAGE + place, page))) <= 1, (page, place)


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A database as a kill leaves it: all of its streams, and newer ones of half of them, are in its log alone."""
    folder = tmp_path_factory.mktemp("logged")
    store = StreamStore(folder / "living")
    random.seed(1)
    for number in [*range(COUNT), *range(0, COUNT, 2)]:
        with store.transaction():
            store.write(f"stream-{number}", "model", number, random.randbytes(600))
    streams = {name: store.read(name) for name in store.names(COUNT)}
    for suffix in ("", "-wal"):
        shutil.copy(folder / f"living{suffix}", folder / f"{DATABASE}{suffix}")
    store.close()
    assert os.path.getsize(folder / f"{DATABASE}-wal") > 50 * PAGE
    return folder / DATABASE, streams


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_bit_in_the_log_costs_one_stream_and_is_said(logged, tmp_path, caplog, seed):
    path, streams = logged
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", tmp_path / f"{DATABASE}{suffix}")
    numbers = random.Random(seed)
    place = numbers.randrange(os.path.getsize(f"{path}-wal"))
    with open(tmp_path / f"{DATABASE}-wal", "r+b") as file:
        flip(place, numbers.randrange(8))(file)
    found = opened(tmp_path)
    assert sum(found.get(name) != stream for name, stream in streams.items()) <= 1, place
    if place < os.path.getsize(f"{path}-wal") - PAGE - 24:  # the last is as if its writing had been broken off
        assert "damaged places in its log" in caplog.text


def test_a_log_without_its_head_is_read(logged, tmp_path, caplog):
    path, streams = logged
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", tmp_path / f"{DATABASE}{suffix}")
    with open(tmp_path / f"{DATABASE}-wal", "r+b") as file:
        file.write(bytes(PAGE))
    assert opened(tmp_path) == streams
    assert "damaged places in its log" in caplog.text


def test_a_log_whose_writing_was_broken_off_is_no_damage(logged, tmp_path, caplog):
    path, streams = logged
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", tmp_path / f"{DATABASE}{suffix}")
    with open(tmp_path / f"{DATABASE}-wal", "r+b") as file:
        file.truncate(os.path.getsize(f"{path}-wal") - 100)
    found = opened(tmp_path)
    assert sum(found.get(name) != stream for name, stream in streams.items()) <= 1
    assert caplog.text == ""


def test_states_that_need_several_pages_are_found(tmp_path):
    store = StreamStore(tmp_path / DATABASE)
    random.seed(2)
    for number in range(9):
        store.write(f"stream-{number}", "model", number, random.randbytes(1000 * 4**number % 50_000 + number))
    streams = {name: store.read(name) for name in store.names(COUNT)}
    store.close()
    with open(tmp_path / DATABASE, "r+b") as file:
        file.write(bytes(PAGE))
    assert opened(tmp_path) == streams


def test_streams_that_were_dropped_stay_dropped(sound, tmp_path):
    shutil.copy(sound[0], tmp_path / DATABASE)
    store = StreamStore(tmp_path / DATABASE)
    for number in range(0, COUNT, 3):
        store.drop(f"stream-{number}")
    kept = set(store.names(COUNT))
    store.close()
    with open(tmp_path / DATABASE, "r+b") as file:
        file.write(bytes(2 * PAGE))
    assert set(opened(tmp_path)) == kept


@pytest.mark.parametrize("part", [0, 50, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off_keeps_what_lies_before(sound, tmp_path, caplog, part):
    size = os.path.getsize(sound[0])
    end = part if isinstance(part, int) else int(part * size)
    lost = damaged(sound, tmp_path, lambda file: file.truncate(end))
    assert "is damaged" in caplog.text
    assert all(f"stream {name!r} is damaged" in caplog.text for name in lost if end > 4 * PAGE)  # their names are there
    for aside in tmp_path.glob(f"{DATABASE}.damaged-*"):  # none for a cut inside the last page, which costs one row
        assert os.path.getsize(aside) == end
        assert aside.name in caplog.text
    behind = size - end
    assert len(lost) <= min(COUNT, (behind // PAGE + 1) * PER_PAGE)


def test_the_first_page_is_not_needed(sound, tmp_path, caplog):
    assert damaged(sound, tmp_path, lambda file: file.write(bytes(PAGE))) == set()
    assert f"{COUNT} streams were read from it" in caplog.text


def test_a_file_of_another_program_is_set_aside_whole(sound, tmp_path, caplog):
    text = b"not a database\n" * 1000
    (tmp_path / DATABASE).write_bytes(text)
    assert opened(tmp_path) == {}
    (aside,) = tmp_path.glob(f"{DATABASE}.damaged-*")
    assert aside.read_bytes() == text
    assert "file is not a database" in caplog.text


def test_what_was_not_yet_in_the_database_file_is_found_with_it(sound, tmp_path):
    """After a kill the newest rows are in SQLite's log beside the file; a damaged file is read together with it."""
    shutil.copy(sound[0], tmp_path / "living")
    store = StreamStore(tmp_path / "living")
    store.write("late", "model", 1, b"late")
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"living{suffix}", tmp_path / f"{DATABASE}{suffix}")
    store.close()
    with open(tmp_path / DATABASE, "r+b") as file:
        file.write(bytes(50))
    assert opened(tmp_path)["late"].state == b"late"


def test_a_sound_database_is_left_alone(sound, tmp_path, caplog):
    assert damaged(sound, tmp_path, lambda file: None) == set()
    assert caplog.text == ""
    assert {path.name for path in tmp_path.iterdir()} == {DATABASE}


def test_a_database_that_cannot_be_repaired_is_left_as_it_is(sound, tmp_path, monkeypatch):
    content = sound[0].read_bytes()[:-PAGE]
    (tmp_path / DATABASE).write_bytes(content)

    def full(**options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryDirectory", full)
    with pytest.raises(DataError, match=r"No space left on device.*make room"):
        prepare(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == content


def test_a_folder_is_held_by_one_service(tmp_path):
    lock = claim(tmp_path / "new" / "state")
    with pytest.raises(DataError, match="another service keeps its streams"):
        claim(tmp_path / "new" / "state")
    lock.close()
    claim(tmp_path / "new" / "state").close()
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be kept in"):
        claim(tmp_path / "file")


def test_files_of_streams_are_their_owners_alone(tmp_path):
    before = os.umask(0o022)
    try:
        with claim(tmp_path / "state"):
            path = prepare(tmp_path / "state")
            os.chmod(path, 0o644)  # as an older version left it
            store = StreamStore(prepare(tmp_path / "state"))
            store.write("stream", "model", 1, b"")
            modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "state").iterdir()}
            store.close()
    finally:
        os.umask(before)
    assert modes.keys() >= {"lock", DATABASE, f"{DATABASE}-wal"}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
