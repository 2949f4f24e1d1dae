"""Outlines of a mask, and masks from outlines.

Coordinates are those of CVAT and COCO: a pixel (x, y) covers the square from (x, y) to (x + 1, y + 1), so the
whole of a frame is the rectangle from (0, 0) to (W, H). A pixel belongs to a polygon when its centre does.
"""

from collections.abc import Iterable
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from .errors import InputError
from .masks import Mask

Ring: TypeAlias = npt.NDArray[np.float64]

MIN_IOU = 0.97  # what a simplified outline must keep of its mask


def mask_to_polygons(
    mask: npt.NDArray[np.generic], tolerance: float = 1.0, max_vertices: int | None = None, holes: bool = True
) -> list[Ring]:
    """Return the outlines of a mask.

    Args:
        mask: (H, W), nonzero where the object is. Parts that touch at a corner are one part.
        tolerance: how far, in pixels, an outline may leave the mask's edge to need fewer vertices; it is
            lowered for a mask that would lose more than 3% of IoU by it (thin or tiny ones). 0 keeps every
            vertex.
        max_vertices: at most so many vertices in each ring (at least 4), whatever that costs in IoU.
        holes: whether the outlines of holes are among them.

    Returns:
        Rings (N, 2) of x and y, closed without repeating the first point; the part of the largest area first,
        then the other parts, then the holes, both by falling area. Empty for an empty mask.
        `polygons_to_mask` gives the mask back.
    """
    if max_vertices is not None and max_vertices < 4:
        raise InputError(f"max_vertices is {max_vertices}, expected at least 4")
    edges = _edge_rings(mask, holes)
    if not edges:
        return []
    target = polygons_to_mask(edges, mask.shape[:2])
    while True:
        rings = [simple for ring in edges if len(simple := _simplify(ring, tolerance)) >= 3]
        if tolerance < 0.1 or _iou(polygons_to_mask(rings, mask.shape[:2]), target) >= MIN_IOU:
            break
        tolerance /= 2
    if max_vertices is not None:
        rings = [_limit_vertices(ring, max_vertices) for ring in rings]
    return rings


def mask_to_polygon(
    mask: npt.NDArray[np.generic], tolerance: float = 1.0, max_vertices: int | None = None
) -> Ring | None:
    """Return the outline (N, 2) of the largest part of a mask, its holes filled, or None for an empty mask.

    For formats that know one ring per object; arguments as those of `mask_to_polygons`.
    """
    edges = _edge_rings(mask, holes=False)
    if not edges:
        return None
    return mask_to_polygons(polygons_to_mask(edges[:1], mask.shape[:2]), tolerance, max_vertices)[0]


def as_points(points: npt.ArrayLike) -> Ring:
    """Return points, given as pairs or flat (x1, y1, x2, y2, ...), as one array (N, 2).

    Raises:
        InputError: not numbers, not in pairs, or not finite.
    """
    try:
        flat = np.asarray(points, np.float64).ravel()
    except (TypeError, ValueError):
        raise InputError(
            "the points are not all pairs of numbers; expected (x, y) pairs or x1, y1, x2, y2, ..."
        ) from None
    if flat.size % 2:
        raise InputError(f"got {flat.size} coordinates, expected an even number: x1, y1, x2, y2, ...")
    if not np.isfinite(flat).all():
        raise InputError("a coordinate is not a finite number; give positions in pixels")
    return flat.reshape(-1, 2)


