"""Ratios of speed that must not rot, by CPU seconds of alternatives in turn: no machine's load decides them."""

import time
from statistics import median

import pytest
import torch

from gcvos_model.checkpoints import random_model
from gcvos_model.devices import cpu_has_int8
from gcvos_model.evaluation.made_up_clip import made_up_clip
from gcvos_model.evaluation.measured_network import load_with_spacetime
from gcvos_model.evaluation.propagation_benchmark import Stepper, annotated
from gcvos_model.evaluation.timing import time_in_turn
from gcvos_model.evaluation.versus import step_after
from gcvos_model.int8 import ranges_on
from gcvos_model.network.int8_network import put_in_int8

SIDE = 160


@pytest.fixture(scope="module")
def lite():
    return random_model("gcvos-lite")


def steps(network, objects):
    clip, labels = made_up_clip(2, (SIDE, 2 * SIDE), objects)
    return Stepper(annotated(network, clip[0], labels, SIDE), clip)


def cpu_seconds(calls, rounds=7):
    return {name: median(took) for name, took in time_in_turn(calls, rounds, clock=time.process_time).items()}


def test_lite_takes_a_third_of_the_papers_network_at_most(lite):
    took = cpu_seconds({"lite": steps(lite, 1), "r50": steps(random_model("gcvos-r50"), 1)}, rounds=3)
    assert took["lite"] < took["r50"] / 3


def test_each_further_object_takes_35_percent_of_the_first_at_most(lite):
    took = cpu_seconds({1: steps(lite, 1), 5: steps(lite, 5)})
    assert (took[5] - took[1]) / 4 <= 0.35 * took[1]


@pytest.mark.skipif(not cpu_has_int8(), reason="needs a CPU with VNNI")
def test_int8_takes_two_thirds_of_float32_at_most_also_for_further_objects(lite):
    clip, labels = made_up_clip(1, (SIDE, 2 * SIDE), 1)
    quick = random_model("gcvos-lite")
    put_in_int8(quick, ranges_on(lite, [(clip[0], labels == 1)]), torch.float32)
    calls = {
        (name, k): steps(network, k) for name, network in (("float32", lite), ("int8", quick)) for k in (1, 5)
    }
    took = cpu_seconds(calls)
    assert took["int8", 1] < 2 / 3 * took["float32", 1]
    assert took["int8", 5] < 2 / 3 * took["float32", 5]
    assert (took["int8", 5] - took["int8", 1]) / 4 <= 0.35 * took["int8", 1]


def test_stms_memory_is_slower_after_50_frames_and_grows(tiny_model, checkpoint):
    clip, labels = made_up_clip(2, (240, 432), 1)
    other = load_with_spacetime(str(checkpoint), "cpu", "float32")
    calls = {
        (name, t): step_after(t, annotated(network, clip[0], labels, 240), clip[1])[0]
        for name, network in (("context", tiny_model), ("spacetime", other))
        for t in (1, 50)
    }
    took = cpu_seconds(calls)
    assert took["spacetime", 50] > 1.5 * took["context", 50]
    assert took["spacetime", 50] > 1.5 * took["spacetime", 1]
    assert took["context", 50] < 1.15 * took["context", 1]
