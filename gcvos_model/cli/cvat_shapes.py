"""CVAT's shapes to masks and back, for the three doors into CVAT: the function, the agent and `gcvos cvat
track`.

CVAT counts x and y in pixels from the image's upper left corner; the pixel in column x covers [x, x + 1).
Only a mask's own box is inclusive: its points are run lengths, row by row inside the box, zeros first, then
x1, y1, x2, y2 of the first and the last pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from cvat_sdk.masks import decode_mask, encode_mask

from gcvos_model.errors import InputError
from gcvos_model.masks import Mask, tight_box
from gcvos_model.polygons import mask_to_polygon, polygons_to_mask

ShapeType = Literal["rectangle", "polygon", "mask"]
SHAPE_TYPES: tuple[ShapeType, ...] = ("rectangle", "polygon", "mask")

Frame: TypeAlias = npt.NDArray[np.uint8]
Box: TypeAlias = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels; x2 and y2 are where the box ends, not its last pixel."""

MAX_POLYGON_TRAVEL = 4_000_000
"""Pixels that a polygon's edges may go up and down inside the image: filling it costs memory for each."""


@dataclass(frozen=True)
class Shape:
    """One shape as CVAT has it: its type, and its points (module docstring)."""

    type: ShapeType
    points: list[float]


@dataclass(frozen=True)
class PolygonStyle:
    """How finely a mask is outlined: most vertices, and by how many pixels the outline may leave the edge."""

    max_vertices: int = 200
    tolerance: float = 1.0


def shape_to_mask(shape: Shape, frame: Frame, box_to_mask: Callable[[Frame, Box], npt.NDArray[Any]]) -> Mask:
    """Turn a shape into the mask of its object.

    Args:
        shape: What was drawn; what lies outside the image is cut off.
        frame: The image that it was drawn on, (H, W, 3).
        box_to_mask: Finds the object in a rectangle: (frame, box inside the frame) -> mask (H, W), bool or in
            [0, 1].

    Returns:
        Mask (H, W), with at least one pixel set.

    Raises:
        InputError: Nothing of the shape lies inside the image, or a mask's run lengths are not those of its
            box.
    """
    size = frame.shape[0], frame.shape[1]
    if shape.type == "mask":
        mask = _decode_run_lengths(shape.points, size)
        if not mask.any():
            raise InputError("the mask is empty; expected at least one pixel")
        return mask
    box = clamp_box(shape.points, size)
    if shape.type == "polygon":
        mask = _fill_polygon(shape.points, size)
    elif round(box[0]) < round(box[2]) and round(box[1]) < round(box[3]):
        mask = box_to_mask(frame, box) > 0.5
    else:  # thinner than a pixel
        mask = np.zeros(size, dtype=bool)
    return mask if mask.any() else _centre_pixel(box, size)


def mask_to_shape(mask: Mask, shape_type: ShapeType, style: PolygonStyle = PolygonStyle()) -> Shape | None:
    """Turn a mask into a shape of the type asked for, or None where the mask is empty.

    A rectangle is the mask's box. A CVAT polygon is one ring: the largest part without its holes. A mask
    keeps every part and hole.
    """
    box = tight_box(mask)
    if box is None:
        return None
    if shape_type == "rectangle":
        return Shape("rectangle", [float(edge) for edge in box])
    if shape_type == "mask":
        return Shape("mask", encode_mask(mask, box))
    ring = mask_to_polygon(mask, style.tolerance, style.max_vertices)
    assert ring is not None  # the mask is not empty
    return Shape("polygon", ring.ravel().tolist())


def clamp_box(points: Sequence[float], size: tuple[int, ...]) -> Box:
    """Return the box around all points, cut to the image: x1 < x2 and y1 < y2, all of them inside.

    Args:
        points: x and y in turns.
        size: (H, W) of the image.

    Raises:
        InputError: The box and the image have nothing in common.
    """
    height, width = size[:2]
    x, y = points[0::2], points[1::2]
    x1, x2, y1, y2 = max(min(x), 0), min(max(x), width), max(min(y), 0), min(max(y), height)
    if x1 > x2 or y1 > y2 or x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        raise InputError(f"the shape lies outside the image of {width} x {height} pixels")
    if x1 == x2:  # a line, or a point: the pixel that it is on
        x1, x2 = float(int(x1)), float(int(x1) + 1)
    if y1 == y2:
        y1, y2 = float(int(y1)), float(int(y1) + 1)
    return float(x1), float(y1), float(x2), float(y2)


def scale_box(box: Box, size: tuple[int, ...], new_size: tuple[int, ...]) -> Box:
    """Carry a box from an image of `size` (H, W) to the same place of one of `new_size`."""
    if size == new_size:
        return box
    y, x = (new / old for new, old in zip(new_size[:2], size[:2], strict=True))
    return clamp_box((box[0] * x, box[1] * y, box[2] * x, box[3] * y), new_size)


def _decode_run_lengths(points: Sequence[float], size: tuple[int, ...]) -> Mask:
    height, width = size[:2]
    if len(points) < 5:
        raise InputError(f"the mask has {len(points)} numbers, expected run lengths and the 4 of its box")
    *runs, x1, y1, x2, y2 = points
    area = (x2 - x1 + 1) * (y2 - y1 + 1)
    if not (0 <= x1 <= x2 < width and 0 <= y1 <= y2 < height):
        raise InputError(
            f"the mask's box {x1}, {y1}, {x2}, {y2} is not inside the image of {width} x {height} pixels"
        )
    # decode_mask allocates what the run lengths say before it compares them with the box.
    if min(runs) < 0 or sum(runs) != area:
        raise InputError(f"the mask's run lengths cover {sum(runs)} pixels, its box has {area}")
    try:
        return np.asarray(decode_mask(points, image_width=width, image_height=height), dtype=bool)
    except ValueError as error:
        raise InputError(f"the mask cannot be decoded: {error}") from None


def _fill_polygon(points: Sequence[float], size: tuple[int, ...]) -> Mask:
    y = np.clip(points[1::2], 0, size[0])
    travel = np.abs(np.diff(y, append=y[0])).sum()
    if travel > MAX_POLYGON_TRAVEL:
        raise InputError(
            f"the polygon goes up and down by {travel:.0f} pixels, "
            f"expected at most {MAX_POLYGON_TRAVEL}; simplify it"
        )
    return polygons_to_mask([points], size[:2])


def _centre_pixel(box: Box, size: tuple[int, ...]) -> Mask:
    """The mask of what was drawn so small that no pixel's centre is inside."""
    x, y = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
    mask = np.zeros(size[:2], dtype=bool)
    mask[min(y, size[0] - 1), min(x, size[1] - 1)] = True
    return mask
