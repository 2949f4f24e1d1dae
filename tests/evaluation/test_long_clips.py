"""Looped clips: which frames they show, and that every third is scored against its own frames."""

import numpy as np

from gcvos_model.checkpoints import random_model
from gcvos_model.evaluation import long_clips
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.evaluation.long_clips import forth_and_back, thirds
from gcvos_model.propagation import Propagator


def test_frames_go_forth_and_back():
    assert forth_and_back(4, 11) == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2]
    assert forth_and_back(2, 5) == [0, 1, 0, 1, 0]


def test_a_tracker_that_fails_after_a_while_has_a_worse_last_third(davis, monkeypatch):
    ball = read_dataset(davis.root, Benchmark.DAVIS2016, "val")[0]
    order = forth_and_back(len(ball.images), 31)
    annotations = [long_clips.read_annotation(ball, name) for name in ball.frames]

    class Truthful(Propagator):
        def step(self, frame):
            result = super().step(frame)
            right = annotations[order[self.index - 1]]
            result.labels[:] = right if self.index <= 21 else 0
            return result

    monkeypatch.setattr(long_clips, "Propagator", Truthful)
    ticks = []
    found = thirds(random_model("tiny"), ball, 31, lambda: ticks.append(1))
    np.testing.assert_array_equal(found, [1, 1, 0])
    assert len(ticks) == 30


def test_the_command_prints_every_sequence(davis, capsys, monkeypatch):
    monkeypatch.setattr(long_clips, "load_model", lambda *_, **__: random_model("tiny"))
    long_clips.main(davis.root, frames=5)
    printed = capsys.readouterr().out
    assert all(s.name in printed for s in read_dataset(davis.root, Benchmark.DAVIS2016, "val"))
    assert "mean" in printed
