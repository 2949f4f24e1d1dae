import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

pytest.importorskip("cvat_sdk")

from gcvos_model.cli.cvat_shapes import (
    SHAPE_TYPES,
    PolygonStyle,
    Shape,
    clamp_box,
    mask_to_shape,
    scale_box,
    shape_to_mask,
)
from gcvos_model.errors import InputError

FRAME = np.zeros((6, 8, 3), np.uint8)

masks = npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=40))


def fill_box(frame, box):
    """What stands in for GrabCut: the whole box."""
    mask = np.zeros(frame.shape[:2], bool)
    x1, y1, x2, y2 = (round(edge) for edge in box)
    mask[y1:y2, x1:x2] = True
    return mask


def to_mask(shape_type, points, frame=FRAME):
    return shape_to_mask(Shape(shape_type, points), frame, fill_box)


def blank(mask):
    return np.zeros((*mask.shape, 3), np.uint8)


def iou(first, second):
    return (first & second).sum() / (first | second).sum()


def test_run_lengths_by_hand():
    mask = np.zeros((6, 8), bool)
    mask[1, 2:4] = mask[2, 3] = True  # ## over .#
    shape = mask_to_shape(mask, "mask")
    assert shape == Shape(
        "mask", [0, 2, 1, 1, 2, 1, 3, 2]
    )  # no zeros, 2 ones, a zero, a one; box (2, 1) to (3, 2)
    assert np.array_equal(to_mask("mask", shape.points), mask)


def test_box_by_hand():
    mask = np.zeros((6, 8), bool)
    mask[1:3, 2:5] = True
    assert mask_to_shape(mask, "rectangle") == Shape("rectangle", [2, 1, 5, 3])
    assert np.array_equal(to_mask("rectangle", [2, 1, 5, 3]), mask)


def test_polygon_by_hand():
    expected = np.zeros((6, 8), bool)
    expected[1:3, 2:5] = True
    assert np.array_equal(to_mask("polygon", [2, 1, 5, 1, 5, 3, 2, 3]), expected)


def test_polygon_is_the_largest_part_without_its_hole():
    mask = np.zeros((40, 60), bool)
    mask[5:35, 5:35] = True
    mask[15:20, 15:20] = False
    mask[10:14, 50:54] = True
    ring = to_mask("polygon", mask_to_shape(mask, "polygon").points, blank(mask))
    filled = np.zeros_like(mask)
    filled[5:35, 5:35] = True
    assert iou(ring, filled) > 0.97


def test_polygon_keeps_to_its_vertices():
    rows, columns = np.mgrid[:200, :200]
    angle, radius = np.arctan2(rows - 100, columns - 100), np.hypot(rows - 100, columns - 100)
    star = radius < 70 + 20 * np.sin(40 * angle)
    coarse = mask_to_shape(star, "polygon", PolygonStyle(max_vertices=20, tolerance=0.0))
    fine = mask_to_shape(star, "polygon", PolygonStyle(max_vertices=200, tolerance=0.0))
    assert len(coarse.points) <= 40 < len(fine.points) <= 400


@given(masks)
def test_masks_go_round_exactly(mask):
    shape = mask_to_shape(mask, "mask")
    if shape is None:
        assert not mask.any()
    else:
        assert np.array_equal(to_mask("mask", shape.points, blank(mask)), mask)


