"""Long lines are thinned without losing what an eye would see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.reporting.plotting import LIGHT, drawing, end_labels, panels, thin


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


def labelled(*heights):
    with drawing(LIGHT):
        _, axes = panels(1, "errors")
        axes[0, 0].set_ylim(0, 10)
        end_labels(axes[0, 0], 1.0, [(y, f"method {n}", "#000000") for n, y in enumerate(heights)])
    return {text.get_text(): text for text in axes[0, 0].texts}


def test_labels_stand_at_the_end_of_their_lines_where_there_is_room():
    found = labelled(2.0, 8.0, 5.0)
    assert [found[f"method {n}"].xyann[1] for n in range(3)] == [2.0, 8.0, 5.0]
    assert all(text.arrow_patch is None for text in found.values())


def test_labels_of_near_lines_share_the_way_and_are_led_to():
    """They were pushed upwards one after the other, the last far from its line."""
    found = labelled(5.0, 5.1, 5.2, 1.0)
    places = [found[f"method {n}"].xyann[1] for n in range(3)]
    assert np.diff(places) == pytest.approx(1.0)
    assert np.mean(places) == pytest.approx(5.1)
    assert found["method 0"].arrow_patch is not None
    assert found["method 3"].xyann[1] == 1.0
    assert [found["method 0"].xy[1], found["method 2"].xy[1]] == [5.0, 5.2]


@pytest.mark.parametrize("height", [0.0, 10.0, 99.0])
def test_labels_stay_within_the_axes(height):
    places = [text.xyann[1] for text in labelled(height, height, height).values()]
    assert min(places) >= 0
    assert max(places) <= 10
