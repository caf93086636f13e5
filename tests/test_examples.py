"""Every example runs, in a fast mode: one epoch instead of many."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.parametrize("name", ["sine_forecast", "apple_ohlcv"])
def test_example_judges_and_reports(name, tmp_path, capsys):
    result = load(name).main(epochs=1, out=str(tmp_path / "run"))
    assert result.windows > 50
    assert (tmp_path / "run" / "report.html").exists()
    assert result.verdict.text in capsys.readouterr().out


def test_sine_next_value_compares_with_repeating_the_last(tmp_path, capsys):
    error = load("sine_next_value").main(epochs=1, out=str(tmp_path))
    assert 0 < error < 2
    assert "repeat-last" in capsys.readouterr().out
    assert (tmp_path / "next_value.png").exists()


def test_apple_close_runs_on_the_bundled_prices(tmp_path):
    module = load("apple_close")
    import pandas as pd

    bundled = pd.read_csv(module.BUNDLED, usecols=["date", "close"])
    result = module.main(epochs=1, out=str(tmp_path / "run"), table=bundled)
    assert result.windows == 101
    assert result.verdict.best_naive is not None


@pytest.mark.parametrize("labels", ["ENGLISH", "CHINESE"])
def test_steering_prints_each_step_and_draws_it(labels, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TIDEGATE_DATA", str(tmp_path))  # the bundled minutes, also where the whole drive is
    module = load("steering")
    module.main(epochs=1, out=str(tmp_path), labels=getattr(module, labels))
    printed = capsys.readouterr().out
    assert all(f"\n   {step} " in printed for step in range(1, 6))
    assert (tmp_path / "steering.png").exists()


def test_stream_forecast_shows_each_forecast_beside_what_came(capsys):
    ours, naive = load("stream_forecast").main(epochs=1, steps_per_epoch=5)
    assert 0 < ours < 10 * naive
    assert capsys.readouterr().out.count("forecast") == 96
