"""Answers one request: decode, one pass of the network for all objects, encode. Nothing is kept between."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pybase64

from gcvos_function.errors import RequestError
from gcvos_function.images import decode_image
from gcvos_function.settings import Settings
from gcvos_function.states import TrackState, pack_state, unpack_state
from gcvos_function.timings import Timings
from gcvos_function.wire import Item, format_shape, parse_request
from gcvos_model import Propagator
from gcvos_model.cli.cvat_objects import (
    EncodingOnce,
    continue_track,
    drawn_mask,
    start_track,
    working_short_side,
)
from gcvos_model.cli.cvat_shapes import Frame, PolygonStyle, Shape
from gcvos_model.errors import InputError
from gcvos_model.masks import Mask
from gcvos_model.network.network import GCNetwork


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
            states = self._unpack(request.items)
        with timings.measure("decode"):
            frame = decode_image(request.image, self.settings.max_pixels)
        answer: dict[str, list[Any]] = {"shapes": [], "states": []}
        if not request.items:
            return answer
        drawn = {number: item.shape for number, item in enumerate(request.items, 1) if item.shape is not None}
        model: Any = EncodingOnce(self.model)
        short_side = working_short_side(frame, self.settings.short_side)
        masks = {}
        for number, shape in drawn.items():
            with timings.measure("boxes" if shape.type == "rectangle" else "shapes"):
                masks[number] = _drawn_mask(number, shape, frame, model, short_side)
        with timings.measure("network"):
            memories = {number: state.memory for number, state in states.items()}
            propagator = Propagator(model, short_side=short_side, memories=memories)
            result = propagator.annotate(frame, masks) if masks else propagator.step(frame)
        for number, item in enumerate(request.items, 1):
            with timings.measure("shapes"):
                track, shape = (
                    start_track(drawn[number], masks[number])
                    if number in drawn
                    else continue_track(states[number].track, result.labels == number, self._style)
                )
            with timings.measure("states"):
                legacy = item.legacy if number in drawn else states[number].legacy
                state = TrackState(track, legacy, propagator.memories[number])
                answer["states"].append(pack_state(state, self.model.config.annotated_apart))
            answer["shapes"].append(format_shape(shape, legacy))
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

    def _unpack(self, items: tuple[Item, ...]) -> dict[int, TrackState]:
        """The states of the objects that continue, by their number in the request, from 1."""
        return {
            number: unpack_state(item.state, self.model.digest, f"states[{number - 1}]")
            for number, item in enumerate(items, 1)
            if item.state is not None
        }


def _drawn_mask(number: int, shape: Shape, frame: Frame, model: Any, short_side: int) -> Mask:
    try:
        return drawn_mask(shape, frame, model, short_side)
    except InputError as error:
        raise RequestError(f"shapes[{number - 1}]: {error}") from None
