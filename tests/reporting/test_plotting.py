"""Long lines are thinned without losing what an eye would see."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegate.reporting.plotting import thin


@given(st.integers(0, 10**6), st.integers(1, 5000))
def test_thin_keeps_the_extremes_and_the_order(seed, length):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=length)
    y[rng.random(length) < 0.1] = np.nan
    x, thinned = thin(np.arange(length), y, 100)
    assert len(thinned) <= max(100, min(length, 100))
    assert (np.diff(x) > 0).all()
    np.testing.assert_array_equal(thinned, y[x])
    if not np.isnan(y).all():
        assert (np.nanmin(thinned), np.nanmax(thinned)) == (np.nanmin(y), np.nanmax(y))


def test_thin_keeps_long_gaps():
    y = np.ones(10000)
    y[4000:6000] = np.nan
    x, thinned = thin(np.arange(10000), y, 100)
    assert np.isnan(thinned[(x > 4200) & (x < 5800)]).all()
    assert ((x > 4200) & (x < 5800)).any()
