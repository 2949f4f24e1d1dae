"""The trial trains every variant, each with what it leaves out, and leaves nothing changed behind it."""

import csv
from dataclasses import replace

import pytest

from gcvos_model.network.config import TINY
from gcvos_model.training import augmentation_trial, image_clips, normalization_trial, unroll

WHOLE = 3, image_clips.DISTRACTORS[0], unroll.DAMAGED, unroll.ClipModel.forward
WANTED = {
    "everything": WHOLE,
    "no distractors": (3, 1.0, *WHOLE[2:]),
    "no damage to fed-back masks": (*WHOLE[:2], 0.0, WHOLE[3]),
    "clips of two frames": (2, *WHOLE[1:]),
}


def state(frames):
    return frames, image_clips.DISTRACTORS[0], unroll.DAMAGED, unroll.ClipModel.forward


@pytest.fixture
def run(tmp_path, monkeypatch, training_root):
    """A variant by its name, trained for two steps; what it was trained with, and its J."""
    original, seen = augmentation_trial.run_stage, []

    def run_stage(config, *arguments, **options):
        seen.append(state(config.frames))
        return original(config, *arguments, **options)

    monkeypatch.setattr(augmentation_trial, "LITE", TINY)
    monkeypatch.setattr(normalization_trial, "HELD_OUT_CLIPS", 3)
    monkeypatch.setattr(augmentation_trial, "HELD_OUT_FRAMES", 3)
    monkeypatch.setattr(augmentation_trial, "run_stage", run_stage)
    names = [variant.name for variant in augmentation_trial.VARIANTS]
    assert len(set(names)) == len(names)
    sequences = training_root / "video" / "train"

    def run(name):
        j = augmentation_trial.trial(
            names.index(name),
            augmentation_trial.trial_config(32, 2),
            training_root,
            sequences,
            tmp_path / "run",
            None,
        )
        return seen[-1], j

    return run


@pytest.mark.parametrize("name", WANTED)
def test_a_variant_leaves_out_what_it_says(run, name):
    trained_with, j = run(name)
    assert trained_with == WANTED[name]
    assert 0 <= j <= 100
    assert state(3) == WHOLE


@pytest.mark.parametrize("name", ["feature stride 32 in place of 16", "feature stride 8 in place of 16"])
def test_another_stride_is_another_forward(run, name):
    trained_with, j = run(name)
    assert trained_with[:3] == WHOLE[:3]
    assert trained_with[3] is not WHOLE[3]
    assert 0 <= j <= 100
    assert state(3) == WHOLE


def test_the_command_writes_a_row_for_each_variant_and_seed(tmp_path, monkeypatch, training_root):
    """In processes of their own, with gcvos-lite itself; two of the variants will do."""
    monkeypatch.setattr(augmentation_trial, "VARIANTS", augmentation_trial.VARIANTS[:2])
    config = augmentation_trial.trial_config
    monkeypatch.setattr(
        augmentation_trial, "trial_config", lambda size, steps: replace(config(size, steps), batch=1)
    )
    sequences = training_root / "video" / "train"
    augmentation_trial.main(training_root, sequences, tmp_path / "out", size=32, steps=1, seeds=2)
    with (tmp_path / "out" / "augmentations.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [variant.name for variant in augmentation_trial.VARIANTS]
    assert [(row["variant"], row["seed"]) for row in rows] == [(n, s) for s in "01" for n in names]
    assert all(0 <= float(row["J"]) <= 100 for row in rows)
