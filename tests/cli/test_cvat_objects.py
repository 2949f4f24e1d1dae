import numpy as np
import pytest

pytest.importorskip("cvat_sdk")

from gcvos_model.cli.cvat_objects import Track, continue_track, start_track, working_short_side
from gcvos_model.cli.cvat_shapes import PolygonStyle, Shape

SQUARE = np.zeros((6, 8), bool)
SQUARE[2:5, 3:6] = True
NOTHING = np.zeros((12, 24), bool)


@pytest.mark.parametrize("shape_type", ["polygon", "mask"])
def test_lost_polygons_and_masks_are_none_and_keep_their_box(shape_type):
    track = Track(shape_type, (6, 8), (3, 2, 6, 5))
    lost, shape = continue_track(track, NOTHING, PolygonStyle())
    assert shape is None
    assert lost == Track(shape_type, (12, 24), (9, 4, 18, 10))
    found, shape = continue_track(lost, SQUARE, PolygonStyle())
    assert shape.type == shape_type
    assert found == track


def test_lost_rectangles_are_the_last_box_at_the_size_of_the_image():
    track, _ = start_track(Shape("rectangle", [3, 2, 6, 5]), SQUARE)
    track, shape = continue_track(track, NOTHING, PolygonStyle())
    assert shape == Shape("rectangle", [9, 4, 18, 10])
    _, shape = continue_track(track, SQUARE, PolygonStyle())
    assert shape == Shape("rectangle", [3, 2, 6, 5])


def test_what_was_drawn_is_answered_as_it_was():
    for shape in (Shape("polygon", [3, 2, 99, 2, 6, 5]), Shape("mask", [0, 9, 3, 2, 5, 4])):
        track, answer = start_track(shape, SQUARE)
        assert answer == shape
        assert track.box == (3, 2, 6, 5)
    track, answer = start_track(Shape("rectangle", [-1, 2, 6, 5]), SQUARE)
    assert answer == Shape("rectangle", [0, 2, 6, 5])


@pytest.mark.parametrize(
    ("size", "short_side"), [((480, 854), 480), ((100, 400), 480), ((100, 1600), 240), ((1, 4000), 16)]
)
def test_strips_are_worked_on_at_the_same_area(size, short_side):
    assert working_short_side(np.zeros((*size, 3), np.uint8), 480) == short_side
