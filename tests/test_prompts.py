import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcvos_model.errors import InputError
from gcvos_model.masks import tight_box
from gcvos_model.prompts import box_to_mask, polygon_to_mask, polyline_to_mask


def scene(size=(120, 160), centre=(80, 60), radius=30, scale=1):
    """A reddish disc on greenish ground, both noisy, and the disc's mask."""
    height, width = size[0] * scale, size[1] * scale
    y, x = np.mgrid[:height, :width] + 0.5
    disc = np.hypot(x - centre[0] * scale, y - centre[1] * scale) < radius * scale
    colours = np.where(disc[..., None], (190, 80, 60), (70, 140, 60))
    noise = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    return (colours + noise).clip(0, 255).astype(np.uint8), disc


def iou(first, second):
    return (first & second).sum() / (first | second).sum()


# --- boxes ------------------------------------------------------------------------------------------------


def test_a_box_gives_the_object_in_it():
    frame, disc = scene()
    mask = box_to_mask(frame, (48, 28, 112, 92))
    assert (mask.shape, mask.dtype) == (disc.shape, bool)
    assert iou(mask, disc) > 0.95


def test_the_mask_stays_in_the_box():
    frame, _ = scene()
    x1, y1, x2, y2 = tight_box(box_to_mask(frame, (60, 40, 130, 70)))
    assert x1 >= 60
    assert y1 >= 40
    assert x2 <= 130
    assert y2 <= 70


def test_a_box_may_reach_beyond_the_frame():
    frame, disc = scene(centre=(10, 10))
    assert iou(box_to_mask(frame, (-30.5, -20, 42, 42.4)), disc) > 0.9


def test_the_same_box_gives_the_same_mask():
    frame, _ = scene()
    first = box_to_mask(frame, (40, 20, 115, 95))
    import cv2

    cv2.setRNGSeed(12345)
    assert np.array_equal(box_to_mask(frame, (40, 20, 115, 95)), first)


def test_where_grabcut_fails_the_box_is_filled():
    frame, _ = scene()
    assert box_to_mask(frame, (0, 0, 160, 120)).all()  # nothing around it to learn from
    flat = np.full((50, 60, 3), 128, np.uint8)  # nothing in it to tell apart
    mask = box_to_mask(flat, (10, 20, 30, 40))
    assert mask.sum() == 400
    assert mask[20:40, 10:30].all()


def test_tiny_boxes_work():
    frame, _ = scene()
    assert box_to_mask(frame, (80, 60, 81, 61)).sum() == 1
    assert box_to_mask(frame[:1, :1], (0, 0, 1, 1)).all()


def test_large_frames_cost_little_more_than_small_ones():
    small = scene(scale=2)  # 320 x 240
    large = [array.repeat(8, axis=0).repeat(8, axis=1) for array in small]

    def seconds(frame, scale):
        start = time.process_time()
        box_to_mask(frame, (48 * scale, 28 * scale, 112 * scale, 92 * scale))
        return time.process_time() - start

    quick = min(seconds(small[0], 2) for _ in range(3))
    slow = min(seconds(large[0], 16) for _ in range(3))
    assert slow < 8 * quick  # 64 times the pixels
    assert iou(box_to_mask(large[0], (768, 448, 1792, 1472)), large[1]) > 0.95


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
        box_to_mask(scene()[0], box)


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
