from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcvos_model.errors import InputError
from gcvos_model.masks import tight_box
from gcvos_model.prompts import fill_box, polygon_to_mask, polyline_to_mask

# --- boxes ------------------------------------------------------------------------------------------------


def test_boxes_are_filled():
    assert tight_box(fill_box((2, 1, 6, 4), (8, 10))) == (2, 1, 6, 4)
    assert fill_box((2, 1, 6, 4), (8, 10)).sum() == 12
    assert tight_box(fill_box((-30.5, 2.4, 3.6, 99), (8, 10))) == (0, 2, 4, 8)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((200, 10, 220, 30), r"200, 10, 220, 30 covers no pixel of the frame of 160 x 120"),
        ((-20, 10, 0, 30), "covers no pixel"),
        ((10.1, 10.1, 10.3, 10.3), "covers no pixel"),
        ((30, 10, 30, 40), "is empty; expected x1 < x2"),
        ((30, 40, 50, 10), "is empty"),
        ((10, 10, float("nan"), 20), "not a finite number"),
        ((10, 10, float("inf"), 20), "not a finite number"),
        ((10, 10, 20), "expected an even number"),
        ((10, 10, 20, 20, 30, 30), "a box of 6 numbers, expected four"),
        (("a", "b", "c", "d"), "expected"),
    ],
)
def test_unusable_boxes_are_refused(box, reason):
    with pytest.raises(InputError, match=reason):
        fill_box(box, (120, 160))


# --- polygons ---------------------------------------------------------------------------------------------


def test_a_polygon_is_filled():
    mask = polygon_to_mask([(2, 1), (6, 1), (6, 4), (2, 4)], (8, 10))
    assert tight_box(mask) == (2, 1, 6, 4)
    assert mask.sum() == 12
    assert np.array_equal(polygon_to_mask([2, 1, 6, 1, 6, 4, 2, 4], (8, 10)), mask)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([(1, 1), (5, 5)], "a polygon of 2 points, expected at least 3"),
        ([], "of 0 points"),
        ([(1, 1), (5, 5), (1, float("nan"))], "not a finite number"),
        ([(1, 1), (5, 5), (1,)], "pairs"),
        (
            [(50, 50), (60, 50), (60, 60)],
            r"from x 50 to 60 and y 50 to 60 covers no pixel of the frame of 10 x 8",
        ),
        ([(1, 1), (2, 2), (3, 3)], "covers no pixel"),
    ],
)
def test_unusable_polygons_are_refused(points, reason):
    with pytest.raises(InputError, match=reason):
        polygon_to_mask(points, (8, 10))


# --- polylines --------------------------------------------------------------------------------------------


def test_a_polyline_has_its_thickness_and_round_ends():
    mask = polyline_to_mask([(10, 10), (30, 10)], (20, 40), thickness=6)
    assert tight_box(mask) == (7, 7, 33, 13)
    assert mask[7:13, 20].all()
    assert not mask[7, 7]  # the ends are round
    assert mask.sum() == pytest.approx(20 * 6 + np.pi * 9, abs=4)


def test_a_polyline_is_open():
    mask = polyline_to_mask([(5, 5), (35, 5), (35, 35)], (40, 40), thickness=3)
    assert mask[5, 20]
    assert mask[20, 34]
    assert not mask[20, 20]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 20)), min_size=2, max_size=4), st.floats(1.5, 12))
def test_a_polyline_is_what_lies_within_half_its_thickness(points, thickness):
    mask = polyline_to_mask(points, (20, 30), thickness)
    steps = np.linspace(0, 1, 400)[:, None]
    line = np.concatenate([a + steps * (np.subtract(b, a)) for a, b in pairwise(points)])
    y, x = np.mgrid[:20, :30] + 0.5
    distance = np.hypot(x[..., None] - line[:, 0], y[..., None] - line[:, 1]).min(axis=-1)
    clear = np.abs(distance - thickness / 2) > 0.1  # the samples are up to 0.1 apart
    assert np.array_equal(mask[clear], (distance < thickness / 2)[clear])


@pytest.mark.parametrize(
    ("points", "thickness", "reason"),
    [
        ([(1, 1)], 3, "a polyline of 1 points, expected at least 2"),
        ([(1, 1), (5, 5)], 0, "0 pixels thick"),
        ([(1, 1), (5, 5)], float("nan"), "nan pixels thick"),
        ([(90, 90), (99, 99)], 3, "meets no pixel"),
        ([(1, 1), (5, float("inf"))], 3, "not a finite number"),
    ],
)
def test_unusable_polylines_are_refused(points, thickness, reason):
    with pytest.raises(InputError, match=reason):
        polyline_to_mask(points, (20, 30), thickness)
