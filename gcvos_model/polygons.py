"""Outlines of a mask, and masks from outlines.

Coordinates are those of CVAT and COCO: a pixel (x, y) covers the square from (x, y) to (x + 1, y + 1), so the
whole of a frame is the rectangle from (0, 0) to (W, H). A pixel belongs to a polygon when its centre does.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from .errors import InputError
from .masks import Mask, tight_box

Ring: TypeAlias = npt.NDArray[np.float64]

MIN_IOU = 0.97  # what a simplified outline must keep of its mask
MIN_TOLERANCE = 0.1  # pixels; below, every vertex is kept


def mask_to_polygons(
    mask: npt.NDArray[np.generic], tolerance: float = 1.0, max_vertices: int | None = None, holes: bool = True
) -> list[Ring]:
    """Return the outlines of a mask.

    Args:
        mask: (H, W), nonzero where the object is. Parts that touch at a corner are one part.
        tolerance: how far, in pixels, an outline may leave the mask's edge to need fewer vertices; it is
            lowered, if need be to 0, until the outlines filled again have an IoU of `MIN_IOU` with the mask.
            0 keeps every vertex.
        max_vertices: at most so many vertices in each ring (at least 4), whatever that costs in IoU.
        holes: whether the outlines of holes are among them.

    Returns:
        Rings (N, 2) of x and y, closed without repeating the first point; the part of the largest area first,
        then the other parts, then the holes, both by falling area. Empty for an empty mask.
        `polygons_to_mask` gives the mask back.

    Raises:
        InputError: fewer than 4 vertices are allowed.
    """
    edges = [ring for ring, _ in _edge_rings(mask, holes)]
    size = mask.shape[:2]
    return _simplify_alike(edges, _crossings(edges, size), size, tolerance, max_vertices)


def mask_to_polygon(
    mask: npt.NDArray[np.generic], tolerance: float = 1.0, max_vertices: int | None = None
) -> Ring | None:
    """Return the outline (N, 2) of the largest part of a mask, its holes filled, or None for an empty mask.

    For formats that know one ring per object; arguments and errors as those of `mask_to_polygons`. The IoU
    is that with the part; with the part and its holes filled, where the holes alone cost more.
    """
    edges = _edge_rings(mask, holes=True)
    if not edges:
        return None
    size, outline = mask.shape[:2], edges[0][0]
    target = _crossings([outline], size)
    if part_holes := [ring for ring, outer in edges[1:] if outer == 0]:
        part = np.concatenate([target, _crossings(part_holes, size)])
        target = part if _iou(target, part) >= MIN_IOU else target
    return _simplify_alike([outline], target, size, tolerance, max_vertices)[0]


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
    toggles = np.zeros(height * (width + 1), np.uint8)
    np.bitwise_xor.at(toggles, _crossings(polygons, size), 1)
    toggles = np.bitwise_xor.accumulate(toggles.reshape(height, width + 1), axis=1)
    return toggles[:, :width].astype(bool)


def _crossings(polygons: Iterable[npt.ArrayLike], size: tuple[int, ...]) -> npt.NDArray[np.int_]:
    """Where the edges of polygons cross the centre lines of rows, in no order.

    A place is row * (W + 1) + the first column right of the crossing, 0 to W. Each row has an even number:
    between its first and second lies the inside, and so on.
    """
    height, width = size
    found = [np.zeros(0, int)]
    for polygon in polygons:
        start = as_points(polygon)
        end = np.concatenate([start[1:], start[:1]])
        # The rows whose centre line y = row + 0.5 each edge crosses; half-open, so vertices count once.
        low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
        first, last = np.ceil(np.stack([low, high]).clip(0, height) - 0.5).astype(int)
        crossings = last - first
        edge = np.repeat(np.arange(len(start)), crossings)
        row = np.arange(len(edge)) - np.repeat(crossings.cumsum() - crossings - first, crossings)
        from_, to = start[edge], end[edge]
        along = (row + 0.5 - from_[:, 1]) / (to[:, 1] - from_[:, 1])
        x = from_[:, 0] + along * (to[:, 0] - from_[:, 0])
        found.append(row * (width + 1) + np.ceil(x.clip(0, width) - 0.5).astype(int))
    return np.concatenate(found)


def _iou(first: npt.NDArray[np.int_], second: npt.NDArray[np.int_]) -> float:
    """IoU of two fillings, given their crossings: no mask is made, the runs from crossing to crossing add up.

    Filled together, by the even-odd rule, they are the pixels in which they differ.
    """
    total, different = _area(first) + _area(second), _area(np.concatenate([first, second]))
    return (total - different) / (total + different) if total else 1.0


def _area(crossings: npt.NDArray[np.int_]) -> int:
    places = np.sort(crossings)
    return int(places[1::2].sum() - places[0::2].sum())


def _edge_rings(mask: npt.NDArray[np.generic], holes: bool) -> list[tuple[Ring, int]]:
    """Trace the edges between object and background through the midpoints of the pixels' sides.

    cv2.findContours runs through pixel centres, half a pixel inside the object. So it traces a lattice of
    twice the resolution instead, where pixels are the odd places and their sides and corners the even ones.
    Of a contour there only the midpoints of sides are kept, as marching squares does: that straightens the
    stairs of slanting edges without moving them in or out, and keeps each pixel's centre on its side.

    Returns:
        Rings in the order of `mask_to_polygons`, each with the place in that order of the part it belongs to.
    """
    box = tight_box(mask)
    if box is None:
        return []
    left, top, right, bottom = box
    lattice = np.zeros((2 * (bottom - top) + 1, 2 * (right - left) + 1), np.uint8)
    lattice[1::2, 1::2] = np.asarray(mask[top:bottom, left:right]) != 0
    squares = cv2.dilate(lattice, np.ones((3, 3), np.uint8))
    mode = cv2.RETR_CCOMP if holes else cv2.RETR_EXTERNAL
    contours, hierarchy = cv2.findContours(squares, mode, cv2.CHAIN_APPROX_NONE)
    parents = hierarchy[0][:, 3].tolist()  # of a hole: its part's contour; of a part: -1
    areas = [cv2.contourArea(contour) for contour in contours]
    order = sorted(range(len(contours)), key=lambda index: (parents[index] >= 0, -areas[index]))
    place = {index: at for at, index in enumerate(order)}
    return [
        (
            _keep_midpoints(contours[index][:, 0].astype(int)) / 2 + (left, top),
            place[index if parents[index] < 0 else parents[index]],
        )
        for index in order
    ]


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


def _simplify_alike(
    edges: Sequence[Ring],
    target: npt.NDArray[np.int_],
    size: tuple[int, ...],
    tolerance: float,
    max_vertices: int | None,
) -> list[Ring]:
    """Simplify rings as far as `tolerance` allows and their IoU with a target (its crossings) keeps to
    `MIN_IOU`.
    """
    if max_vertices is not None and max_vertices < 4:
        raise InputError(f"max_vertices is {max_vertices}, expected at least 4")
    while True:
        simple = [(ring, _simplify(ring, tolerance)) for ring in edges]
        kept = [(ring, few) for ring, few in simple if len(few) >= 3]
        if tolerance == 0 or _iou(_crossings([few for _, few in kept], size), target) >= MIN_IOU:
            break
        tolerance = tolerance / 2 if tolerance > MIN_TOLERANCE else 0
    if max_vertices is None:
        return [few for _, few in kept]
    return [_limit_vertices(ring, few, tolerance, max_vertices) for ring, few in kept]


def _simplify(ring: Ring, tolerance: float) -> Ring:
    """Leave vertices out as Douglas and Peucker do, staying within `tolerance` pixels."""
    simple = cv2.approxPolyDP(ring.astype(np.float32)[:, None], tolerance, True)
    return np.asarray(simple[:, 0], np.float64)


def _limit_vertices(ring: Ring, simple: Ring, tolerance: float, max_vertices: int) -> Ring:
    """Raise the tolerance, at which `ring` became `simple`, until `max_vertices` suffice; a ring that
    collapses becomes its rectangle.
    """
    while len(simple) > max_vertices:
        tolerance = max(1.1 * tolerance, MIN_TOLERANCE)
        simple = _simplify(ring, tolerance)
    if len(simple) >= 3:
        return simple
    (left, top), (right, bottom) = ring.min(axis=0), ring.max(axis=0)
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
