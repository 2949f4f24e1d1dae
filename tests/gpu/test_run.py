"""Steps in graphs against the Propagator's own. Without a GPU the captured function is called as it is."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gcvos_model import ObjectMemory, Propagator
from gcvos_model.checkpoints import random_model
from gcvos_model.gpu.run import CAPACITIES, DeviceRun, runs_on_device
from gcvos_model.network.config import TINY
from gcvos_model.network.network import GCNetwork
from gcvos_model.results import FrameResult

SIDE = 64


@pytest.fixture
def on_device(monkeypatch):
    """Propagators run their steps as on a GPU, unless they are eager."""
    monkeypatch.setattr("gcvos_model.propagation.runs_on_device", lambda model, memories: bool(memories))


def pair(model, scene, *ids):
    """One that runs on the device and one that does not, both annotated on the first frame."""
    frames, labels = scene
    propagators = Propagator(model, short_side=SIDE), Propagator(model, short_side=SIDE, eager=True)
    for propagator in propagators:
        propagator.annotate(frames[0], {i: masks_of(labels[0], i) for i in ids})
    return propagators


def masks_of(labels, object_id):
    """The first two objects are the scene's; others are squares of their own."""
    if object_id <= 2:
        return labels == object_id
    mask = np.zeros(labels.shape, bool)
    mask[10 * (object_id % 4) : 10 * (object_id % 4) + 9, 5 * object_id : 5 * object_id + 9] = True
    return mask


def assert_alike(got, expected):
    assert (got.index, got.ids, got.working_size) == (expected.index, expected.ids, expected.working_size)
    np.testing.assert_allclose(got.coarse, expected.coarse, rtol=0, atol=1e-5)
    assert got.labels.dtype == expected.labels.dtype
    assert (got.labels == expected.labels).mean() > 0.999
    for object_id, wanted in expected.objects.items():
        assert got.objects[object_id].confidence == pytest.approx(wanted.confidence, abs=1e-4)
        assert got.objects[object_id].visible == wanted.visible


def assert_same_memories(got, expected):
    assert list(got) == list(expected)
    for memory, wanted in zip(got.values(), expected.values(), strict=True):
        assert replace(memory, context=None, annotated=None, mask=None) == replace(
            wanted, context=None, annotated=None, mask=None
        )
        torch.testing.assert_close(memory.context, wanted.context, rtol=0, atol=1e-5)
        assert torch.equal(memory.annotated, wanted.annotated)
        assert (memory.mask.int() - wanted.mask.int()).abs().max() <= 1


@pytest.mark.parametrize("ids", [(1,), (1, 2), (1, 2, 5), (2, 300, 1), (1, 2, 3, 4, 5)])
def test_as_the_propagators_own_steps_for_every_number_of_objects(tiny_model, scene, on_device, ids):
    ids = tuple(i for i in ids if i != 300) + ((300,) if 300 in ids else ())
    frames, labels = scene
    propagators = pair(tiny_model, scene, *(i for i in ids if i != 300))
    if 300 in ids:
        for propagator in propagators:
            propagator.annotate(frames[1], {300: masks_of(labels[0], 3)})
    for frame in frames[2:]:
        got, expected = (propagator.step(frame) for propagator in propagators)
        assert_alike(got, expected)
    assert_same_memories(*(propagator.memories for propagator in propagators))


def test_objects_that_are_seen_are_learnt_from_and_searched_for(scene, on_device, monkeypatch):
    """Random weights see little; here they see and learn much."""
    for module in ("propagation", "step"):
        monkeypatch.setattr(f"gcvos_model.{module}.LOST_BELOW", 0.3)
    model = random_model(TINY)
    with torch.no_grad():
        model.decoder.predict.bias.fill_(1)
    for ids in ((1,), (1, 2)):
        propagators = pair(model, scene, *ids)
        for frame in scene[0][1:6]:
            got, expected = (propagator.step(frame) for propagator in propagators)
            assert_alike(got, expected)
        assert_same_memories(*(propagator.memories for propagator in propagators))
        assert {memory.frames for memory in propagators[0].memories.values()} == {6}
        assert got.coarse.max() > 0
        assert got.coarse.min() < 1e-6  # outside of the search region


def test_annotations_corrections_and_forgetting_between_steps(tiny_model, scene, on_device):
    frames, labels = scene
    propagators = pair(tiny_model, scene, 1)
    for index, frame in enumerate(frames[1:], start=1):
        if index == 3:
            results = [p.annotate(frame, {2: labels[index] == 2}) for p in propagators]
        elif index == 6:
            results = [p.annotate(frame, {1: labels[index] == 1}) for p in propagators]
        else:
            if index == 8:
                for propagator in propagators:
                    propagator.forget(1)
            results = [p.step(frame) for p in propagators]
        assert_alike(*results)
    assert_same_memories(*(propagator.memories for propagator in propagators))


