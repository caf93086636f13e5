"""Sessions: the same steps in a row give what a scan gives."""

import pytest
import torch

from tidegate import Recurrent, cells
from tidegate.errors import SettingError
from tidegate.layers.session import LoopSession


def make_layer(cell, dtype=torch.float64, **options):
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 21, **options).to(dtype).eval()
    for parameter in layer.parameters():
        torch.nn.init.uniform_(parameter, -0.4, 0.4)
    return layer


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", cells.names())
def test_steps_equal_forward_and_the_state_can_be_taken_over(name, layers):
    layer = make_layer(name, layers=layers)
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    expected, last = layer(x)
    session = layer.session(batch=2)
    outputs = [session.step(x[:, t]).clone() for t in range(5)]
    other = layer.session(batch=2)
    other.state = session.state
    outputs += [other.step(x[:, t]).clone() for t in range(5, 9)]
    torch.testing.assert_close(torch.stack(outputs, 1), expected, rtol=1e-11, atol=1e-12)
    for mine, part in zip(other.state, last, strict=True):
        torch.testing.assert_close(mine, part, rtol=1e-11, atol=1e-12)


def test_loop_session_equals_the_layers_own_session():
    layer = make_layer("gru", torch.float32, layers=2)
    loop = LoopSession(layer.step)
    session = layer.session()
    for x in torch.randn(6, 1, 3):
        torch.testing.assert_close(session.step(x), loop.step(x), rtol=1e-5, atol=1e-6)


def test_a_session_keeps_the_weights_that_it_began_with():
    layer = make_layer("lstm")
    x = torch.randn(1, 3, dtype=torch.float64)
    session, expected = layer.session(), layer.session().step(x).clone()
    with torch.no_grad():
        layer.weight_ih_l0.zero_()
    torch.testing.assert_close(session.step(x), expected)


@pytest.mark.parametrize("options", [{"bidirectional": True}, {"context_size": 2}])
def test_what_cannot_stream_is_refused(options):
    with pytest.raises(SettingError, match="no session"):
        make_layer("lstm", **options).session()
