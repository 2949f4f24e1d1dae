"""The agent's function, driven as `cvat_cli._internal.agent_driver_tracking` of cvat-cli 2.80 drives it."""

import importlib.util
import io

import attrs
import cvat_sdk.auto_annotation as cvataa
import numpy as np
import pytest
from cvat_sdk.masks import decode_mask, encode_mask
from function_folder import ROOT, SHORT_SIDE
from PIL import Image

from gcvos_model import Propagator

FILE = ROOT / "serverless" / "agent" / "func.py"


@attrs.frozen(kw_only=True)
class Context(cvataa.TrackingFunctionShapeContext):
    original_shape_type: str


class Agent:
    """What an agent does with a function: a table of states by ids, one image at a time, one object after
    another.
    """

    def __init__(self, function):
        self.function, self.states = function, {}

    def init_tracking(self, image, shapes):
        preprocessed = self.function.preprocess_image(Context(original_shape_type=""), image)
        for shape in shapes:
            assert shape.type in self.function.spec.supported_shape_types
            context = Context(original_shape_type=shape.type)
            state = self.function.init_tracking_state(context, preprocessed, shape)
            self.states[f"state-{len(self.states)}"] = (state, shape.type, image.size)
        return list(self.states)[-len(shapes) :]

    def track(self, image, ids):
        preprocessed = self.function.preprocess_image(Context(original_shape_type=""), image)
        found = []
        for state, shape_type, size in (self.states[key] for key in ids):
            assert image.size == size
            shape = self.function.track(Context(original_shape_type=shape_type), preprocessed, state)
            assert shape is None or shape.type == shape_type
            found.append(attrs.asdict(shape) if shape else None)
        return found


def load(**parameters):
    """As `FunctionLoader` of cvat-cli: from the file, under a name of its own."""
    spec = importlib.util.spec_from_file_location("__cvat_function__", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.create(**parameters)


@pytest.fixture(scope="module")
def function(checkpoint):
    return load(model=str(checkpoint), device="cpu", precision="float32", short_side=SHORT_SIDE, threads=1)


def shapes_of(mask):
    rows, columns = np.nonzero(mask)
    x1, y1, x2, y2 = (int(edge) for edge in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    return [
        cvataa.TrackableShape(type="rectangle", points=[x1, y1, x2, y2]),
        cvataa.TrackableShape(type="polygon", points=[x1, y1, x2, y1, x2, y2, x1, y2]),
        cvataa.TrackableShape(type="mask", points=encode_mask(mask)),
    ]


def images_of(frames):
    for frame in frames:
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "PNG")
        yield Image.open(buffer)


def test_all_types_come_back_as_they_were(function, clip):
    frames, masks = clip
    agent = Agent(function)
    first, *others = images_of(frames)
    ids = agent.init_tracking(first, shapes_of(masks[0]))
    for image in others:
        rectangle, *_ = agent.track(image, ids)
        x1, y1, x2, y2 = rectangle["points"]
        assert 0 <= x1 < x2 <= 64
        assert 0 <= y1 < y2 <= 48


def test_each_object_is_tracked_as_if_it_were_alone(function, clip):
    """The agent asks for one after the other on one preprocessed image, so none may leave a trace in it."""
    frames, masks = clip
    second = np.zeros_like(masks[0])
    second[30:44, 40:60] = True
    agent = Agent(function)
    first, *others = images_of(frames)
    ids = agent.init_tracking(first, [shapes_of(mask)[2] for mask in (masks[0], second)])
    alone = [Propagator(function._model, short_side=SHORT_SIDE) for _ in ids]
    for propagator, mask in zip(alone, (masks[0], second), strict=True):
        propagator.annotate(frames[0], {1: mask})
    for image, frame in zip(others, frames[1:], strict=True):
        for shape, propagator in zip(agent.track(image, ids), alone, strict=True):
            expected = propagator.step(frame).labels == 1
            points = shape["points"] if shape else [1, 0, 0, 0, 0]
            assert np.array_equal(decode_mask(points, image_height=48, image_width=64), expected)


def test_an_image_is_encoded_once(function, clip, monkeypatch):
    calls = []
    encode = function._model.encode
    monkeypatch.setattr(function._model, "encode", lambda pixels: calls.append(1) or encode(pixels))
    agent = Agent(function)
    first, second, *_ = images_of(clip[0])
    agent.function.preprocess_image(Context(original_shape_type=""), first)
    assert len(calls) == 1  # objects find it encoded, and change nothing of it
    ids = agent.init_tracking(first, shapes_of(clip[1][0]))
    agent.track(second, ids)
    assert len(calls) == 3


def test_constant_memory(function, clip):
    frames, masks = clip
    agent = Agent(function)
    first, *others = images_of(frames)
    ids = agent.init_tracking(first, shapes_of(masks[0]))
    sizes = set()
    for image in others:
        agent.track(image, ids)
        sizes.add(tuple(len(agent.states[key][0].memory.to_bytes()) for key in ids))
    assert len(sizes) == 1


def test_kinds_of_images(function):
    deep = Image.fromarray(np.full((20, 30), 200 * 256 + 7, np.uint16))
    grey = Image.fromarray(np.full((20, 30), 200, np.uint8))
    frames = [
        function.preprocess_image(None, image).frame
        for image in (deep, grey, grey.convert("RGBA"), grey.convert("P"), grey.convert("LA"))
    ]
    assert all(np.array_equal(frame, np.full((20, 30, 3), 200)) for frame in frames)


def test_what_cannot_be_tracked_is_said(function, clip):
    first = next(images_of(clip[0]))
    outside = cvataa.TrackableShape(type="rectangle", points=[100, 100, 120, 120])
    with pytest.raises(cvataa.BadFunctionError, match="outside the image"):
        Agent(function).init_tracking(first, [outside])
