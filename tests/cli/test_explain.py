"""`tidegate explain` on a stranger's run."""

import pytest
import torch

from tidegate import WindowRegressor

FAST = ["--lookback", "12", "--units", "4", "--layers", "1", "--epochs", "2"]


@pytest.fixture
def run(folder, tidegate):
    if not (folder / "explained").exists():
        fitted = tidegate("forecast", "fit", "sales.csv", "--horizon", "3", *FAST, "--out", "explained")
        assert fitted.returncode == 0, fitted.stderr
    return folder / "explained"


def test_a_run_is_explained_in_both_languages(run, tidegate):
    done = tidegate("explain", "explained")
    assert (done.returncode, done.stdout) == (0, "explanation: explained/explain.html\n"), done.stderr
    english = (run / "explain.html").read_text(encoding="utf-8")
    assert "This is the network that was judged" in english
    assert "Sales" in english
    assert "MAE when permuted" in english
    done = tidegate("explain", "explained", "--lang", "zh", "--out", "zh.html")
    assert (done.returncode, done.stdout) == (0, "explanation: zh.html\n"), done.stderr
    chinese = (run.parent / "zh.html").read_text(encoding="utf-8")
    assert "哪些列重要" in chinese
    assert "打乱后的 MAE" in chinese
    assert english.count("<svg") == chinese.count("<svg") == 4


def test_a_model_folder_takes_a_table_of_its_own(run, tidegate):
    done = tidegate("explain", "explained/model", "sales.csv", "--test-size", "30")
    assert (done.returncode, done.stdout) == (0, "explanation: explain.html\n"), done.stderr
    page = (run.parent / "explain.html").read_text(encoding="utf-8")
    assert "MAE when permuted" in page
    assert "Whether it has learned from the rows" in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["explained", "--series", "Paris"], "the model was not fitted on a series 'Paris'; its only series is"),
        (["explained", "--lang", "fr"], "lang must be one of en, zh"),
        (["explained", "nowhere.csv"], "nowhere.csv"),
        (["explained", "sales.csv", "--test-size", "200"], "leaves none of the longest series"),
        (["windows"], "holds a model that keeps no data to look at; explain it from Python"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(run, tidegate, arguments, sentence):
    if "windows" in arguments:
        x = torch.randn(40, 5).numpy()
        WindowRegressor(units=2, layers=1, epochs=1).fit(x, x[:, -1]).save(run.parent / "windows")
    done = tidegate("explain", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert done.stderr.startswith("tidegate: ")
    assert done.stderr.count("\n") == 1
