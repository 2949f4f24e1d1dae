"""Masks from boxes, polygons and polylines: what an annotator gives instead of a mask.

Coordinates are pixels of the frame, with pixel (x, y) covering the square from (x, y) to (x + 1, y + 1).
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .masks import Mask
from .polygons import as_points, polygons_to_mask

_ADVICE = "give positions in pixels of this frame"


def fill_box(box: Sequence[float], size: tuple[int, int]) -> Mask:
    """Fill a box; what in it is the object, `box_refinement.boxes_to_masks` finds.

    Args:
        box: (x1, y1, x2, y2) of the box's edges; parts outside the frame are cut off.
        size: (H, W) of the frame.

    Returns:
        (H, W), never empty.

    Raises:
        InputError: not four finite numbers, an empty box, or no pixel of the frame in it.
    """
    corners = as_points(box)
    if len(corners) != 2:
        raise InputError(f"a box of {corners.size} numbers, expected four: x1, y1, x2, y2")
    (x1, y1), (x2, y2) = corners.tolist()
    if x2 <= x1 or y2 <= y1:
        raise InputError(f"the box {x1:g}, {y1:g}, {x2:g}, {y2:g} is empty; expected x1 < x2 and y1 < y2")
    (left, top), (right, bottom) = np.rint(corners.clip(0, size[::-1])).astype(int).tolist()
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    if not mask.any():
        raise InputError(
            f"the box {x1:g}, {y1:g}, {x2:g}, {y2:g} covers no pixel of the frame of {_words(size)}; "
            f"{_ADVICE}"
        )
    return mask


def polygon_to_mask(points: npt.ArrayLike, size: tuple[int, int]) -> Mask:
    """Fill a polygon.

    Args:
        points: at least three (x, y), or flat: x1, y1, x2, y2, ...
        size: (H, W) of the frame; parts outside are cut off.

    Returns:
        (H, W), never empty.

    Raises:
        InputError: fewer than three points, numbers that are not finite, or no pixel's centre inside.
    """
    ring = as_points(points)
    if len(ring) < 3:
        raise InputError(f"a polygon of {len(ring)} points, expected at least 3")
    mask = polygons_to_mask([ring], size)
    if not mask.any():
        raise InputError(
            f"the polygon {_extent(ring)} covers no pixel of the frame of {_words(size)}; {_ADVICE}"
        )
    return mask


def polyline_to_mask(points: npt.ArrayLike, size: tuple[int, int], thickness: float = 5.0) -> Mask:
    """Draw an open line, such as a stroke along an object.

    Args:
        points: at least two (x, y), or flat: x1, y1, x2, y2, ...
        size: (H, W) of the frame; parts outside are cut off.
        thickness: of the line in pixels, with round ends: what lies within half of it.

    Returns:
        (H, W), never empty.

    Raises:
        InputError: fewer than two points, numbers that are not finite, a thickness below 1, or no pixel
            reached.
    """
    line = as_points(points)
    if len(line) < 2:
        raise InputError(f"a polyline of {len(line)} points, expected at least 2")
    if not 1 <= thickness < np.inf:
        raise InputError(f"a line {thickness} pixels thick, expected at least 1")
    mask = np.zeros(size, bool)
    for start, end in pairwise(line):
        _add_segment(mask, start, end, thickness / 2)
    if not mask.any():
        raise InputError(
            f"the polyline {_extent(line)} meets no pixel of the frame of {_words(size)}; {_ADVICE}"
        )
    return mask


def _add_segment(
    mask: Mask, start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], radius: float
) -> None:
    """Set in a mask (H, W) the pixels whose centres lie within `radius` of a segment."""
    reach = np.stack([np.minimum(start, end) - radius, np.maximum(start, end) + radius + 1])
    (left, top), (right, bottom) = reach.clip(0, mask.shape[::-1]).astype(int)
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    direction = end - start
    along = (x - start[0]) * direction[0] + (y - start[1]) * direction[1]
    along = (along / max(float(direction @ direction), 1e-12)).clip(0, 1)
    distance = np.hypot(x - start[0] - along * direction[0], y - start[1] - along * direction[1])
    mask[top:bottom, left:right] |= distance <= radius


def _extent(points: npt.NDArray[np.float64]) -> str:
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return f"from x {left:g} to {right:g} and y {top:g} to {bottom:g}"


def _words(size: Sequence[int]) -> str:
    return f"{size[1]} x {size[0]} pixels (width x height)"
