import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gcvos_model import Propagator
from gcvos_model.search import search_region


def masks(*boxes):
    mask = np.zeros((60, 90), np.float32)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = 1
    return mask


def test_the_region_reaches_two_fifteenths_of_the_short_side():
    region = search_region(masks((20, 30, 30, 40)))
    expected = np.zeros((60, 90), bool)
    expected[20 - 8 : 30 + 8, 30 - 8 : 40 + 8] = True
    np.testing.assert_array_equal(region, expected)


def test_a_lost_object_is_looked_for_everywhere():
    assert search_region(masks()).all()


def test_small_parts_apart_do_not_widen_it_large_ones_do():
    assert not search_region(masks((20, 10, 40, 30), (5, 80, 9, 84)))[5, 80]
    assert search_region(masks((20, 10, 40, 30), (5, 70, 20, 84)))[5, 80]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 50), st.integers(0, 80), st.integers(1, 9))
def test_an_object_of_one_part_is_within_its_region(top, left, side):
    mask = masks((top, left, top + side, left + side))
    assert search_region(mask)[mask > 0.5].all()


def test_nothing_is_predicted_outside(tiny_model, scene):
    frames, _ = scene
    propagator = Propagator(tiny_model, short_side=64)
    corner = np.zeros((48, 80), bool)
    corner[:8, :8] = True
    propagator.annotate(frames[0], {1: corner})
    result = propagator.step(frames[1])
    assert result.probabilities[0, :, 60:].max() < 1e-6
