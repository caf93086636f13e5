import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss
from torch import Tensor

from tidegate.errors import SettingError
from tidegate.forecasting.losses import make_loss

POINTWISE = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}
QUANTILES = (0.1, 0.5, 0.9)
ALL = [(name, None) for name in POINTWISE] + [("quantile", QUANTILES)]


def drawn(outputs: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    prediction = 3 * torch.randn(5, 4, 2, outputs, generator=generator, dtype=torch.float64)
    target = 3 * torch.randn(5, 4, 2, generator=generator, dtype=torch.float64)
    return prediction.requires_grad_(), target


@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_loss_equals_torchs(name):
    prediction, target = drawn()
    expected = POINTWISE[name](prediction.squeeze(-1), target)
    torch.testing.assert_close(make_loss(name)(prediction, target)[0], expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("hole", [False, True])
def test_quantile_loss_equals_scikit_learns(hole):
    prediction, target = drawn(outputs=3)
    if hole:
        target[1, 2, 0] = torch.nan
    known = ~target.isnan().numpy()
    expected = np.mean(
        [
            mean_pinball_loss(target.numpy()[known], prediction.detach().numpy()[known, i], alpha=level)
            for i, level in enumerate(QUANTILES)
        ]
    )
    value, _ = make_loss("quantile", quantiles=QUANTILES)(prediction, target)
    assert value.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("name", "quantiles"), ALL)
@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_loss_ignores_unknown_targets(name, quantiles, seed, share):
    loss = make_loss(name, quantiles=quantiles)
    prediction, target = drawn(len(quantiles or (0,)), seed)
    known = torch.rand(target.shape, generator=torch.Generator().manual_seed(seed)) >= share
    value, count = loss(prediction, target.masked_fill(~known, torch.nan))
    (gradient,) = torch.autograd.grad(value, prediction)
    assert int(count) == known.sum() * prediction.shape[-1]
    if not known.any():
        assert value.item() == 0
        assert not gradient.any()
        return
    rest = prediction[known].reshape(-1, 1, 1, prediction.shape[-1]).detach().requires_grad_()
    expected, _ = loss(rest, target[known].reshape(-1, 1, 1))
    (expected_gradient,) = torch.autograd.grad(expected, rest)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient[known].flatten(), expected_gradient.flatten())
    assert not gradient[~known].any()


@pytest.mark.parametrize(("name", "quantiles"), ALL)
def test_loss_shows_a_prediction_that_is_nan(name, quantiles):
    prediction, target = drawn(len(quantiles or (0,)))
    broken = prediction.detach().clone()
    broken[2, 1, 0, 0] = torch.nan
    assert make_loss(name, quantiles=quantiles)(broken, target)[0].isnan()


@pytest.mark.parametrize(("name", "quantiles"), ALL)
def test_loss_gradient_equals_finite_differences(name, quantiles):
    prediction, target = drawn(len(quantiles or (0,)))
    target[0, 0, 0] = torch.nan
    loss = make_loss(name, quantiles=quantiles)
    assert torch.autograd.gradcheck(lambda *both: loss(*both)[0], (prediction, target))


@pytest.mark.parametrize(
    ("name", "quantiles", "word"),
    [
        ("rmse", None, "mse, mae, huber, quantile"),
        ("quantile", None, "quantiles"),
        ("quantile", (0.1, 1.0), "quantiles"),
        ("mse", (0.5,), "leave them out"),
    ],
)
def test_make_loss_names_what_is_wrong(name, quantiles, word):
    with pytest.raises(SettingError, match=word):
        make_loss(name, quantiles=quantiles)
