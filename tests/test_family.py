"""The benchmark of the family: its tasks against closed forms, its table, and that a killed run goes on."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.family import __main__ as program  # noqa: E402
from benchmarks.family import measures, table, tasks  # noqa: E402
from benchmarks.family.members import fitted_width, weights_of  # noqa: E402
from benchmarks.family.rows import ROWS  # noqa: E402


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_who_always_says_one_is_wrong_by_a_sixth_in_the_adding_problem(generator):
    batch = tasks.adding(generator, 20_000, steps=50)
    values, marks = batch.x.unbind(-1)
    assert (marks[:, :25].sum(1) == 1).all()
    assert (marks[:, 25:].sum(1) == 1).all()
    np.testing.assert_allclose(batch.y[:, 0], (values * marks).sum(1))
    assert float(((batch.y - 1) ** 2).mean()) == pytest.approx(1 / 6, rel=0.03)
    assert ROWS["adding-600"].task(Path()).baseline == 1 / 6


def test_who_guesses_the_symbols_has_the_published_loss_in_copy_memory(generator):
    batch = tasks.copy_memory(generator, 4, delay=600)
    assert batch.x.shape == (4, 620, 10)
    np.testing.assert_array_equal(batch.x.argmax(-1)[:, :10], batch.y[:, -10:])
    assert not batch.y[:, :-10].any()
    logits = torch.full((4, 620, 10), -100.0)
    logits[:, :-10, 0] = logits[:, -10:, 1:9] = 0.0
    guessed = measures.surprise().total(logits, batch)
    task = ROWS["copy-600"].task(Path())
    assert guessed[0] / guessed[1] == pytest.approx(10 * math.log(8) / 620)
    assert task.baseline == pytest.approx(10 * math.log(8) / 620)


def test_a_sine_goes_on_where_its_inputs_end(generator):
    batch = tasks.sines(generator, 3, steps=20, periods=(12,), ahead=5, noise=0.0)
    whole = torch.cat([batch.x[..., 0], batch.y], 1)
    # sin(a + w) + sin(a - w) = 2 cos(w) sin(a)
    np.testing.assert_allclose(whole[:, 2:] + whole[:, :-2], 2 * math.cos(math.pi / 6) * whole[:, 1:-1], atol=1e-5)


def test_squares_move_by_at_most_a_pixel_and_stay_whole(generator):
    batch = tasks.shapes(generator, 50, steps=8, side=12, count=1)
    np.testing.assert_array_equal(batch.x[:, 1:], batch.y[:, :-1])
    frames = batch.x.unflatten(2, (12, 12))
    assert (frames.sum((2, 3)) == 9).all()
    corners = torch.stack([frames.amax(3).argmax(2), frames.amax(2).argmax(2)])
    assert corners.diff(dim=2).abs().max() == 1


def test_repeats_are_as_many_as_asked_for(generator):
    batch = tasks.repeat_copy(generator, 2, bits=3, longest=4, repeats=3)
    length = int(batch.x[0, :, 3].argmax())
    times = round(float(batch.x[0, length, 4]) * 3)
    said = batch.y[:, length + 1 : -1, :3].numpy()
    np.testing.assert_array_equal(said, np.tile(batch.x[:, :length, :3].numpy(), (1, times, 1)))
    assert batch.y[:, : length + 1].isnan().all()
    assert (batch.y[:, -1, 3] == 1).all()


def test_the_value_asked_for_follows_its_key(generator):
    batch = tasks.recall(generator, 5, pairs=3, words=7)
    symbols = batch.x.argmax(-1).tolist()
    for row, value in zip(symbols, batch.y.tolist(), strict=True):
        assert row[row.index(row[-1]) + 1] == value + 7


def test_parity_is_that_of_numpy(generator):
    batch = tasks.parity(generator, 4, shortest=9, longest=9)
    bits = batch.x.argmax(-1).numpy()
    np.testing.assert_array_equal(batch.y, np.logical_xor.accumulate(bits, 1))


def test_steps_beyond_a_rows_length_do_not_count():
    batch = tasks.Batch(torch.zeros(2, 3, 1), torch.zeros(2, 3, 4), torch.tensor([1, 3]))
    total, count = measures.steps_nll().total(torch.zeros(2, 3, 4), batch)
    assert (total, count) == (pytest.approx(4 * 4 * math.log(2)), 4)


@pytest.mark.parametrize("key", ["sines", "noisy", "parity"])
def test_members_are_about_as_large_as_each_other(key):
    row = ROWS[key]
    task = row.task(Path())
    for member in row.members(Path()):
        weights = weights_of(member.make(task, fitted_width(member, task, row.weights)))
        assert weights == pytest.approx(row.weights, rel=0.2), member.name


@pytest.mark.parametrize("key", ["recall", "repeat", "shapes"])
def test_members_answer_in_the_tasks_shape(key, generator):
    row = ROWS[key]
    task = row.task(Path())
    batch = task.draw(generator)
    for member in row.members(Path()):
        y = member.make(task, member.multiple * 2)(batch)
        assert y.shape[:-1] == (batch.y.shape[:-1] if batch.y.is_floating_point() else batch.y.shape)
        assert y.shape[-1] == task.outputs


def test_a_killed_run_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(ROWS, "shapes", replace(ROWS["shapes"], weights=3000))
    results = tmp_path / "family.jsonl"
    words = ["--rows", "shapes", "--steps", "2", "--seeds", "1", "--results", str(results), "--data", str(tmp_path)]
    program.main(words)
    first = results.read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    members = [member.name for member in ROWS["shapes"].members(tmp_path)]
    assert [json.loads(line)["member"] for line in first.splitlines()] == members
    assert all(f"| {name} |" in printed or f"| **{name}** |" in printed for name in members)
    results.write_text(first[:-20], encoding="utf-8")  # as if killed while it wrote
    made = []

    def again(network, *given):
        made.append(network)
        return json.loads(first.splitlines()[-1])

    monkeypatch.setattr(program, "run", again)
    program.main(words)
    assert len(made) == 1
    assert results.read_text(encoding="utf-8") == first
    assert "unfinished" in capsys.readouterr().out


def test_a_damaged_results_file_is_refused(tmp_path):
    path = tmp_path / "family.jsonl"
    path.write_text("no record\n{}\n", encoding="utf-8")
    with pytest.raises(json.JSONDecodeError):
        table.read(path)


def test_a_row_without_its_data_says_so(tmp_path, capsys):
    program.main(["--rows", "reviews", "--data", str(tmp_path), "--results", str(tmp_path / "none.jsonl")])
    assert f"not run: there is no {tmp_path / 'imdb'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "higher", "verdict"),
    [
        ([0.1, 0.2], False, "yes"),
        ([0.1, 0.4], False, "not clearly"),
        ([0.3, 0.9], False, "no, not clearly worse"),
        ([0.6, 0.9], False, "**no**"),
        ([0.6, 0.9], True, "yes"),
        ([0.1], False, "one seed alone"),
    ],
)
def test_the_verdict_is_clear_where_every_seed_is(values, higher, verdict):
    assert table.judged(values, [0.3, 0.5], higher=higher) == verdict


def test_a_table_says_what_has_not_run():
    row = ROWS["noisy"]
    names = {"row": "noisy", "member": "lstm", "seed": 0, "steps": 9, "rate": row.rate}
    record = {**names, "test": 0.5, "seconds": 1.0, "weights": 7}
    text = table.section("noisy", row, row.task(Path()), row.members(Path()), [record], 9)
    assert "| lstm | 7 | 0.5 |" in text
    assert "| **zoneout** | | not run |" in text
