import errno
import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from tidegate import Forecaster, WindowRegressor, cli

FAST = ["--lookback", "12", "--units", "4", "--layers", "1", "--epochs", "2"]


def test_fit_predict_and_report_on_a_strangers_table(folder, tidegate):
    fitted = tidegate("forecast", "fit", "sales.csv", "--horizon", "3", *FAST, "--out", "run")
    assert fitted.returncode == 0, fitted.stderr
    assert "naive forecast" in fitted.stdout
    assert "City" in fitted.stderr  # what was left out is said
    first, *_, last = fitted.stdout.splitlines()
    assert "best naive forecast" in first
    assert "forecast.csv, 3 of 3 rows, by the network trained again on all rows" in fitted.stdout
    assert last == "report: run/report.html"
    run = folder / "run"
    for name in ("report.html", "metrics.json", "history.csv", "forecast.csv", "settings.toml", "model/config.json"):
        assert (run / name).exists(), name
    assert not list(run.glob("*checkpoint*"))
    report = (run / "report.html").read_text(encoding="utf-8")
    assert report.index("<h1") < report.index("The forecast</h2>") < report.index("Errors on the test windows</h2>")
    assert "verdict" in json.loads((run / "metrics.json").read_text(encoding="utf-8"))

    printed = tidegate("forecast", "predict", "run", "--level", "80")
    rows = printed.stdout.splitlines()
    assert rows[0] == "Date,LSTM,LSTM-lo-80,LSTM-hi-80"
    assert len(rows) == 4
    assert [row.split(",")[0] for row in rows[1:]] == [
        "20/07/2026",
        "21/07/2026",
        "22/07/2026",
    ]  # as the table has them
    judged = (run / "backtest.csv").read_text(encoding="utf-8").splitlines()[1]
    assert re.match(r"\d\d/\d\d/2026,\d\d/\d\d/2026,", judged)
    assert [row.split(",")[1] for row in rows[1:]] == [
        row.split(",")[1] for row in (run / "forecast.csv").read_text(encoding="utf-8").splitlines()[1:]
    ]

    chinese = tidegate("forecast", "report", "run", "--lang", "zh")
    assert chinese.returncode == 0, chinese.stderr
    assert 'lang="zh-CN"' in (run / "report.html").read_text(encoding="utf-8")

    backwards = pd.read_csv(folder / "sales.csv").iloc[::-1]
    backwards.to_csv(folder / "backwards.csv", index=False)
    other = tidegate("forecast", "predict", "run", "backwards.csv")
    assert other.stdout.splitlines()[0] == "Date,LSTM"
    assert "rows out of order" in other.stderr
    backwards.rename(columns={"Sales": "Visits"}).to_csv(folder / "visits.csv", index=False)
    other = tidegate("forecast", "predict", "run", "visits.csv")
    assert (other.returncode, other.stdout) == (1, "")
    assert "no column 'Sales', which the model was fitted on" in other.stderr

    again = tidegate("forecast", "fit", "sales.csv", *FAST, "--out", "run")
    assert again.returncode == 1
    assert "holds a finished run" in again.stderr
    kept = tidegate("forecast", "fit", "sales.csv", "--config", "run/settings.toml", "--out", "twin")
    assert kept.returncode == 0, kept.stderr
    assert (folder / "twin" / "forecast.csv").read_text(encoding="utf-8") == (run / "forecast.csv").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fit", "nowhere.csv"], "nowhere.csv"),
        (["fit", "gaps.csv", *FAST], "missing"),
        (["fit", "sales.csv", "--target-col", "Sale"], "Sales"),
        (["fit", "sales.csv", "--target-col", "City"], "Lyon"),
        (["fit", "sales.csv", "--units", "0"], "units must be a whole number at least 1"),
        (["fit", "sales.csv", "--cell", "lstmm"], "cell must be one of"),
        (["fit", "sales.csv", "--lang", "fr"], "lang must be one of en, zh"),
        (["fit", "sales.csv", "--config", "sales.csv"], "settings file sales.csv cannot be read"),
        (["fit", "sales.csv", "--lookback", "500"], "shorten lookback"),
        (["fit", "sales.csv", "--out", "sales.csv"], "sales.csv is a file"),
        (["fit", "sales.csv", "--out", "."], "not a run's"),
        (["predict", "nowhere"], "nowhere"),
        (["report", "nowhere"], "there is no run folder"),
        (["fit", "sales.csv", "--level", "120"], "level must hold percentages between 0 and 100"),
        (["fit", "sales.csv", "--loss", "quantile", "--level", "77"], "level 77 was not learned"),
        (["fit", "sales.csv", "--future", "nowhere.csv"], "nowhere.csv"),
        (["fit", "sales.csv", "--out", "/dev/null/run"], "/dev/null"),
        (["predict", ".", "--level", "many"], "level must be percentages"),
    ],
)
def test_bad_input_gets_one_sentence_and_no_traceback(tidegate, arguments, sentence):
    if arguments[0] == "fit" and "--out" not in arguments:
        arguments = [*arguments, "--out", "fresh"]
    result = tidegate("forecast", *arguments)
    assert result.returncode == 1
    assert not Path("fresh").exists()  # a run that could not begin leaves nothing
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("tidegate: ")]) == 1


