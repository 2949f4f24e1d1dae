"""Masks from boxes, polygons and polylines: what an annotator gives instead of a mask.

Coordinates are pixels of the frame, with pixel (x, y) covering the square from (x, y) to (x + 1, y + 1).
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from .errors import InputError
from .masks import Mask
from .polygons import as_points, polygons_to_mask

GRABCUT_SIDE = (
    256  # GrabCut's time grows with the area; half this side costs 8 points of IoU, more brings nothing
)
GRABCUT_ROUNDS = 2  # more do not help either
MARGIN = 0.3  # of the box's sides: how much background around the box GrabCut learns from
MIN_SHARE = 0.05  # of the box: an object that fills less of its box is taken for a failure

_ADVICE = "give positions in pixels of this frame"


def box_to_mask(frame: npt.NDArray[np.uint8], box: Sequence[float]) -> Mask:
    """Segment the object in a box with GrabCut (Rother et al., 2004), the background learned from around it.

    Where GrabCut fails (nothing around the box to learn from, next to nothing left in it), the mask is the
    whole box.

    Args:
        frame: uint8 RGB (H, W, 3).
        box: (x1, y1, x2, y2) of the box's edges; parts outside the frame are cut off.

    Returns:
        (H, W), never empty, within the box.

    Raises:
        InputError: not four finite numbers, an empty box, or one outside the frame.
    """
    left, top, right, bottom = _pixels_in_box(box, frame.shape[:2])
    mask = np.zeros(frame.shape[:2], bool)
    mask[top:bottom, left:right] = True
    margin_x, margin_y = round(MARGIN * (right - left)) + 2, round(MARGIN * (bottom - top)) + 2
    crop = (
        slice(max(0, top - margin_y), min(frame.shape[0], bottom + margin_y)),
        slice(max(0, left - margin_x), min(frame.shape[1], right + margin_x)),
    )
    found = _grabcut(frame[crop], mask[crop]) & mask[crop]
    if found.sum() >= MIN_SHARE * mask.sum():
        mask[crop] = found
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


def _pixels_in_box(box: Sequence[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the box as whole pixels (left, top, right, bottom), the last two exclusive, within the frame."""
    corners = as_points(box)
    if len(corners) != 2:
        raise InputError(f"a box of {corners.size} numbers, expected four: x1, y1, x2, y2")
    (x1, y1), (x2, y2) = corners.tolist()
    if x2 <= x1 or y2 <= y1:
        raise InputError(f"the box {x1:g}, {y1:g}, {x2:g}, {y2:g} is empty; expected x1 < x2 and y1 < y2")
    (left, top), (right, bottom) = np.rint(corners.clip(0, size[::-1])).astype(int).tolist()
    if left >= right or top >= bottom:
        raise InputError(
            f"the box {x1:g}, {y1:g}, {x2:g}, {y2:g} covers no pixel of the frame of {_words(size)}; "
            f"{_ADVICE}"
        )
    return left, top, right, bottom


def _grabcut(image: npt.NDArray[np.uint8], inside: Mask) -> Mask:
    """Return what GrabCut finds of an image (H, W, 3), given what lies in the box; nothing where it fails."""
    scale = min(1.0, GRABCUT_SIDE / max(image.shape[:2]))
    width, height = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    small_inside = cv2.resize(inside.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    state = np.where(small_inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    models = np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)  # its clustering draws at random; the same box must give the same mask
    try:
        cv2.grabCut(small, state, (0, 0, 0, 0), models[0], models[1], GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # no background at all: the box is the whole frame
        return np.zeros_like(inside)
    found = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(cv2.resize(found, inside.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5)


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
