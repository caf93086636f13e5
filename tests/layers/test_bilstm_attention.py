"""Self-attention over a bidirectional LSTM is what torch's own modules make, put together by hand."""

import torch
from layer_checks import close, inputs
from torch import nn

from tidegate.layers import BiLSTMAttention, Chain
from tidegate.layers.registry import read


def test_it_is_torchs_modules_put_together():
    torch.manual_seed(1)
    settings = BiLSTMAttention().set_params(**{"0__units": 4, "1__units": 8, "1__heads": 2})
    layer = settings.build(3).double().eval()
    lstm = nn.LSTM(3, 4, bidirectional=True, batch_first=True, dtype=torch.float64)
    lstm.load_state_dict(layer.parts[0].state_dict())
    attention = nn.MultiheadAttention(8, 2, batch_first=True, dtype=torch.float64)
    own = layer.parts[1].attention
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.cat([own.query.weight, own.key.weight, own.value.weight]))
        attention.in_proj_bias.copy_(torch.cat([own.query.bias, own.key.bias, own.value.bias]))
    attention.out_proj.load_state_dict(own.output.state_dict())
    x = inputs(2, 7, 3)
    first = nn.functional.layer_norm(x @ layer.skips[0].weight.T + lstm(x)[0], (8,))
    second = nn.functional.layer_norm(first + attention(first, first, first)[0], (8,))
    close(layer(x)[0], second)
    assert not layer.causal


def test_it_is_a_chain_under_a_name():
    parts = (
        {"name": "recurrent", "bidirectional": True, "units": 32, "layers": 1},
        {"name": "attention", "causal": False},
    )
    chain = Chain(parts=parts, residual=True, norm=True).named()
    mine = read("bilstm_attention").named()
    assert mine.parts == chain.parts
    assert (mine.residual, mine.norm, mine.title) == (True, True, "BILSTM_ATTENTION")
