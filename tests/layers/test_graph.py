"""Graphs among settings: read from edges or a file, checked, and kept in a model folder."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch

import tidegate
from tidegate import Forecaster
from tidegate.errors import ModelFolderError, SettingError
from tidegate.layers import TGCN, GConv, edges_of
from tidegate.layers.graph import Neighbours, by_node
from tidegate.settings import check_settings
from tidegate.storage import model_folder

MATRIX = np.array([[0, 1, 0], [0.5, 0, 2], [0, 0, 0]])
EDGES = ((0, 1, 1.0), (1, 0, 0.5), (1, 2, 2.0))


@pytest.fixture(params=[GConv, TGCN])
def layer(request):
    return request.param


def normalised(matrix):
    rows, columns = matrix.sum(1, keepdims=True), matrix.sum(0, keepdims=True)
    return np.divide(matrix, np.sqrt(rows * columns), out=np.zeros_like(matrix), where=matrix > 0)


def write(path, matrix):
    path.write_text("\n".join(",".join(map(str, row)) for row in matrix) + "\n", encoding="utf-8")
    return str(path)


def test_a_matrix_a_file_and_edges_are_the_same_graph(layer, tmp_path):
    file = write(tmp_path / "adjacency.csv", MATRIX.tolist())
    assert edges_of(MATRIX) == edges_of(pd.DataFrame(MATRIX)) == edges_of(MATRIX.tolist()) == EDGES
    assert layer(edges=EDGES, nodes=3).graph() == layer(edges=file).graph() == (EDGES, 3)
    assert layer(edges=[[0, 1], [1, 0, 0.5], [1, 2, 2]], nodes=3).graph() == (EDGES, 3)


def test_named_settings_hold_the_edges_of_the_file(layer, tmp_path):
    named = layer(edges=write(tmp_path / "a.csv", MATRIX.tolist()), cell="LSTM").named()
    assert named == layer(edges=EDGES, nodes=3, cell="lstm")
    table = json.loads(json.dumps(dataclasses.asdict(named)))
    del table["name"]
    assert layer().set_params(**table) == named


@pytest.mark.parametrize("share", [0.05, 0.6])
@pytest.mark.parametrize("loops", [False, True])
def test_neighbours_are_a_product_with_the_normalised_matrix(share, loops):
    random = np.random.default_rng(0)
    matrix = random.uniform(size=(20, 20)) * (random.uniform(size=(20, 20)) < share)
    matrix[3, 3] = 0.7
    neighbours = Neighbours(edges_of(matrix), 20, loops=loops).double()
    assert neighbours.dense == (share > 0.5)
    x = torch.randn(4, 20, 3, dtype=torch.float64, requires_grad=True)
    whole = normalised(matrix + loops * np.eye(20))
    y = neighbours(x)
    np.testing.assert_allclose(y.detach().numpy(), whole @ x.detach().numpy(), rtol=0, atol=1e-6)  # made in float32
    (slope,) = torch.autograd.grad((y * y.detach()).sum(), x)
    np.testing.assert_allclose(slope.numpy(), whole.T @ y.detach().numpy(), rtol=0, atol=1e-6)
    assert np.linalg.norm(whole, 2) < 1 + 1e-12
    assert not neighbours.state_dict()


def test_inputs_are_laid_out_by_node_with_what_is_common():
    x = torch.arange(7.0).view(1, 1, 7)
    assert by_node(x, 3, 1).tolist() == [[[[0, 1, 6], [2, 3, 6], [4, 5, 6]]]]
    assert by_node(x[..., :6], 2, 0).tolist() == [[[[0, 1, 2], [3, 4, 5]]]]


def test_the_order_of_the_nodes_does_not_matter(layer):
    order = [2, 0, 1]
    layers = [
        layer(edges=edges_of(matrix), nodes=3, units=4, common=1).build(7).double()
        for matrix in (MATRIX, MATRIX[np.ix_(order, order)])
    ]
    layers[1].load_state_dict(layers[0].state_dict())  # weights know no node
    x = torch.randn(2, 5, 7, dtype=torch.float64)
    nodes = x[..., :6].unflatten(2, (3, 2))[:, :, order].flatten(2)
    y, moved = layers[0](x)[0], layers[1](torch.cat([nodes, x[..., 6:]], 2))[0]
    torch.testing.assert_close(moved.unflatten(2, (3, 4)), y.unflatten(2, (3, 4))[:, :, order], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([[0, 1, 2], [1, 0, 2]], r"must be square, not of shape \(2, 3\)"),
        ([[0, -1], [1, 0]], r"at least 0, not -1\.0 in row 1, column 2"),
        ([[0, 1], ["nan", 0]], "not nan in row 2, column 1"),
        ([[0, "inf"], [1, 0]], "not inf in row 1, column 2"),
        ([["a", "b"], [0, 1]], "cannot be read as a matrix of numbers without a heading"),
        ([[0, 1], [1]], "cannot be read as a matrix"),
        ([[0, 0], [0, 0]], "has no edges"),
    ],
)
def test_a_file_that_is_no_graph_is_refused(layer, lines, sentence, tmp_path):
    with pytest.raises(SettingError, match=rf"edges: .*bad\.csv.*{sentence}"):
        check_settings(layer(edges=write(tmp_path / "bad.csv", lines)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, r"needs its graph: edges=\(\(0, 1\), \(1, 0\)\) and nodes=2, or edges='adjacency.csv'"),
        ({"edges": EDGES}, "needs its graph"),
        ({"nodes": 3}, "needs its graph"),
        ({"edges": "nowhere.csv"}, r"edges: nowhere\.csv cannot be read"),
        ({"edges": EDGES, "nodes": 2}, r"with nodes from 0 to 1 and a finite weight .*, not \(1, 2, 2\.0\)"),
        ({"edges": ((-1, 0),), "nodes": 2}, "with nodes from 0 to 1"),
        ({"edges": ((0, 1, -1),), "nodes": 2}, "with nodes from 0 to 1"),
        ({"edges": ((0, 1, float("nan")),), "nodes": 2}, "with nodes from 0 to 1"),
        ({"edges": ((0, 1.5),), "nodes": 2}, "with nodes from 0 to 1"),
        ({"edges": ((0, 1, 2, 3),), "nodes": 2}, "with nodes from 0 to 1"),
        ({"edges": (("a", "b"),), "nodes": 2}, "with nodes from 0 to 1"),
        ({"edges": (1, 2), "nodes": 2}, "with nodes from 0 to 1"),
        ({"edges": ((0, 1), (0, 1, 2.0)), "nodes": 2}, "names the edge from 0 to 1 twice"),
    ],
)
def test_edges_that_are_no_graph_are_refused(layer, change, sentence):
    with pytest.raises(SettingError, match=sentence):
        check_settings(layer(**change))


def test_a_file_and_another_number_of_nodes_are_refused(layer, tmp_path):
    with pytest.raises(SettingError, match=r"nodes is 4, but .*a\.csv is a matrix of 3"):
        check_settings(layer(edges=write(tmp_path / "a.csv", MATRIX.tolist()), nodes=4))


@pytest.mark.parametrize(("inputs", "common"), [(7, 0), (2, 0), (6, 1), (3, 3)])
def test_inputs_that_the_nodes_cannot_share_are_refused(layer, inputs, common):
    with pytest.raises(SettingError, match=f"{inputs} inputs, of which {common} are common, cannot be shared out"):
        layer(edges=EDGES, nodes=3, common=common).build(inputs)


def test_a_forecaster_keeps_the_graph_without_its_file(layer, tmp_path):
    """Traffic of three places, which all read the hour: the file may go once the model is saved."""
    file = tmp_path / "adjacency.csv"
    write(file, MATRIX.tolist())
    hours = pd.date_range("2026-01-01", periods=80, freq="h")
    traffic = {name: np.sin(np.arange(80) / 4 + k) for k, name in enumerate("abc")}
    table = pd.DataFrame({"ds": hours, **traffic})
    options = {"target_col": ("a", "b", "c"), "features": ("hour",), "lookback": 6, "horizon": 2, "epochs": 1}
    hour = len(Forecaster(**options, units=2, layers=1).fit(table).fitted().network.layer.weight_ih_l0[0]) - 3
    forecaster = Forecaster(**options, layer=layer(edges=str(file), units=3, common=hour)).fit(table)
    forecaster.save(tmp_path / "model")
    expected = forecaster.predict(table)
    file.unlink()
    loaded = tidegate.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(table), expected)
    assert loaded.layer == layer(edges=EDGES, nodes=3, units=3, common=hour)


def test_a_folder_whose_edges_leave_the_graph_is_one_clear_error(layer, tmp_path):
    table = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=60, freq="h"), "a": np.arange(60.0)})
    table["b"] = np.sin(table["a"])
    graph = layer(edges=((0, 1), (1, 0)), nodes=2, units=2)
    Forecaster(target_col=("a", "b"), lookback=6, horizon=1, epochs=1, layer=graph).fit(table).save(tmp_path / "model")
    config, tensors = model_folder.load_model(tmp_path / "model", "forecaster")
    config["settings"]["layer"]["edges"][0][1] = 7
    model_folder.save_model(tmp_path / "model", "forecaster", config, tensors)
    with pytest.raises(ModelFolderError, match="edges must hold"):
        tidegate.load(tmp_path / "model")
