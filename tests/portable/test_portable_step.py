"""The step against `Propagator`, both in PyTorch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gcvos_model.checkpoints import random_model
from gcvos_model.errors import InputError
from gcvos_model.network.config import TINY
from gcvos_model.portable.onnx_file import step_shape
from gcvos_model.portable.step import Step, resize_matrix
from gcvos_model.portable.timing import pytorch_run
from gcvos_model.portable.tracker import PortableTracker
from gcvos_model.propagation import Propagator
from gcvos_model.step import quantize, restore

SIZE = (64, 112)  # see conftest.py


@pytest.fixture(scope="module")
def tracker(tiny_model):
    def new(model=tiny_model):
        return PortableTracker(pytorch_run(model, SIZE), step_shape(model, SIZE))

    return new


def assert_alike(tracker, propagator, got, expected):
    """Probabilities, labels and the state of every object."""
    assert (got.labels == expected.labels).mean() > 0.999
    for object_id, p in zip(expected.ids, expected.coarse, strict=True):
        k = got.ids.index(object_id)
        np.testing.assert_allclose(got.probability[k], p, atol=1e-4)
        memory = propagator.memories[object_id]
        assert tracker.state["frames"][k] == memory.frames
        assert tracker.state["annotated_frames"][k] == memory.annotated_frames
        scale = memory.context.abs().max()
        np.testing.assert_allclose(tracker.state["context"][k], memory.context, atol=1e-4 * scale)
        np.testing.assert_allclose(tracker.state["annotated"][k], memory.annotated.float(), atol=1e-3 * scale)


@pytest.mark.parametrize("horizon", [0, 2])
def test_as_the_propagator_with_an_object_that_enters_and_one_that_is_corrected(tracker, scene, horizon):
    frames, labels = scene
    model = random_model(replace(TINY, horizon=horizon))
    ours, reference = tracker(model), Propagator(model, short_side=SIZE[0])
    prompts = {0: {1: labels[0] == 1}, 3: {2: labels[3] == 2}, 6: {1: labels[6] == 1}}
    for index, frame in enumerate(frames):
        masks = prompts.get(index)
        got = ours.annotate(frame, masks) if masks else ours.step(frame)
        expected = reference.annotate(frame, masks) if masks else reference.step(frame)
        assert_alike(ours, reference, got, expected)


def test_without_a_second_read(tracker, scene):
    frames, labels = scene
    model = random_model(type(TINY)(**{**TINY.to_dict(), "annotated_apart": False}))
    ours, reference = tracker(model), Propagator(model, short_side=SIZE[0])
    first = {1: labels[0] == 1}
    assert_alike(ours, reference, ours.annotate(frames[0], first), reference.annotate(frames[0], first))
    assert_alike(ours, reference, ours.step(frames[1]), reference.step(frames[1]))


def test_a_lost_object_learns_nothing(tracker, scene):
    frames, labels = scene
    ours = tracker()
    ours.annotate(frames[0], {1: labels[0] == 1})
    inputs = step_shape_inputs(ours)
    inputs["region"][:] = 0  # nowhere to be found
    outputs = ours.run(inputs)
    np.testing.assert_array_equal(outputs["next_context"], inputs["context"])
    assert outputs["next_frames"] == 1
    assert outputs["probability"].max() < 1e-6


def test_an_object_unlike_its_context_is_lost_as_in_the_propagator(tracker, scene):
    frames, labels = scene
    model = random_model(replace(TINY, least_likeness=1.1))  # no cosine reaches it
    ours, reference = tracker(model), Propagator(model, short_side=SIZE[0])
    first = {1: labels[0] == 1}
    assert_alike(ours, reference, ours.annotate(frames[0], first), reference.annotate(frames[0], first))
    got = ours.step(frames[1])
    assert_alike(ours, reference, got, reference.step(frames[1]))
    assert not got.probability.any()
    ours.step(frames[2])
    reference.step(frames[2])
    faded = restore(reference.memories[1].mask[None], (SIZE[0] // 4, SIZE[1] // 4))[:, 0]
    assert 0.6 < faded.max() < 0.65
    np.testing.assert_allclose(ours.state["previous"], faded, atol=2 / 255)


def step_shape_inputs(tracker):
    return {**tracker.shape.inputs(1), **tracker.state}


@pytest.mark.parametrize(("inputs", "shrink"), [(30, True), (200, True), (30, False), (120, False)])
def test_matrices_resize_as_pytorch_does(inputs, shrink):
    map_ = torch.rand(1, 1, inputs, inputs)
    matrix = resize_matrix(inputs, 120, shrink=shrink)
    expected = F.interpolate(map_, size=(120, 120), mode="bilinear", antialias=shrink)[0, 0]
    torch.testing.assert_close(matrix @ map_[0, 0] @ matrix.T, expected, atol=1e-5, rtol=1e-5)


def test_previous_masks_go_through_the_memory_s_bytes(tiny_model):
    mask = torch.rand(2, SIZE[0] // 4, SIZE[1] // 4)
    kept = Step(tiny_model, SIZE).kept(mask)
    small = quantize(mask[:, None])[:, None].float() / 255
    expected = F.interpolate(small, size=mask.shape[1:], mode="bilinear")[:, 0]
    assert ((kept - expected).abs() > 1e-5).float().mean() < 0.02  # a rounding that fell the other way


def test_what_cannot_be_exported_is_refused(tiny_model):
    with pytest.raises(InputError, match="multiples of 16"):
        Step(tiny_model, (60, 112))
    spacetime = random_model(type(TINY)(**{**TINY.to_dict(), "memory": "spacetime"}))
    with pytest.raises(InputError, match="not a context"):
        Step(spacetime, SIZE)


def test_nothing_tracked_is_refused(tracker, scene):
    with pytest.raises(InputError, match="annotate a frame first"):
        tracker().step(scene[0][0])
