"""Diagonal linear recurrences over all steps at once: equal to the loop over time, in float32 too."""

import numpy as np
import pytest
import torch

from tidegate.layers.diagonal import accumulate, power, response, scan

TIMES = [1, 2, 3, 7, 16, 17, 50]
TOLERANCE = {torch.complex128: 1e-12, torch.complex64: 2e-6}


def slow(*shape):
    """Complex numbers that a sum forgets only over hundreds of steps, and some that it forgets at once."""
    return torch.polar(0.2 + 0.799 * torch.rand(shape, dtype=torch.float64), 6.28 * torch.rand(shape).double())


def complex_normal(*shape):
    return torch.randn(*shape, dtype=torch.complex128)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("time", TIMES)
def test_scan_is_the_recurrence(time, dtype):
    u, base, first = complex_normal(3, 2, time), slow(3), complex_normal(3, 2)
    expected, state = np.empty((3, 2, time), complex), first.numpy()
    for t in range(time):
        state = base.numpy()[:, None] * state + u.numpy()[:, :, t]
        expected[:, :, t] = state
    states = scan(u.to(dtype), base.to(dtype), first.to(dtype))
    np.testing.assert_allclose(states, expected, atol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("time", TIMES)
def test_accumulate_is_the_state_at_each_rows_end(time, dtype):
    u, base = torch.randn(3, 2, time, dtype=torch.float64), slow(2, 4)
    lengths = torch.tensor([time, time // 2, 0])
    u = u * (torch.arange(time) < lengths[:, None, None])
    expected = np.zeros((3, 2, 4), complex)
    for row, length in enumerate(lengths.tolist()):
        for t in range(length):
            expected[row] = base.numpy() * expected[row] + u.numpy()[row, :, t, None]
    real = u.to(dtype.to_real())
    np.testing.assert_allclose(accumulate(real, base.to(dtype), lengths), expected, atol=10 * TOLERANCE[dtype])
    whole = accumulate(real, base.to(dtype), None)
    np.testing.assert_allclose(whole[0], expected[0], atol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("time", TIMES)
def test_response_is_the_sum_of_powers(time):
    weights, base = complex_normal(3, 2, 4), slow(2, 4)
    expected = [2 * (weights.numpy() * base.numpy() ** step).sum(-1).real for step in range(time)]
    np.testing.assert_allclose(response(weights, base, time), np.stack(expected, -1), atol=1e-12)


def test_powers_of_float32_numbers_are_as_exact_at_step_5000_as_at_step_1():
    base = torch.polar(torch.tensor([[0.9999]]), torch.tensor([[1.2345]]))
    expected = base.to(torch.complex128).numpy() ** 4999
    assert abs(expected).item() > 0.6
    np.testing.assert_allclose(response(torch.ones_like(base), base, 5000)[0, -1], 2 * expected.real[0, 0], rtol=1e-6)
    np.testing.assert_allclose(power(base, torch.tensor([4999]))[0], expected, rtol=1e-6)


def test_no_steps_give_no_states():
    base = slow(3)
    assert scan(complex_normal(3, 2, 0), base, complex_normal(3, 2)).shape == (3, 2, 0)
    assert response(complex_normal(2, 3), slow(2, 3), 0).shape == (2, 0)
    assert not accumulate(torch.zeros(2, 3, 0, dtype=torch.float64), slow(3, 4), None).any()


def test_second_derivatives_are_right():
    leaves = [each.requires_grad_() for each in (complex_normal(2, 1, 5), slow(2), complex_normal(2, 1))]
    assert torch.autograd.gradgradcheck(scan, leaves)
