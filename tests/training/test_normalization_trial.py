"""The trial trains every form and judges it on clips of its own."""

import csv

import pytest

from gcvos_model.network.config import TINY
from gcvos_model.training import normalization_trial
from gcvos_model.training.image_clips import image_clip


def test_every_form_is_trained_and_judged_at_both_sizes(tmp_path, monkeypatch, training_root):
    monkeypatch.setattr(normalization_trial, "LITE", TINY)
    monkeypatch.setattr(normalization_trial, "HELD_OUT_CLIPS", 3)
    normalization_trial.main([training_root], tmp_path / "out", size=32, steps=2)
    with (tmp_path / "out" / "normalization.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["normalization"] for row in rows] == ["none", "mean", "softmax"]
    assert all(0 <= float(row[key]) <= 100 for row in rows for key in ("J", "J_double"))


def test_held_out_j_is_100_for_a_network_that_is_told_the_truth(training_data, monkeypatch):
    class Truthful:
        def __init__(self, network):
            self.clips = iter(clips)

        def eval(self):
            return self

        def __call__(self, frames, *_):
            masks = normalization_trial.torch.from_numpy(next(self.clips).masks[1:])
            return (masks[None, :, None] > 127).float() - 0.5

    clips = []

    def make(rng):
        clips.append(image_clip(rng, training_data, 48, 3))
        return clips[-1]

    monkeypatch.setattr(normalization_trial, "ClipModel", Truthful)
    monkeypatch.setattr(normalization_trial, "HELD_OUT_CLIPS", 4)
    assert normalization_trial.held_out_j(None, make) == pytest.approx(100)
    assert len(clips) == 4
