"""The tracker as a CVAT agent's function, for CVAT Online and Enterprise.

    cvat-cli function create-native 'GC video objects' --function-file func.py
    cvat-cli function run-agent FUNCTION_ID --function-file func.py -p model=str:gcvos-lite -p device=str:auto

The interface is `TrackingFunction` of `cvat_sdk.auto_annotation`. The agent keeps each object's state in its
own process, so one agent has to follow an object from beginning to end; a state has a constant size.
"""

from dataclasses import dataclass
from typing import Any

import cvat_sdk.auto_annotation as cvataa
import PIL.Image
import torch

from gcvos_model import ObjectMemory, Propagator, load_model
from gcvos_model.cli.cvat_frames import to_frame
from gcvos_model.cli.cvat_objects import (
    EncodingOnce,
    Track,
    continue_track,
    drawn_mask,
    start_track,
    working_short_side,
)
from gcvos_model.cli.cvat_shapes import SHAPE_TYPES, Frame, PolygonStyle, Shape
from gcvos_model.errors import InputError
from gcvos_model.inputs import frame_pixels, working_size

# cvat-cli loads this file without entering it into sys.modules, so annotations that are text, which dataclasses
# look up there, would fail.


@dataclass
class ObjectState:
    """One object between two images; the agent keeps it."""

    track: Track
    memory: ObjectMemory


@dataclass(frozen=True)
class EncodedImage:
    """An image, and the model as it sees this image."""

    frame: Frame
    short_side: int
    """The working resolution."""

    model: Any


class GlobalContextTracker:
    """A `cvat_sdk.auto_annotation.TrackingFunction`."""

    spec = cvataa.TrackingFunctionSpec(supported_shape_types=frozenset(SHAPE_TYPES))

    def __init__(self, model: Any, short_side: int, style: PolygonStyle) -> None:
        self._model, self._short_side, self._style = model, short_side, style

    def preprocess_image(
        self, context: cvataa.TrackingFunctionContext, image: PIL.Image.Image
    ) -> EncodedImage:
        """Decode the image and encode it by the network, once for all objects."""
        frame = to_frame(image)
        short_side = working_short_side(frame, self._short_side)
        model = EncodingOnce(self._model)
        model.encode(frame_pixels(frame, working_size(frame.shape[:2], short_side), self._model))
        return EncodedImage(frame, short_side, model)

    def init_tracking_state(
        self,
        context: cvataa.TrackingFunctionShapeContext,
        pp_image: EncodedImage,
        shape: cvataa.TrackableShape,
    ) -> ObjectState:
        """Begin with a drawn shape."""
        frame, short_side, encoded = pp_image.frame, pp_image.short_side, pp_image.model
        drawn = Shape(shape.type, shape.points)
        try:
            mask = drawn_mask(drawn, frame, encoded, short_side)
        except InputError as error:
            raise cvataa.BadFunctionError(str(error)) from None
        propagator = Propagator(encoded, short_side=short_side)
        propagator.annotate(frame, {1: mask})
        return ObjectState(start_track(drawn, mask)[0], propagator.memories[1])

    def track(
        self, context: cvataa.TrackingFunctionShapeContext, pp_image: EncodedImage, state: ObjectState
    ) -> cvataa.TrackableShape | None:
        """Find the object on the next image; the state goes on to it."""
        propagator = Propagator(pp_image.model, short_side=pp_image.short_side, memories={1: state.memory})
        labels = propagator.step(pp_image.frame).labels
        state.track, shape = continue_track(state.track, labels == 1, self._style)
        state.memory = propagator.memories[1]
        return None if shape is None else cvataa.TrackableShape(type=shape.type, points=shape.points)


def create(
    model: str = "gcvos-lite",
    device: str = "auto",
    precision: str = "auto",
    short_side: int = 480,
    threads: int = 0,
    polygon_vertices: int = 200,
    polygon_tolerance: float = 1.0,
) -> GlobalContextTracker:
    """Make the function; the agent hands its `-p NAME=TYPE:VALUE` here.

    Args:
        model: A model's name, or the path of a .safetensors file.
        device: auto, cpu or cuda.
        precision: auto, int8, float32, bfloat16 or float16.
        short_side: Working resolution: the image's short side in pixels.
        threads: Of PyTorch; 0 leaves it to PyTorch.
        polygon_vertices: Most vertices of a returned polygon.
        polygon_tolerance: By how many pixels a polygon may leave the contour.

    Raises:
        GCVOSError: The model or the device is not there.
    """
    if threads:
        torch.set_num_threads(threads)
    network = load_model(model, device=device, precision=precision)
    return GlobalContextTracker(network, short_side, PolygonStyle(polygon_vertices, polygon_tolerance))