def polygons_to_mask(polygons: Iterable[npt.ArrayLike], size: tuple[int, ...]) -> Mask:
    """Fill rings by the even-odd rule: a pixel is set when its centre lies inside an odd number of them.

    So a ring inside another is a hole, whatever their directions. Parts outside the frame are left out.

    Args:
        polygons: rings, each (N, 2) of x and y, or flat as COCO has them (2 N).
        size: (H, W) of the mask.

    Raises:
        InputError: as `as_points`.
    """
    height, width = size
    toggles = np.zeros((height, width + 1), np.uint8)
    for polygon in polygons:
        start = as_points(polygon)
        end = np.roll(start, -1, axis=0)
        # The rows whose centre line y = row + 0.5 each edge crosses; half-open, so vertices count once.
        ends_y = np.stack([start[:, 1], end[:, 1]]).clip(0, height)
        first, last = np.ceil(np.sort(ends_y, axis=0) - 0.5).astype(int)
        crossings = last - first
        edge = np.repeat(np.arange(len(start)), crossings)
        row = np.arange(len(edge)) - np.repeat(crossings.cumsum() - crossings - first, crossings)
        along = (row + 0.5 - start[edge, 1]) / (end - start)[edge, 1]
        x = start[edge, 0] + along * (end - start)[edge, 0]
        column = np.ceil(x.clip(0, width) - 0.5).astype(int)
        np.bitwise_xor.at(toggles, (row, column), 1)
    return np.bitwise_xor.accumulate(toggles, axis=1)[:, :width].astype(bool)


def _edge_rings(mask: npt.NDArray[np.generic], holes: bool) -> list[Ring]:
    """Trace the edges between object and background through the midpoints of the pixels' sides.

    cv2.findContours runs through pixel centres, half a pixel inside the object. So it traces a lattice of
    twice the resolution instead, where pixels are the odd places and their sides and corners the even ones.
    Of a contour there only the midpoints of sides are kept, as marching squares does: that straightens the
    stairs of slanting edges without moving them in or out, and keeps each pixel's centre on its side.
    """
    pixels = np.asarray(mask) != 0
    lattice = np.zeros((2 * pixels.shape[0] + 1, 2 * pixels.shape[1] + 1), np.uint8)
    lattice[1::2, 1::2] = pixels
    lattice = cv2.dilate(lattice, np.ones((3, 3), np.uint8))
    mode = cv2.RETR_CCOMP if holes else cv2.RETR_EXTERNAL
    contours, hierarchy = cv2.findContours(lattice, mode, cv2.CHAIN_APPROX_NONE)
    found = []
    for index, contour in enumerate(contours):
        ring = _keep_midpoints(contour[:, 0].astype(int)) / 2
        found.append((hierarchy[0][index][3] >= 0, -cv2.contourArea(contour), ring))
    return [ring for *_, ring in sorted(found, key=lambda entry: entry[:2])]


def _keep_midpoints(points: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
    """Keep of a lattice contour the midpoints of sides (one coordinate odd, the other even) and true corners.

    A corner is true where both its legs run straight for at least one and a half pixels: that of a box, not
    of a stair.
    """
    before, after = points - np.roll(points, 3, axis=0), np.roll(points, -3, axis=0) - points
    legs_straight = (np.abs(before).sum(axis=1) == 3) & (np.abs(after).sum(axis=1) == 3)
    corner = (
        legs_straight & ((before * after).sum(axis=1) == 0) & (before.min(axis=1) * before.max(axis=1) == 0)
    )
    return points[np.flatnonzero(corner | (points.sum(axis=1) % 2 == 1))]


def _simplify(ring: Ring, tolerance: float) -> Ring:
    """Leave vertices out as Douglas and Peucker do, staying within `tolerance` pixels."""
    simple = cv2.approxPolyDP(ring.astype(np.float32)[:, None], tolerance, True)
    return np.asarray(simple[:, 0], np.float64)


def _limit_vertices(ring: Ring, max_vertices: int) -> Ring:
    """Raise the tolerance until `max_vertices` suffice; a ring that collapses becomes its rectangle."""
    tolerance, simple = 0.5, ring
    while len(simple) > max_vertices:
        simple = _simplify(ring, tolerance)
        tolerance *= 1.25
    if len(simple) >= 3:
        return simple
    (left, top), (right, bottom) = ring.min(axis=0), ring.max(axis=0)
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def _iou(first: Mask, second: Mask) -> float:
    union = int(np.count_nonzero(first | second))
    return np.count_nonzero(first & second) / union if union else 1.0