def test_memories_that_are_read_after_each_step_go_on_elsewhere(tiny_model, scene, on_device):
    frames, _ = scene
    straight, _ = pair(tiny_model, scene, 1, 2)
    hopping, _ = pair(tiny_model, scene, 1, 2)
    for frame in frames[1:5]:
        expected = straight.step(frame)
        got = hopping.step(frame)
        packed = {i: memory.to_bytes() for i, memory in hopping.memories.items()}
        memories = {i: ObjectMemory.from_bytes(p) for i, p in packed.items()}
        hopping = Propagator(tiny_model, short_side=SIDE, memories=memories, index=hopping.index)
        np.testing.assert_array_equal(got.coarse, expected.coarse)
        np.testing.assert_array_equal(got.labels, expected.labels)


def test_memories_that_are_set_are_gone_on_from(tiny_model, scene, on_device):
    frames, _ = scene
    propagator, _ = pair(tiny_model, scene, 1)
    before = dict(propagator.memories)
    first = propagator.step(frames[1])
    propagator.step(frames[2])
    propagator.memories = before
    np.testing.assert_array_equal(propagator.step(frames[1]).coarse, first.coarse)


def test_a_frame_of_another_size_goes_on(tiny_model, scene, on_device):
    frames, _ = scene
    propagators = pair(tiny_model, scene, 1)
    for frame in (frames[1], np.ascontiguousarray(frames[2].repeat(2, 0)[:, :50]), frames[3]):
        assert_alike(*(propagator.step(frame) for propagator in propagators))


def test_a_lost_object_learns_nothing(scene, on_device):
    model = random_model(TINY)
    with torch.no_grad():
        model.decoder.predict.bias.fill_(-50)
    propagator, _ = pair(model, scene, 1)
    before = propagator.memories[1]
    result = propagator.step(scene[0][1])
    assert not result.labels.any()
    assert result.objects[1].confidence == 0
    assert propagator.memories[1].frames == before.frames
    assert torch.equal(propagator.memories[1].context, before.context)


def test_the_result_before_the_last_is_there_the_last_one_waits_until_it_is_looked_at(
    tiny_model, scene, on_device
):
    frames, _ = scene
    propagator, _ = pair(tiny_model, scene, 1)
    first, second = propagator.step(frames[1]), propagator.step(frames[2])
    assert "labels" in vars(first)
    assert "labels" not in vars(second)
    assert second.coarse.shape == (1, 16, 28)
    assert "labels" in vars(second)
    copied = copy.copy(propagator.step(frames[3]))
    assert type(copied) is FrameResult
    assert copied.labels.shape == (48, 80)


def test_objects_that_only_fill_up_change_nothing(tiny_model, scene, monkeypatch):
    frames, labels = scene
    results = []
    for capacities in ((3,), (8,)):
        monkeypatch.setattr("gcvos_model.gpu.run.CAPACITIES", capacities)
        propagator = Propagator(tiny_model, short_side=SIDE)
        propagator.annotate(frames[0], {i: masks_of(labels[0], i) for i in (1, 2, 5)})
        run = DeviceRun(tiny_model, propagator.memories)
        with torch.inference_mode():
            pixels = np.random.default_rng(0).integers(0, 256, (64, 112, 3), np.uint8)
            results.append([run.step(pixels, (48, 80), index).coarse for index in range(3)])
    np.testing.assert_allclose(results[1], results[0], rtol=0, atol=1e-5)


def test_what_runs_on_a_device(tiny_model, scene):
    """A CPU never does; nor, beside CUDA, what grows or what has no graph."""
    propagator, _ = pair(tiny_model, scene, 1)

    def runs(model, memories, device="cuda"):
        return runs_on_device(Seeming(model.config, torch.device(device)), memories)

    memory = propagator.memories[1]
    assert not runs_on_device(tiny_model, {1: memory})
    assert runs(tiny_model, {1: memory})
    assert runs(tiny_model, dict.fromkeys(range(1, CAPACITIES[-1] + 1), memory))
    assert not runs(tiny_model, {})
    assert not runs(tiny_model, dict.fromkeys(range(1, CAPACITIES[-1] + 2), memory))
    assert not runs(tiny_model, {1: replace(memory, annotated=None)})
    assert not runs(random_model(replace(TINY, memory="spacetime")), {1: memory})
    assert not runs(random_model(replace(TINY, memory_interval=2)), {1: memory})
    assert not runs(tiny_model, {1: memory}, "mps")
    assert not runs_on_device(SimpleNamespace(**vars(Seeming(TINY, torch.device("cuda")))), {1: memory})


class Seeming(GCNetwork):
    """As much of a network as its place and shape."""

    device = None

    def __init__(self, config, device):
        torch.nn.Module.__init__(self)
        self.config, self.device = config, device