def test_what_the_forecast_needs_is_checked_before_training(folder, tidegate, monkeypatch):
    """These were found out after hours of training, and the verdict was lost with them."""
    monkeypatch.setattr("tidegate.forecasting.table_model.train", lambda *_, **__: pytest.fail("it trained"))
    table = pd.read_csv(folder / "sales.csv").assign(price=1.0)
    table.to_csv(folder / "checked.csv", index=False)
    short = pd.DataFrame({"Date": ["2026-07-20"], "price": [1.0]})
    short.to_csv(folder / "short.csv", index=False)
    fit = ["fit", "checked.csv", "--target-col", "Sales", "--future-cols", "price", "--horizon", "2", *FAST]
    refused = tidegate("forecast", *fit, "--future", "short.csv", "--out", "checked")
    assert "the future frame lacks 1 values of 'price'" in refused.stderr
    assert not (folder / "checked").exists()


def test_a_level_that_fails_later_costs_neither_verdict_nor_report(folder, tidegate):
    fitted = tidegate("forecast", "fit", "sales.csv", *FAST, "--level", "99.99", "--out", "wide")
    assert fitted.returncode == 1
    assert "naive forecast" in fitted.stdout
    assert "a 99.99 % interval needs at least" in fitted.stderr
    assert "The forecast</h2>" in (folder / "wide" / "report.html").read_text(encoding="utf-8")
    assert (folder / "wide" / "settings.toml").exists()
    assert len(tidegate("forecast", "predict", "wide").stdout.splitlines()) == 2


def test_a_verdict_is_printed_before_anything_that_can_fail(folder, tidegate, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "report.html")

    monkeypatch.setattr("tidegate.forecasting.run.write_report", full)
    fitted = tidegate("forecast", "fit", "sales.csv", *FAST, "--out", "full")
    assert fitted.returncode == 1
    assert "naive forecast" in fitted.stdout
    assert "No space left" in fitted.stderr


def test_without_refit_the_judged_model_forecasts(folder, tidegate):
    fitted = tidegate("forecast", "fit", "sales.csv", *FAST, "--no-refit", "--out", "judged")
    assert "by the network that was judged" in fitted.stdout
    assert "Made by the network that was judged" in (folder / "judged" / "report.html").read_text(encoding="utf-8")


