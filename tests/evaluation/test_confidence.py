"""What a confidence is worth, by hand."""

import numpy as np
import pytest

from gcvos_model.checkpoints import random_model
from gcvos_model.evaluation.confidence import CUT, auroc, least_confident, with_cut
from gcvos_model.evaluation.judgements import judge, whole
from gcvos_model.evaluation.layouts import Benchmark, read_dataset

from .scenes import FRAMES


def test_auroc_by_hand():
    confidence = np.array([0.1, 0.4, 0.4, 0.8, 0.9])
    bad = np.array([True, True, False, False, False])
    assert auroc(confidence, bad) == pytest.approx((3 + 2.5) / 6)
    assert auroc(-confidence, bad) == pytest.approx(0.5 / 6)


def test_the_least_confident_by_hand():
    confidence = np.linspace(0, 1, 10)
    bad = np.isin(np.arange(10), [0, 3, 4])
    assert least_confident(confidence, bad, 0.2) == (0.5, pytest.approx(1 / 3))
    assert least_confident(confidence, bad, 0.5) == (0.6, 1.0)


def test_every_later_frame_is_judged_and_in_a_cut_nothing_is_there(davis):
    ball, car, _ = read_dataset(davis.root, Benchmark.DAVIS2016, "val")
    network = random_model("tiny")
    frames = list(judge(network, whole(ball)))
    assert len(frames) == FRAMES - 1
    assert all(m.present and 0 <= m.j <= 1 and 0 <= m.confidence <= 1 for frame in frames for m in frame)
    judged = list(judge(network, [(ball, range(3)), (car, range(2)), (ball, range(3, 5))]))
    assert [all(m.present for m in frame) for frame in judged] == [True] * 2 + [False] * 2 + [True] * 2


def test_a_cut_comes_back_to_where_it_left(davis):
    ball, car, _ = read_dataset(davis.root, Benchmark.DAVIS2016, "val")
    (first, before), (other, away), (again, after) = with_cut(ball, car)
    assert first is again is ball
    assert other is car
    assert len(away) == CUT
    assert before.stop == after.start
