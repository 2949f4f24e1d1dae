"""Answers one request: decode, one pass of the network for all objects, encode. Nothing is kept between."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pybase64

from gcvos_function.errors import RequestError, TooLargeError
from gcvos_function.images import decode_image
from gcvos_function.settings import Settings
from gcvos_function.states import Track, pack_state, unpack_state
from gcvos_function.timings import Timings
from gcvos_function.wire import Item, format_shape, parse_request
from gcvos_model import ObjectMemory, Propagator
from gcvos_model.cli.cvat_shapes import (
    Frame,
    PolygonStyle,
    Shape,
    clamp_box,
    mask_to_shape,
    scale_box,
    shape_to_mask,
)
from gcvos_model.errors import InputError
from gcvos_model.masks import Mask, tight_box
from gcvos_model.network.network import GCNetwork
from gcvos_model.prompts import box_to_mask

FULL_RATIO = 4
"""Up to this ratio of an image's sides the working resolution is as asked for; beyond, the area stays the same."""

MAX_RATIO = 64


class Tracker:
    """A loaded model and the settings it answers with. It holds nothing of any request."""

    def __init__(self, model: GCNetwork, settings: Settings) -> None:
        self.model = model
        self.settings = settings
        self._style = PolygonStyle(settings.polygon_vertices, settings.polygon_tolerance)

    def answer(self, body: Any, timings: Timings) -> dict[str, list[Any]]:
        """Answer one request of CVAT.

        All objects, those that start and those that continue, go through the network together: the image is
        decoded and query-encoded once, whatever their number.

        Args:
            body: The request's body: a dict as nuclio parses it, or bytes.
            timings: Receives how long each stage took.

        Returns:
            `{"shapes": [...], "states": [...]}`, one of each for each object, in the request's order.

        Raises:
            RequestError: The request cannot be answered; its `status` says how.
        """
        with timings.measure("parse"):
            request = parse_request(body, self.settings.max_objects)
        with timings.measure("states"):
            tracks, memories = self._unpack(request.items)
        with timings.measure("decode"):
            frame = decode_image(request.image, self.settings.max_pixels)
        answer: dict[str, list[Any]] = {"shapes": [], "states": []}
        if not request.items:
            return answer
        starts = {
            number: item.shape for number, item in enumerate(request.items, 1) if item.shape is not None
        }
        with timings.measure("prompts"):
            masks = {number: _start_mask(number, shape, frame) for number, shape in starts.items()}
        with timings.measure("network"):
            short_side = _working_short_side(frame.shape, self.settings.short_side)
            propagator = Propagator(self.model, short_side=short_side, memories=memories)
            result = propagator.annotate(frame, masks) if masks else propagator.step(frame)
        for number, item in enumerate(request.items, 1):
            with timings.measure("shapes"):
                if number in starts:
                    track, shape = _start_track(starts[number], item.legacy, masks[number], frame)
                else:
                    track, shape = _continue_track(tracks[number], result.labels == number, self._style)
                answer["shapes"].append(format_shape(shape, track.legacy))
            with timings.measure("states"):
                memory = propagator.memories[number]
                answer["states"].append(pack_state(track, memory, self.model.config.annotated_apart))
        return answer

    def warm_up(self, size: tuple[int, int] = (480, 854)) -> None:
        """Start and continue a track on a grey image of `size` (H, W), so that no user waits for what happens
        once.
        """
        _, png = cv2.imencode(".png", np.full(size, 127, np.uint8))
        image = pybase64.b64encode_as_string(png.tobytes())
        box = [size[1] / 4, size[0] / 4, size[1] / 2, size[0] / 2]
        started = self.answer({"image": image, "shapes": [box], "states": []}, Timings())
        self.answer({"image": image, "shapes": [None], "states": started["states"]}, Timings())

    def _unpack(self, items: tuple[Item, ...]) -> tuple[dict[int, Track], dict[int, ObjectMemory]]:
        """Tracks and memories of the objects that continue, by their number in the request, from 1."""
        tracks, memories = {}, {}
        for number, item in enumerate(items, 1):
            if item.state is not None:
                tracks[number], memories[number] = unpack_state(
                    item.state, self.model.digest, f"states[{number - 1}]"
                )
        return tracks, memories


def _start_mask(number: int, shape: Shape, frame: Frame) -> Mask:
    try:
        return shape_to_mask(shape, frame, box_to_mask)
    except InputError as error:
        raise RequestError(f"shapes[{number - 1}]: {error}") from None


def _working_short_side(shape: tuple[int, ...], short_side: int) -> int:
    """The working resolution, lowered for a strip, whose long side would grow beyond any memory.

    Raises:
        TooLargeError: A strip so thin that nothing can be made of it.
    """
    height, width = shape[:2]
    ratio = max(height, width) / min(height, width)
    if ratio > MAX_RATIO:
        raise TooLargeError(f"image: {width} x {height} pixels, one side may be {MAX_RATIO} times the other")
    return max(16, round(short_side * min(1.0, math.sqrt(FULL_RATIO / ratio))))


def _start_track(shape: Shape, legacy: bool, mask: Mask, frame: Frame) -> tuple[Track, Shape | None]:
    """Answer the shape as it was drawn.

    Only a rectangle is cut to the image: for a box beyond it the UI would start the object anew at every frame.
    """
    size = frame.shape[0], frame.shape[1]
    if shape.type == "rectangle":
        box = clamp_box(shape.points, size)
        return Track("rectangle", legacy, size, box), Shape("rectangle", list(box))
    seen = tight_box(mask)
    assert seen is not None  # shape_to_mask gives at least one pixel
    return Track(shape.type, legacy, size, seen), shape


def _continue_track(track: Track, mask: Mask, style: PolygonStyle) -> tuple[Track, Shape | None]:
    """Answer the mask in the type that the track came in.

    A lost polygon or mask is None. A lost rectangle is the last box: for a null the UI drops all objects of
    the request.
    """
    size = mask.shape[0], mask.shape[1]
    box = tight_box(mask) or scale_box(track.box, track.size, size)
    shape = mask_to_shape(mask, track.shape_type, style)
    if shape is None and track.shape_type == "rectangle":
        shape = Shape("rectangle", list(box))
    return Track(track.shape_type, track.legacy, size, box), shape
