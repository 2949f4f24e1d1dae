"""One tracked object as the doors into CVAT know it, beside its `ObjectMemory`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gcvos_model.box_refinement import boxes_to_masks
from gcvos_model.cli.cvat_shapes import (
    Box,
    Frame,
    PolygonStyle,
    Shape,
    ShapeType,
    clamp_box,
    mask_to_shape,
    scale_box,
    shape_to_mask,
)
from gcvos_model.errors import InputError
from gcvos_model.masks import Mask, tight_box
from gcvos_model.network.network import Features, GCNetwork

FULL_RATIO = 4
"""Up to this ratio of a frame's sides the working resolution is as asked for; beyond, the area stays the
same.
"""


@dataclass(frozen=True)
class Track:
    """The type that an object's shape came in, and where it was last seen."""

    shape_type: ShapeType
    size: tuple[int, int]
    """Height and width of the image that `box` belongs to; the images of one task may differ."""

    box: Box
    """What a lost rectangle answers."""


class EncodingOnce:
    """A model as one image sees it: it encodes that image when it is first asked to, and then knows the
    features.

    Boxes that become masks and objects that go on want the same features, and the query encoder is most of
    the work. To the core it is the model.
    """

    def __init__(self, model: GCNetwork) -> None:
        self._model = model
        self._features: Features | None = None

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Features:
        """See `GCNetwork.encode`; `pixels` must be the same each time."""
        if self._features is None:
            self._features = self._model.encode(pixels)
        return self._features

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def drawn_mask(shape: Shape, frame: Frame, model: GCNetwork, short_side: int) -> Mask:
    """The mask (H, W) of a drawn shape; what a rectangle holds is found by the network.

    Raises:
        InputError: See `shape_to_mask`.
    """
    return shape_to_mask(
        shape, frame, lambda frame, box: boxes_to_masks(model, frame, [box], short_side=short_side)[0]
    )


def start_track(shape: Shape, mask: Mask) -> tuple[Track, Shape]:
    """Begin with a drawn shape.

    Args:
        shape: What was drawn.
        mask: What `shape_to_mask` made of it, (H, W), not empty.

    Returns:
        The track, and the shape to answer with: as it was drawn; only a rectangle is cut to the image, since
        for a box beyond it the UI would start the object anew at every frame.
    """
    size = mask.shape[0], mask.shape[1]
    if shape.type == "rectangle":
        box = clamp_box(shape.points, size)
        return Track("rectangle", size, box), Shape("rectangle", list(box))
    seen = tight_box(mask)
    if seen is None:
        raise InputError("the shape is empty; expected at least one pixel")
    return Track(shape.type, size, seen), shape


def continue_track(track: Track, mask: Mask, style: PolygonStyle) -> tuple[Track, Shape | None]:
    """Go on with the object's mask (H, W) on the next frame.

    Returns:
        The track, and the shape to answer with, in the type that the object came in. A lost polygon or mask
        is None. A lost rectangle is the last box: for a None the UI drops all objects of the request.
    """
    size = mask.shape[0], mask.shape[1]
    box = tight_box(mask) or scale_box(track.box, track.size, size)
    shape = mask_to_shape(mask, track.shape_type, style)
    if shape is None and track.shape_type == "rectangle":
        shape = Shape("rectangle", list(box))
    return Track(track.shape_type, size, box), shape


def working_short_side(frame: Frame, short_side: int) -> int:
    """Return the working resolution for a frame, lowered for a strip, whose long side would outgrow any
    memory.
    """
    height, width = frame.shape[:2]
    ratio = max(height, width) / min(height, width)
    return max(16, round(short_side * min(1.0, math.sqrt(FULL_RATIO / ratio))))