def test_a_test_of_so_many_rows(folder, tidegate):
    fitted = tidegate("forecast", "fit", "sales.csv", *FAST, "--test-size", "24", "--no-refit", "--out", "rows")
    assert fitted.returncode == 0, fitted.stderr
    metrics = json.loads((folder / "rows" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test"]["windows"] == 24
    refused = tidegate("forecast", "fit", "sales.csv", *FAST, "--test-size", "many", "--out", "other")
    assert "neither a share such as 0.2 nor a number of rows such as 24" in " ".join(
        word.strip("│") for word in refused.stderr.split()
    )


def test_overwrite_replaces_a_checkpoint_of_another_run(folder, tidegate):
    """It was kept, and then refused."""
    stale = folder / "stale"
    stale.mkdir()
    table = pd.read_csv(folder / "sales.csv", usecols=["Date", "Sales"])
    table["Date"] = pd.to_datetime(table["Date"], format="%d/%m/%Y")
    Forecaster(lookback=12, units=4, layers=1, epochs=2).fit(table, checkpoint=stale / "checkpoint.safetensors")
    refused = tidegate("forecast", "fit", "sales.csv", *FAST, "--out", "stale")
    assert "belongs to another run" in refused.stderr
    assert "; give --overwrite to begin anew" in refused.stderr
    replaced = tidegate("forecast", "fit", "sales.csv", *FAST, "--out", "stale", "--overwrite")
    assert replaced.returncode == 0, replaced.stderr
    assert "starting anew" in replaced.stderr
    assert not list(stale.glob("*checkpoint*"))


def test_the_verdict_of_a_replaced_run_is_gone_before_its_model_is(folder, tidegate, monkeypatch):
    """A service that takes the new model up would tell the old verdict of it."""
    fit = ("forecast", "fit", "sales.csv", *FAST, "--no-refit", "--out", "again", "--overwrite")
    assert tidegate(*fit).returncode == 0
    save, held = Forecaster.save, []

    def saved(model, place):
        held.append((folder / "again" / "metrics.json").exists())
        save(model, place)

    monkeypatch.setattr(Forecaster, "save", saved)
    assert tidegate(*fit).returncode == 0
    assert held == [False]
    assert (folder / "again" / "metrics.json").exists()


def test_known_future_values_are_asked_for_and_filled_in(folder, tidegate):
    table = pd.read_csv(folder / "sales.csv").assign(price=lambda f: np.arange(len(f)) % 5.0)
    table.to_csv(folder / "prices.csv", index=False)
    arguments = ["--target-col", "Sales", "--future-cols", "price", "--horizon", "2", "--out", "priced"]
    fitted = tidegate("forecast", "fit", "prices.csv", *FAST, *arguments)
    assert "no forecast.csv: it needs values ahead of price" in fitted.stderr
    assert not (folder / "priced" / "forecast.csv").exists()
    tidegate("forecast", "predict", "priced", "--future-frame", "--out", "future.csv")
    ahead = pd.read_csv(folder / "future.csv").assign(price=1.0)
    ahead.to_csv(folder / "future.csv", index=False)
    forecast = tidegate("forecast", "predict", "priced", "--future", "future.csv")
    assert len(forecast.stdout.splitlines()) == 3, forecast.stderr


def test_help_lists_every_setting(tidegate):
    result = tidegate("forecast", "fit", "--help")
    for word in ("--lookback", "--scale-by", "--learning-rate", "--short-series", "minmax"):
        assert word in result.stdout
    assert "lstm" in tidegate("cells").stdout
    assert tidegate("--version").stdout.startswith("tidegate ")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_verdict_is_printed_in_any_encoding(folder, tmp_path, monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdout", stream)
    arguments = ["forecast", "fit", "sales.csv", *FAST, "--lang", "zh", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", ["tidegate", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    stream.flush()
    printed = stream.buffer.getvalue()
    assert "朴素".encode() in printed or (encoding == "latin-1" and b"?" in printed)
    stream.detach()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_printed_forecast_is_utf8_in_any_encoding(folder, tidegate, monkeypatch, encoding):
    table = pd.read_csv(folder / "sales.csv").rename(columns={"Sales": "销量"}).drop(columns="City")
    table.to_csv(folder / "chinese.csv", index=False)
    assert tidegate("forecast", "fit", "chinese.csv", *FAST, "--out", "chinese", "--overwrite").returncode == 0
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "argv", ["tidegate", "forecast", "predict", "chinese"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    stream.flush()
    assert stream.buffer.getvalue() == (folder / "chinese" / "forecast.csv").read_bytes()
    stream.detach()


@pytest.mark.parametrize(("options", "lines"), [([], 0), (["-W", "default"], 2)])
def test_what_libraries_say_to_programmers_reaches_no_user(options, lines):
    program = """if True:
        import logging, warnings
        from tidegate import cli
        def app():
            warnings.warn("Mean of empty slice", RuntimeWarning, stacklevel=1)
            logging.getLogger("matplotlib.font_manager").warning("findfont: Font family 'X' not found.")
        cli.app = app
        cli.main()"""
    command = [sys.executable, *options, "-c", program]
    said = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stderr
    assert sum(said.count(words) for words in ("empty slice", "findfont")) == lines


def test_warnings_of_ours_are_shown_as_notes(folder, tidegate, monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", [])
    short = folder / "short.csv"
    pd.read_csv(folder / "sales.csv")[:40].to_csv(short, index=False)
    arguments = ["forecast", "fit", "short.csv", *FAST, "--level", "99", "--out"]
    assert "· a 99 % interval that assumes nothing needs" in tidegate(*arguments, "warned").stderr
    assert "interval that assumes" not in tidegate(*arguments, "silent", "--quiet").stderr
    predicted = tidegate("forecast", "predict", "warned", "--level", "99")
    assert "· a 99 % interval that assumes nothing needs" in predicted.stderr
    assert predicted.returncode == 0


def test_a_full_disk_is_told_with_the_path(folder, tidegate, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert not tidegate("forecast", "fit", "sales.csv", *FAST, "--no-refit", "--out", "full").returncode
    monkeypatch.setattr("os.fsync", full)
    refused = tidegate("forecast", "predict", "full", "--out", "ahead.csv")
    assert refused.returncode == 1
    assert refused.stderr == "tidegate: the file system refused ahead.csv: No space left on device\n"


def test_an_error_ends_the_process_with_one_sentence(folder):
    command = [sys.executable, "-m", "tidegate", "forecast", "fit", "nowhere.csv"]
    result = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("tidegate: ")
    assert len(result.stderr.splitlines()) == 1


def test_a_killed_run_carries_on_and_ends_with_the_same_forecast(folder, tidegate):
    def fit(out):
        some = ["--epochs", "20", "--patience", "20", "--dropout", "0.2"]
        return ["forecast", "fit", "sales.csv", *FAST, *some, "--out", out, "--lang", "en"]

    command = [sys.executable, "-m", "tidegate", *fit("killed")]
    victim = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    checkpoint = folder / "killed" / "checkpoint.safetensors"
    while not checkpoint.exists():
        assert victim.poll() is None, "the run ended before it wrote a checkpoint"
        time.sleep(0.01)
    victim.kill()
    victim.wait()
    assert not (folder / "killed" / "model").exists()
    (folder / "killed" / ".checkpoint.safetensors.tmp").touch()  # as if killed while it wrote the next one
    resumed = tidegate(*fit("killed"))
    assert resumed.returncode == 0, resumed.stderr
    assert "carrying on from" in resumed.stderr
    assert tidegate(*fit("whole")).returncode == 0
    assert (folder / "killed" / "forecast.csv").read_text(encoding="utf-8") == (
        folder / "whole" / "forecast.csv"
    ).read_text(encoding="utf-8")
    weights = [load_file(folder / run / "model" / "weights.safetensors") for run in ("killed", "whole")]
    assert weights[0].keys() == weights[1].keys()
    assert all(value.equal(weights[1][name]) for name, value in weights[0].items())
    assert not checkpoint.exists()


def test_the_old_name_of_a_setting_works_as_an_option_and_in_a_file(folder, tidegate):
    (folder / "old.toml").write_text("highway = 3\n", encoding="utf-8")
    for out, chosen, value in (("by-file", ("--config", "old.toml"), 3), ("by-option", ("--highway", "2"), 2)):
        fitted = tidegate("forecast", "fit", "sales.csv", *FAST, *chosen, "--out", out)
        assert fitted.returncode == 0, fitted.stderr
        assert f"linear_skip = {value}\n" in (folder / out / "settings.toml").read_text(encoding="utf-8")


def test_predict_refuses_a_model_of_windows(folder, tidegate):
    WindowRegressor(units=2, layers=1, epochs=1).fit(np.ones((9, 3)), np.ones(9)).save(folder / "windows")
    refused = tidegate("forecast", "predict", "windows")
    assert refused.returncode != 0
    assert "windows holds no model of a table" in refused.stderr


def test_help_groups_the_options(tidegate):
    shown = tidegate("forecast", "fit", "--help").stdout
    parts = re.split(r"─ (Options|Data|Model|Training|Output) ─", shown)
    groups = dict(zip(parts[1::2], parts[2::2], strict=True))
    for group, option in (("Data", "--id-col"), ("Model", "--units"), ("Training", "--epochs"), ("Output", "--out")):
        assert option in groups[group]
    assert "--" not in groups["Options"].replace("--help", "").replace("--config", "")


def test_a_misspelt_setting_of_a_file_is_told_the_right_name(folder, tidegate):
    (folder / "wrong.toml").write_text("lookbak = 3\n", encoding="utf-8")
    failed = tidegate("forecast", "fit", "sales.csv", "--config", "wrong.toml")
    assert "did you mean 'lookback'?" in failed.stderr


def test_what_the_table_knows_ahead_is_forecast_with(folder, tidegate):
    days = pd.date_range("2026-01-01", periods=63).strftime("%d.%m.%Y")
    promo = np.where(np.arange(63) % 5, "none", "sale")
    sales = [str(value) for value in np.arange(60) % 7] + [""] * 3
    pd.DataFrame({"day": days, "sales": sales, "promo": promo}).to_csv(folder / "promo.csv", index=False)
    fitted = tidegate(
        "forecast", "fit", "promo.csv", "--future-cols", "promo", "--horizon", "3", *FAST, "--out", "promo"
    )
    assert fitted.returncode == 0, fitted.stderr
    assert "rows at the end whose target is empty were taken as what is known ahead: 3" in fitted.stderr
    assert "the texts in column 'promo' were taken as categories: none, sale" in fitted.stderr
    written = (folder / "promo" / "forecast.csv").read_text(encoding="utf-8")
    assert [row.split(",")[0] for row in written.splitlines()] == ["day", "02.03.2026", "03.03.2026", "04.03.2026"]
    printed = tidegate("forecast", "predict", "promo", "promo.csv")
    assert printed.stdout == tidegate("forecast", "predict", "promo").stdout == written
