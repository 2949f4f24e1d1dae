import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gcvos_model.errors import InputError
from gcvos_model.polygons import as_points, mask_to_polygon, mask_to_polygons, polygons_to_mask

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=16))


def iou(first, second):
    union = (first | second).sum()
    return (first & second).sum() / union if union else 1.0


def disc(radius, size):
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return (x - size[1] / 2) ** 2 + (y - size[0] / 2) ** 2 < radius**2


@st.composite
def shapes(draw):
    """One part without holes, more than 400 pixels: a few overlapping ellipses and thick lines."""
    mask = np.zeros((70, 90), np.uint8)
    point = st.tuples(st.integers(0, 89), st.integers(0, 69))
    start = draw(point)
    for _ in range(draw(st.integers(1, 4))):
        end = draw(point)
        cv2.line(mask, start, end, 1, draw(st.integers(1, 15)))
        cv2.ellipse(
            mask,
            end,
            draw(st.tuples(st.integers(1, 25), st.integers(1, 25))),
            draw(st.integers(0, 90)),
            0,
            360,
            1,
            -1,
        )
        start = end
    holes = cv2.connectedComponents(np.pad(1 - mask, 1, constant_values=1), connectivity=4)[0] - 2
    assume(mask.sum() > 400 and holes == 0)
    return mask.astype(bool)


# --- filling ----------------------------------------------------------------------------------------------


def test_a_pixel_is_set_when_its_centre_is_inside():
    square = [(1, 1), (4, 1), (4, 3), (1, 3)]
    filled = polygons_to_mask([square], (5, 6))
    assert filled.sum() == 6
    assert filled[1:3, 1:4].all()
    shifted = np.array(square) + 0.4  # the same centres are inside
    assert np.array_equal(polygons_to_mask([shifted], (5, 6)), filled)


def test_a_flat_list_and_either_direction_fill_alike():
    ring = [(0.2, 0.3), (7.5, 1.0), (3.1, 6.9)]
    flat = np.ravel(ring).tolist()
    assert np.array_equal(polygons_to_mask([ring], (8, 8)), polygons_to_mask([flat], (8, 8)))
    assert np.array_equal(polygons_to_mask([ring], (8, 8)), polygons_to_mask([ring[::-1]], (8, 8)))


