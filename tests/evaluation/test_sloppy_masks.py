"""Sloppy first masks: what is given, and how the track is scored."""

import numpy as np
import pytest

from gcvos_model.checkpoints import random_model
from gcvos_model.evaluation import sloppy_masks
from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.evaluation.sloppy_masks import KINDS, tracked_j
from gcvos_model.propagation import Propagator


@pytest.fixture
def ball(davis):
    return read_dataset(davis.root, Benchmark.DAVIS2016, "val")[0]


def test_a_tracker_that_knows_the_truth_has_a_j_of_1_whatever_it_is_given(ball, monkeypatch):
    annotations = [sloppy_masks.read_annotation(ball, name) for name in ball.frames]
    given = []

    class Truthful(Propagator):
        def annotate(self, frame, masks):
            given.append(masks)
            return super().annotate(frame, masks)

        def step(self, frame):
            result = super().step(frame)
            result.labels[:] = annotations[self.index - 1]
            return result

    monkeypatch.setattr(sloppy_masks, "Propagator", Truthful)
    ticks = []
    found = {kind: tracked_j(random_model("tiny"), ball, kind, lambda: ticks.append(1)) for kind in KINDS}
    assert all(predicted == 1 for _, predicted in found.values())
    assert found["exact"][0] == 1
    assert 0.5 < found["too large or too small"][0] < 1  # a box or a polygon of 12 pixels may be exact
    assert len(ticks) == len(KINDS) * (len(ball.images) - 1)
    again = tracked_j(random_model("tiny"), ball, "shifted")
    assert again == found["shifted"]
    np.testing.assert_array_equal(given[-1][1], given[list(KINDS).index("shifted")][1])


def test_the_command_prints_every_kind(davis, capsys, monkeypatch):
    monkeypatch.setattr(sloppy_masks, "load_model", lambda *_, **__: random_model("tiny"))
    sloppy_masks.main(davis.root)
    printed = capsys.readouterr().out
    assert all(kind in printed for kind in KINDS)
