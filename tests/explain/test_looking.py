"""How far back a model looks and which columns it needs, against finite differences, by hand, and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import permutation_importance
from torch import nn

from tidegate import DataError, Recurrent, SettingError, WindowRegressor, explain
from tidegate.explain.looking import ALL

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 6, 3))


class Network(nn.Module):
    def __init__(self, cell="lstm", outputs=2):
        super().__init__()
        torch.manual_seed(0)
        self.recurrent, self.head = Recurrent(cell, 3, 4), nn.Linear(4, outputs)

    def forward(self, x):
        return self.head(self.recurrent(x)[0][:, -1])


class Second(nn.Module):
    """Twice the newest value of the second column, by construction, and nothing else."""

    def forward(self, x):
        return 2 * x[:, -1, 1]


def pivot(frame, measure):
    return frame[frame["measure"] == measure].pivot_table(index="lag", columns="column", values="value")


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "slstm"])
def test_the_gradient_by_lag_is_that_of_central_differences(cell):
    network, step = Network(cell).double(), 1e-6
    expected = np.zeros((6, 3))
    with torch.no_grad():
        for t, i in np.ndindex(6, 3):
            moved = np.zeros_like(X)
            moved[:, t, i] = step
            up, down = (network(torch.from_numpy(each)) for each in (X + moved, X - moved))
            expected[t, i] = ((up - down) / (2 * step)).abs().mean()
    found = pivot(explain.lookback(network, X), "gradient")
    np.testing.assert_allclose(found[["x0", "x1", "x2"]].to_numpy()[::-1], expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found[ALL].to_numpy()[::-1], expected.sum(1), rtol=1e-6)


def test_occlusion_is_the_change_when_a_step_has_its_columns_mean():
    network = Network().double()
    found = pivot(explain.lookback(network, X), "occlusion")
    with torch.no_grad():
        whole = network(torch.from_numpy(X))
        for lag, column in ((1, 0), (4, 2), (6, 1)):
            hidden = X.copy()
            hidden[:, -lag, column] = X[:, :, column].mean(1)
            expected = (network(torch.from_numpy(hidden)) - whole).abs().mean()
            assert found.loc[lag, f"x{column}"] == pytest.approx(float(expected), rel=1e-9)
        hidden = X.copy()
        hidden[:, -2] = X.mean(1)
        assert found.loc[2, ALL] == pytest.approx(float((network(torch.from_numpy(hidden)) - whole).abs().mean()))


def test_a_network_of_one_column_depends_on_nothing_else():
    found = explain.lookback(Second(), X)
    used = found[(found["lag"] == 1) & found["column"].isin(["x1", ALL]) & (found["measure"] == "gradient")]
    assert used["value"].tolist() == [2, 2]
    others = found[~((found["lag"] == 1) & found["column"].isin(["x1", ALL]))]
    assert (others["value"] == 0).all()
    y = 2 * X[:, -1, 1] + 0.5
    matter = explain.importance(Second(), X, y)
    assert matter["column"].tolist() == ["x1", "x0", "x2"]
    assert matter["importance"].tolist()[1:] == [0, 0]
    assert matter["error"].to_numpy() == pytest.approx(0.5)
    assert matter["importance"][0] > 0.2


def test_importance_is_what_one_computes_by_hand():
    y = RNG.standard_normal((5, 2))
    network = Network().double()
    frame = explain.importance(network, X, y, repeats=4, seed=7).set_index("column")
    rng = np.random.default_rng(7)
    with torch.no_grad():
        error = np.abs(network(torch.from_numpy(X)).numpy() - y).mean()
        for column in range(3):
            errors = []
            for _ in range(4):
                other = X.copy()
                other[:, :, column] = X[rng.permutation(5), :, column]
                errors.append(np.abs(network(torch.from_numpy(other)).numpy() - y).mean())
            row = frame.loc[f"x{column}"]
            found = row[["error", "permuted", "spread", "importance"]].to_numpy(float)
            expected = (error, np.mean(errors), np.std(errors), np.mean(errors) - error)
            np.testing.assert_allclose(found, expected, rtol=1e-9)


class Flat(RegressorMixin, BaseEstimator):
    """A `WindowRegressor` of windows of one step as scikit-learn sees it: a table whose columns are the features."""

    def __init__(self, regressor=None):
        self.regressor = regressor

    def fit(self, x, y):
        self.fitted_ = True
        return self

    def predict(self, x):
        return self.regressor.predict(x[:, None, :])


def test_importance_of_a_window_regressor_agrees_with_scikit_learn():
    x = RNG.standard_normal((300, 1, 3))
    y = 2 * x[:, 0, 0] - x[:, 0, 1] + 0.1 * RNG.standard_normal(300)
    regressor = WindowRegressor(units=8, layers=1, epochs=30, learning_rate=0.02).fit(x[:200], y[:200])
    ours = explain.importance(regressor, x[200:], y[200:], repeats=60).set_index("column")
    estimator, options = Flat(regressor).fit(None, None), {"n_repeats": 60, "random_state": 1}
    theirs = permutation_importance(estimator, x[200:, 0], y[200:], scoring="neg_mean_absolute_error", **options)
    names = [f"x{i}" for i in range(3)]
    noise = 4 * np.hypot(ours.loc[names, "spread"], theirs.importances_std) / np.sqrt(60)
    assert (np.abs(ours.loc[names, "importance"] - theirs.importances_mean) < noise + 1e-9).all()
    assert ours["error"].iloc[0] == pytest.approx(np.abs(regressor.predict(x[200:]) - y[200:]).mean())
    assert ours.index.tolist() == names


def test_a_window_regressor_shows_its_gates_and_how_far_it_looks_back():
    x = RNG.standard_normal((60, 5))
    regressor = WindowRegressor(units=4, layers=1, epochs=1, cell="gru").fit(x, x[:, -1])
    frame = explain.activations(regressor, x)
    assert frame["layer"].unique().tolist() == ["layer.l0"]
    assert frame["quantity"].unique().tolist() == ["reset", "update", "candidate", "h"]
    assert explain.lookback(regressor, x)["lag"].max() == 5
    for arguments, sentence in (
        ((), "keeps no windows; give X"),
        ((x, x[:, :2]), r"y must have shape \(60,\)"),
        ((x,), "is needed to measure an error; give y"),
    ):
        with pytest.raises(DataError, match=sentence):
            explain.importance(regressor, *arguments)


def test_counts_that_are_none_and_too_little_to_swap_are_refused():
    y = np.zeros((5, 2))
    for option in ("repeats", "most"):
        with pytest.raises(SettingError, match=f"{option} must be a whole number of at least 1, not 0"):
            explain.importance(Network(), X, y, **{option: 0})
    with pytest.raises(DataError, match="swapped between windows, and there is but one"):
        explain.importance(Network(), X[:1], y[:1])
    with pytest.raises(DataError, match=r"y must have the shape of the answers, \(5, 2\), not \(5,\)"):
        explain.importance(Network(), X, y[:, 0])
    with pytest.raises(DataError, match="is needed to measure its error; give y"):
        explain.importance(Network(), X)
    with pytest.raises(DataError, match="y must have as many rows as x, 5, not 4"):
        explain.importance(Network(), X, y[:4])