def test_a_ring_in_a_ring_is_a_hole():
    outer, inner = [(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (6, 3), (6, 6), (3, 6)]
    filled = polygons_to_mask([outer, inner], (9, 9))
    assert not filled[3:6, 3:6].any()
    assert filled.sum() == 81 - 9


def test_parts_outside_the_frame_are_left_out():
    assert polygons_to_mask([[(-50, -50), (500, -50), (500, 500), (-50, 500)]], (4, 5)).all()
    assert not polygons_to_mask([[(10, 0), (20, 0), (20, 4)]], (4, 5)).any()
    half = polygons_to_mask([[(-9, 0), (2, 0), (2, 4), (-9, 4)]], (4, 5))
    assert half[:, :2].all()
    assert not half[:, 2:].any()


@settings(deadline=None, max_examples=40)
@given(hnp.arrays(float, (5, 2), elements=st.floats(-3, 12)))
def test_filling_agrees_with_the_crossing_number(ring):
    """The definition, pixel by pixel: a ray from the centre crosses the ring an odd number of times."""
    filled = polygons_to_mask([ring], (9, 8))
    for row, column in np.ndindex(9, 8):
        x, y = column + 0.5, row + 0.5
        inside = False
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if (y0 <= y) != (y1 <= y):
                crossing = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
                if abs(crossing - x) < 1e-9:
                    return  # on the edge, where rounding decides
                inside ^= crossing < x
        assert filled[row, column] == inside


# --- outlines ---------------------------------------------------------------------------------------------


def test_the_whole_frame_reaches_its_borders():
    ring = mask_to_polygon(np.ones((20, 30), bool))
    assert ring.min(axis=0).tolist() == [0, 0]
    assert ring.max(axis=0).tolist() == [30, 20]


def test_a_box_has_four_vertices():
    mask = np.zeros((20, 30), bool)
    mask[3:9, 5:7] = True
    assert sorted(mask_to_polygon(mask).tolist()) == [[5, 3], [5, 9], [7, 3], [7, 9]]


def test_an_outline_is_neither_inside_nor_outside_the_edge():
    mask = disc(30, (80, 80))
    ring = mask_to_polygon(mask, tolerance=0.5)
    radii = np.hypot(*(ring - 40).T)
    assert abs(radii.mean() - 30) < 0.2


@settings(deadline=None)
@given(masks)
def test_unsimplified_outlines_give_the_mask_back(mask):
    rings = mask_to_polygons(mask, tolerance=0)
    assert np.array_equal(polygons_to_mask(rings, mask.shape), mask)


@settings(deadline=None)
@given(masks, st.sampled_from([0.5, 1.0, 3.0]))
def test_simplified_outlines_keep_their_iou_even_of_noise(mask, tolerance):
    rings = mask_to_polygons(mask, tolerance)
    assert iou(polygons_to_mask(rings, mask.shape), mask) >= 0.97


@settings(deadline=None, max_examples=60)
@given(shapes(), st.sampled_from([0.5, 1.0, 2.0]))
def test_one_ring_keeps_a_plain_shape(mask, tolerance):
    ring = mask_to_polygon(mask, tolerance, max_vertices=200)
    assert len(ring) <= 200
    assert iou(polygons_to_mask([ring], mask.shape), mask) >= 0.97


@settings(deadline=None, max_examples=60)
@given(shapes(), st.integers(0, 60), st.sampled_from([1.0, 2.0]), st.randoms(use_true_random=False))
def test_one_ring_allows_for_holes_that_it_cannot_have(mask, holes, tolerance, random):
    """Small holes count among what the ring may lose; where they alone are more, the ring keeps to the filled
    part.
    """
    filled, inner = mask, cv2.erode(np.pad(mask.astype(np.uint8), 1), np.ones((5, 5), np.uint8))[1:-1, 1:-1]
    places = np.argwhere(inner)
    assume(len(places) >= holes)
    mask = filled.copy()
    mask[tuple(places[random.sample(range(len(places)), holes)].T)] = False
    again = polygons_to_mask([mask_to_polygon(mask, tolerance)], mask.shape)
    assert iou(again, mask if iou(filled, mask) >= 0.97 else filled) >= 0.97


def test_tightening_ends_at_the_edge_itself():
    """A part of which every pixel counts: a chequered band, as its corners touch."""
    y, x = np.mgrid[:30, :30]
    mask = (x + y) % 2 == 0
    ring = mask_to_polygon(mask, tolerance=5.0)
    part = polygons_to_mask([ring], mask.shape)
    exact = polygons_to_mask([mask_to_polygon(mask, tolerance=0)], mask.shape)
    assert iou(part, exact) >= 0.97


def test_simplification_pays():
    mask = disc(60, (140, 140))
    assert len(mask_to_polygon(mask, tolerance=1.0)) < len(mask_to_polygon(mask, tolerance=0)) / 5


def test_holes_come_last_and_can_be_left_out():
    mask = disc(20, (50, 60)) & ~disc(8, (50, 60))
    mask[:9, :9] = True
    rings = mask_to_polygons(mask)
    assert len(rings) == 3
    areas = [cv2.contourArea(ring.astype(np.float32)) for ring in rings]
    assert areas == pytest.approx([np.pi * 400, 81, np.pi * 64], rel=0.05)
    filled = mask_to_polygons(mask, holes=False)
    assert len(filled) == 2
    assert polygons_to_mask(filled, mask.shape)[25, 30]


def test_the_largest_part_is_the_polygon():
    mask = np.zeros((40, 40), bool)
    mask[2:5, 2:5] = mask[10:30, 10:30] = True
    assert mask_to_polygon(mask).min() >= 10
    mask[15:20, 15:20] = False
    assert polygons_to_mask([mask_to_polygon(mask)], mask.shape)[17, 17]


def test_empty_masks_have_no_outline():
    assert mask_to_polygons(np.zeros((4, 4))) == []
    assert mask_to_polygon(np.zeros((4, 4))) is None


@settings(deadline=None, max_examples=60)
@given(masks, st.integers(4, 9))
def test_max_vertices_holds_for_every_ring(mask, limit):
    for ring in mask_to_polygons(mask, tolerance=0, max_vertices=limit):
        assert 3 <= len(ring) <= limit


def test_max_vertices_still_follows_the_shape():
    mask = disc(40, (100, 100))
    ring = mask_to_polygon(mask, max_vertices=12)
    assert len(ring) <= 12
    assert iou(polygons_to_mask([ring], mask.shape), mask) > 0.9


def test_unusable_points_are_refused():
    for points, reason in {
        (1, 2, 3): "3 coordinates",
        (1, float("nan")): "not a finite",
        (1, float("inf")): "not a finite",
        ((1, 2), (3,)): "pairs",
        ("a", "b"): "pairs",
    }.items():
        with pytest.raises(InputError, match=reason):
            as_points(points)
    with pytest.raises(InputError, match="at least 4"):
        mask_to_polygons(np.ones((3, 3)), max_vertices=3)