@st.composite
def blobs(draw):
    """One part without holes, of more than 400 pixels: a star-shaped outline, smooth to jagged."""
    count = draw(st.integers(5, 24))
    radii = np.array(draw(st.lists(st.floats(14, 45), min_size=count, max_size=count)))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    height, width = draw(st.integers(60, 110)), draw(st.integers(60, 110))
    rows, columns = np.mgrid[:height, :width]
    angle = np.arctan2(rows - height // 2, columns - width // 2)
    reach = np.interp(angle, angles - np.pi, radii, period=2 * np.pi)
    mask = (np.hypot(rows - height // 2, columns - width // 2) < reach).astype(np.uint8)
    # thin spikes may break into parts, and touch at corners around a hole
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = cv2.drawContours(np.zeros_like(mask), [max(outlines, key=cv2.contourArea)], 0, 1, cv2.FILLED)
    assert mask.sum() > 400
    return mask.astype(bool)


@settings(max_examples=60, deadline=None)
@given(blobs())
def test_polygons_go_round(mask):
    shape = mask_to_shape(mask, "polygon")
    assert len(shape.points) <= 400
    assert iou(to_mask("polygon", shape.points, blank(mask)), mask) >= 0.97


@pytest.mark.parametrize("side", [200, 400, 900])
@pytest.mark.parametrize("tolerance", [0.0, 1.0, 3.0])
def test_outlines_of_large_objects_are_where_the_objects_are(side, tolerance):
    rows, columns = np.mgrid[:1000, :1000]
    angle = np.arctan2(rows - 501, columns - 488)
    mask = np.hypot(rows - 501, columns - 488) < side / 2 * (0.9 + 0.1 * np.sin(9 * angle))
    shape = mask_to_shape(mask, "polygon", PolygonStyle(tolerance=tolerance))
    again = to_mask("polygon", shape.points, blank(mask))
    assert iou(again, mask) >= 0.97
    moved = np.argwhere(again).mean(axis=0) - np.argwhere(mask).mean(axis=0)
    assert np.abs(moved).max() < 0.3


def test_thin_parts_of_large_objects_are_kept():
    mask = np.zeros((700, 700), bool)
    mask[100:200, 100:200] = True
    mask[150, 200:640] = True  # one pixel thin
    xs = mask_to_shape(mask, "polygon").points[0::2]
    assert max(xs) > 630


@given(masks)
def test_rectangles_are_the_box_and_empty_masks_are_lost(mask):
    shape = mask_to_shape(mask, "rectangle")
    if shape is None:
        assert not mask.any()
        return
    x1, y1, x2, y2 = map(int, shape.points)
    assert mask[y1:y2, x1:x2].sum() == mask.sum()
    assert all(side.any() for side in (mask[y1], mask[y2 - 1], mask[:, x1], mask[:, x2 - 1]))


@given(st.lists(st.floats(-20, 30), min_size=4, max_size=4))
def test_clamped_boxes_are_inside_and_not_empty(points):
    try:
        x1, y1, x2, y2 = clamp_box(points, (6, 8))
    except InputError:
        xs, ys = sorted(points[0::2]), sorted(points[1::2])
        assert xs[1] <= 0 or xs[0] >= 8 or ys[1] <= 0 or ys[0] >= 6
    else:
        assert 0 <= x1 < x2 <= 8
        assert 0 <= y1 < y2 <= 6


def test_boxes_drawn_backwards_and_beyond_the_image():
    assert clamp_box([5, 4, 2, 1], (6, 8)) == (2, 1, 5, 4)
    assert clamp_box([-3, -1, 4, 99], (6, 8)) == (0, 0, 4, 6)


def test_boxes_follow_the_size_of_the_image():
    assert scale_box((2, 1, 4, 3), (6, 8), (12, 24)) == (6, 2, 12, 6)
    assert scale_box((2, 1, 4, 3), (6, 8), (6, 8)) == (2, 1, 4, 3)


@pytest.mark.parametrize(
    ("shape_type", "points"),
    [
        ("rectangle", [3.2, 2.1, 3.4, 2.3]),
        ("polygon", [3.1, 2.1, 3.2, 2.1, 3.2, 2.3]),
        ("mask", [0, 1, 3, 2, 3, 2]),
    ],
)
def test_what_is_smaller_than_a_pixel_becomes_one(shape_type, points):
    mask = to_mask(shape_type, points)
    assert mask.sum() == 1
    assert mask[2, 3]


@pytest.mark.parametrize(
    ("shape_type", "points", "message"),
    [
        ("rectangle", [20, 20, 30, 30], "outside the image"),
        ("polygon", [-9, -9, -3, -9, -3, -3], "outside the image"),
        ("mask", [0, 4, 2, 2], "4 numbers"),
        ("mask", [0, 4, 7, 2, 8, 3], "not inside the image"),
        ("mask", [0, 5, 2, 2, 3, 3], "cover 5 pixels, its box has 4"),
        ("mask", [0, 10**9, 2, 2, 3, 3], "its box has 4"),  # must not be allocated
        ("mask", [-1, 5, 2, 2, 3, 3], "run lengths"),
        ("mask", [0.5, 3.5, 2, 2, 3, 3], "non-integer"),
        ("mask", [4, 2, 2, 3, 3], "empty"),
    ],
)
def test_refusals_name_what_was_got(shape_type, points, message):
    with pytest.raises(InputError, match=message):
        to_mask(shape_type, points)


def test_a_polygon_that_would_eat_the_memory_is_refused():
    zigzag = [coordinate for index in range(20_000) for coordinate in (index % 7, 2000 * (index % 2))]
    with pytest.raises(InputError, match="simplify"):
        to_mask("polygon", zigzag, np.zeros((2000, 8, 3), np.uint8))


def test_the_shape_types_are_those_of_the_function():
    assert set(SHAPE_TYPES) == {"rectangle", "polygon", "mask"}
