import time

import pytest
import torch

from gcvos_model import Propagator, propagation
from gcvos_model.evaluation.stages import STEP_STAGES, StageClock, clocked_step


def test_a_stage_does_not_count_what_is_inside_it(monkeypatch):
    ticks = iter([0.0, 1.0, 3.0, 7.0, 8.0, 10.0])  # outer 0 to 7, inner 1 to 3; then outer 8 to 10
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    clock = StageClock(torch.device("cpu"))
    with clock.stage("outer"), clock.stage("inner"):
        pass
    with clock.stage("outer"):
        pass
    assert clock.seconds() == {"outer": 5.0 + 2.0, "inner": 2.0}
    assert clock.seconds() == {}


def test_every_stage_of_a_step_is_there_and_they_make_up_the_step(tiny_model, scene):
    frames, labels = scene
    propagator = Propagator(tiny_model, short_side=64)
    propagator.annotate(frames[0], {1: labels[0] == 1})
    clock = StageClock(torch.device("cpu"))
    with clocked_step(clock, tiny_model):
        begun = time.perf_counter()
        with clock.stage("other"):
            propagator.step(frames[1])
        whole = time.perf_counter() - begun
    seconds = clock.seconds()
    assert set(seconds) == {*STEP_STAGES, "other"}
    assert all(value > 0 for value in seconds.values())
    assert sum(seconds.values()) == pytest.approx(whole, rel=0.05)


def test_nothing_is_timed_afterwards(tiny_model, scene):
    frames, labels = scene
    before = propagation.frame_pixels
    clock = StageClock(torch.device("cpu"))
    with clocked_step(clock, tiny_model):
        assert propagation.frame_pixels is not before
    propagator = Propagator(tiny_model, short_side=64)
    propagator.annotate(frames[0], {1: labels[0] == 1})
    propagator.step(frames[1])
    assert clock.seconds() == {}
    assert propagation.frame_pixels is before
