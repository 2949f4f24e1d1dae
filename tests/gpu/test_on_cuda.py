"""What only a GPU can show: that a real graph does what the Propagator's own steps do, and that nobody waits."""

import numpy as np
import pytest
import torch

from gcvos_model import Propagator
from gcvos_model.evaluation.gpu_benchmark import check_graphs
from gcvos_model.evaluation.measured_network import load_measured
from gcvos_model.evaluation.propagation_benchmark import Case

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

SIDE = 64


@pytest.fixture(scope="module")
def model():
    return load_measured("tiny", "cuda", "float32")


@pytest.fixture
def propagator(model, scene):
    frames, labels = scene
    propagator = Propagator(model, short_side=SIDE)
    propagator.annotate(frames[0], {1: labels[0] == 1, 2: labels[0] == 2})
    return propagator


@pytest.mark.parametrize("objects", [1, 3, 16])
def test_graphs_agree_with_steps_without_them(objects):
    row = check_graphs(Case("tiny", "cuda", "float32", short_side=64, source_side=96, objects=objects))
    assert row["agrees"], row


def test_a_step_does_not_wait_for_the_gpu(propagator, scene):
    propagator.step(scene[0][1]).wait()
    propagator.step(scene[0][2]).wait()
    torch.cuda.set_sync_debug_mode("error")
    try:
        propagator.step(scene[0][3])
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_memory_does_not_grow(propagator, scene):
    used = []
    for index in range(200):
        propagator.step(scene[0][index % 10])
        used.append(torch.cuda.memory_allocated())
    assert max(used[20:]) == max(used[10:20])


def test_two_propagators_of_one_model_do_not_disturb_each_other(model, propagator, scene):
    frames, labels = scene
    alone = [propagator.step(frame).coarse for frame in frames[1:6]]
    first, second = (Propagator(model, short_side=SIDE) for _ in range(2))
    first.annotate(frames[0], {1: labels[0] == 1, 2: labels[0] == 2})
    second.annotate(frames[0], {7: labels[0] == 2, 8: labels[0] == 1})
    for frame, expected in zip(frames[1:6], alone, strict=True):
        result = first.step(frame)
        second.step(frame)
        np.testing.assert_array_equal(result.coarse, expected)


def test_graphs_go_with_their_model(scene):
    frames, labels = scene
    model = load_measured("tiny", "cuda", "float32")
    propagator = Propagator(model, short_side=SIDE)
    propagator.annotate(frames[0], {1: labels[0] == 1})
    propagator.step(frames[1]).wait()
    assert len(vars(model)["step_graphs"]) == 1
    before = torch.cuda.memory_allocated()
    del model, propagator
    assert torch.cuda.memory_allocated() < before
